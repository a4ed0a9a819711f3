//! The rules by which the outputs of steps feed the ports of later ones.
//!
//! [`check`] knows them all, and reports every problem: a manifest's check shows each where it is written, and
//! [`FlowDefinition::new`](super::FlowDefinition::new) takes the first.

use crate::event::StepKind;
use crate::step::{MAIN_OUTPUT, OutputSpec, PortSpec};

/// What wiring needs to know of a step type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) kind: StepKind,
    pub(crate) inputs: &'a [PortSpec],
    pub(crate) outputs: &'a [OutputSpec],
}

/// A step whose inputs are to be wired.
pub(crate) struct ToWire<'a> {
    /// `None` if the step type is unknown.
    pub(crate) shape: Option<Shape<'a>>,
    /// The ports that its author wired.
    pub(crate) wires: Vec<&'a str>,
    /// Whether its author may have wired others, in a way that could not be read.
    pub(crate) in_doubt: bool,
}

/// What feeds an input of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feed {
    pub(crate) port: &'static str,
    /// The index of the step that feeds it.
    pub(crate) from: usize,
    /// The output of that step.
    pub(crate) output: &'static str,
}

/// What is wrong with the wiring of a step. `wire` is the index among the wires that its author wrote; `None` stands for
/// the first port, which the step before feeds if nothing else is written.
#[derive(Debug)]
pub(crate) enum Problem {
    FirstNotSource,
    SourceAfterFirst {
        step: usize,
    },
    UnknownPort {
        step: usize,
        wire: usize,
    },
    /// The wire names no earlier step.
    UnknownStep {
        step: usize,
        wire: usize,
    },
    FromSink {
        step: usize,
        port: PortSpec,
        wire: Option<usize>,
        from: usize,
    },
    UnknownOutput {
        step: usize,
        port: PortSpec,
        wire: Option<usize>,
        from: usize,
        output: String,
    },
    OpenPort {
        step: usize,
        port: PortSpec,
    },
    /// The output is of the kind that it has in this flow.
    WrongKind {
        step: usize,
        port: PortSpec,
        wire: Option<usize>,
        from: usize,
        output: OutputSpec,
    },
}

/// How steps are wired, and everything wrong with it.
pub(crate) struct Wiring {
    /// The problems, step by step.
    pub(crate) problems: Vec<Problem>,
    /// For each step what feeds it.
    pub(crate) feeds: Vec<Vec<Feed>>,
    /// For each step its main output, of the kind that it has in this flow; `None` for sinks and unknown step types.
    pub(crate) outputs: Vec<Option<OutputSpec>>,
    /// For each step whether another takes an output of it.
    pub(crate) used: Vec<bool>,
}

/// Wires `steps`. `find` resolves a wire by the indices of step and wire, to the index of an earlier step and the name
/// of its output; `None` if there is no such step.
pub(crate) fn check(steps: &[ToWire<'_>], find: &mut dyn FnMut(usize, usize) -> Option<(usize, String)>) -> Wiring {
    let count = steps.len();
    let wiring =
        Wiring { problems: Vec::new(), feeds: vec![Vec::new(); count], outputs: Vec::new(), used: vec![false; count] };
    let mut checker = Checker { steps, fed: vec![OutputSpec::ANY; count], wiring };
    for (index, step) in steps.iter().enumerate() {
        match step.shape {
            Some(shape) => checker.step(index, shape, find),
            // Its ports are unknown, and the steps that it names are taken all the same.
            None => {
                for (from, _) in (0..step.wires.len()).filter_map(|wire| find(index, wire)) {
                    checker.wiring.used[from] = true;
                }
            }
        }
    }
    let main = |(step, fed): (&ToWire<'_>, &OutputSpec)| {
        let shape = step.shape.filter(|shape| shape.kind != StepKind::Sink)?;
        shape.outputs.first().map(|output| output.fed_by(fed))
    };
    checker.wiring.outputs = steps.iter().zip(&checker.fed).map(main).collect();
    checker.wiring
}

struct Checker<'a> {
    steps: &'a [ToWire<'a>],
    /// What feeds the first port of each step so far; anything, if it is unknown.
    fed: Vec<OutputSpec>,
    wiring: Wiring,
}

impl Checker<'_> {
    fn step(&mut self, index: usize, shape: Shape<'_>, find: &mut dyn FnMut(usize, usize) -> Option<(usize, String)>) {
        self.order(index, shape.kind);
        let step = &self.steps[index];
        let mut in_doubt = step.in_doubt;
        for (wire, name) in step.wires.iter().enumerate() {
            let Some(port) = shape.inputs.iter().find(|port| port.name == *name) else {
                in_doubt = true;
                self.wiring.problems.push(Problem::UnknownPort { step: index, wire });
                continue;
            };
            match find(index, wire) {
                Some((from, output)) => self.connect(index, *port, Some(wire), from, &output),
                None => self.wiring.problems.push(Problem::UnknownStep { step: index, wire }),
            }
        }
        // A port that is open is probably the one that was misspelt, or of a step that may not be the first.
        if in_doubt || (index == 0 && shape.kind != StepKind::Source) {
            return;
        }
        let before = index.checked_sub(1);
        let after_sink = before.and_then(|before| self.steps[before].shape).is_some_and(|it| it.kind == StepKind::Sink);
        for (place, port) in shape.inputs.iter().enumerate().filter(|(_, port)| !step.wires.contains(&port.name)) {
            match before {
                Some(before) if place == 0 && !(port.optional && after_sink) => {
                    self.connect(index, *port, None, before, MAIN_OUTPUT);
                }
                _ if port.optional => {}
                _ => self.wiring.problems.push(Problem::OpenPort { step: index, port: *port }),
            }
        }
    }

    /// The first step is a source, and no other is.
    fn order(&mut self, index: usize, kind: StepKind) {
        let first = self.steps.first().and_then(|first| first.shape);
        if index == 0 && kind != StepKind::Source {
            self.wiring.problems.push(Problem::FirstNotSource);
        } else if index > 0 && kind == StepKind::Source && first.is_some_and(|first| first.kind == StepKind::Source) {
            self.wiring.problems.push(Problem::SourceAfterFirst { step: index });
        }
    }

    fn connect(&mut self, step: usize, port: PortSpec, wire: Option<usize>, from: usize, output: &str) {
        self.wiring.used[from] = true;
        let Some(source) = self.steps[from].shape else { return };
        if source.kind == StepKind::Sink {
            self.wiring.problems.push(Problem::FromSink { step, port, wire, from });
            return;
        }
        let Some(found) = source.outputs.iter().find(|known| known.name == output) else {
            let output = output.to_owned();
            self.wiring.problems.push(Problem::UnknownOutput { step, port, wire, from, output });
            return;
        };
        let output = found.fed_by(&self.fed[from]);
        let first = self.steps[step].shape.and_then(|shape| shape.inputs.first());
        if first.is_some_and(|first| first.name == port.name) {
            self.fed[step] = output;
        }
        if port.accepts(&output) {
            self.wiring.feeds[step].push(Feed { port: port.name, from, output: output.name });
        } else {
            self.wiring.problems.push(Problem::WrongKind { step, port, wire, from, output });
        }
    }
}
