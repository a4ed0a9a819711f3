//! The rules for wiring the ports of steps to the outputs of earlier steps.
//!
//! [`check`] implements all rules and returns every problem: the check of a manifest reports each at its location, and
//! [`FlowDefinition::new`](super::FlowDefinition::new) fails with the first.

use crate::event::StepKind;
use crate::step::{MAIN_OUTPUT, OutputSpec, PortSpec};

/// The properties of a step type that affect wiring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) kind: StepKind,
    pub(crate) inputs: &'a [PortSpec],
    pub(crate) outputs: &'a [OutputSpec],
}

/// A step to wire.
pub(crate) struct ToWire<'a> {
    /// `None` if the step type is unknown.
    pub(crate) shape: Option<Shape<'a>>,
    /// The explicitly wired ports.
    pub(crate) wires: Vec<&'a str>,
    /// Whether there may be other wires that could not be parsed.
    pub(crate) in_doubt: bool,
    /// Whether the step is marked as a source; `None` if the mark could not be parsed.
    pub(crate) source: Option<bool>,
    /// The index of the step and the name of the output that feed the first port by default; `None` for the main output of the
    /// step before.
    pub(crate) default: Option<(usize, String)>,
}

/// The output that feeds a port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feed {
    pub(crate) port: &'static str,
    /// The index of the feeding step.
    pub(crate) from: usize,
    /// The name of its output.
    pub(crate) output: &'static str,
}

/// A problem with the wiring of a step. `wire` is an index into [`ToWire::wires`]; `None` if the previous step feeds the
/// first port by default.
#[derive(Debug)]
pub(crate) enum Problem {
    FirstNotSource,
    /// A source after the first step that is not marked as one.
    SourceAfterFirst {
        step: usize,
    },
    /// A step that is marked as a source and is not one.
    NotSource {
        step: usize,
        kind: StepKind,
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
    /// `output` has the kind that it has in this flow.
    WrongKind {
        step: usize,
        port: PortSpec,
        wire: Option<usize>,
        from: usize,
        output: OutputSpec,
    },
}

/// A step whose first port takes by default the output that another of its ports names.
pub(crate) struct Doubled {
    pub(crate) step: usize,
    /// The port that takes the output by default.
    pub(crate) port: PortSpec,
    /// The wire that names the output: an index into [`ToWire::wires`].
    pub(crate) wire: usize,
}

/// The wiring of all steps, and the problems with it.
pub(crate) struct Wiring {
    /// The problems, in the order of the steps.
    pub(crate) problems: Vec<Problem>,
    /// What is probably a mistake, although the flow can run.
    pub(crate) doubled: Vec<Doubled>,
    /// For each step, the feeds of its ports.
    pub(crate) feeds: Vec<Vec<Feed>>,
    /// For each step, its main output with the kind that it has in this flow; `None` for sinks and unknown step types.
    pub(crate) outputs: Vec<Option<OutputSpec>>,
    /// For each step, whether one of its outputs feeds another step.
    pub(crate) used: Vec<bool>,
}

/// Wires `steps`. `find` resolves a wire, identified by the indices of its step and of the wire, to the index of an earlier
/// step and the name of an output; `None` if there is no such step.
pub(crate) fn check(steps: &[ToWire<'_>], find: &mut dyn FnMut(usize, usize) -> Option<(usize, String)>) -> Wiring {
    let count = steps.len();
    let wiring = Wiring {
        problems: Vec::new(),
        doubled: Vec::new(),
        feeds: vec![Vec::new(); count],
        outputs: Vec::new(),
        used: vec![false; count],
    };
    let mut checker = Checker { steps, fed: vec![OutputSpec::ANY; count], wiring };
    for (index, step) in steps.iter().enumerate() {
        match step.shape {
            Some(shape) => checker.step(index, shape, find),
            // The ports are unknown, but the steps that it names count as used.
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
    /// For each step, the output that feeds its first port; [`OutputSpec::ANY`] if it is unknown.
    fed: Vec<OutputSpec>,
    wiring: Wiring,
}

impl Checker<'_> {
    fn step(&mut self, index: usize, shape: Shape<'_>, find: &mut dyn FnMut(usize, usize) -> Option<(usize, String)>) {
        self.order(index, shape.kind, self.steps[index].source);
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
        // An open port is probably the misspelt one, or that of a step that must not be the first, or was taken for a source.
        if in_doubt || (shape.kind != StepKind::Source && (index == 0 || step.source == Some(true))) {
            return;
        }
        let (before, output) = match &step.default {
            Some((from, output)) => (Some(*from), output.as_str()),
            None => (index.checked_sub(1), MAIN_OUTPUT),
        };
        let after_sink = before.and_then(|before| self.steps[before].shape).is_some_and(|it| it.kind == StepKind::Sink);
        for (number, port) in shape.inputs.iter().enumerate().filter(|(_, port)| !step.wires.contains(&port.name)) {
            match before {
                Some(before) if number == 0 && !(port.optional && after_sink) => {
                    self.connect(index, *port, None, before, output);
                    if output == MAIN_OUTPUT {
                        self.doubled(index, *port, before);
                    }
                }
                _ if port.optional => {}
                _ => self.wiring.problems.push(Problem::OpenPort { step: index, port: *port }),
            }
        }
    }

    /// Checks that the first step is a source, and that the others are sources if, and only if, they are marked.
    fn order(&mut self, index: usize, kind: StepKind, marked: Option<bool>) {
        let first = self.steps.first().and_then(|first| first.shape);
        if index == 0 && kind != StepKind::Source {
            self.wiring.problems.push(Problem::FirstNotSource);
        } else if index > 0
            && kind == StepKind::Source
            && marked == Some(false)
            && first.is_some_and(|first| first.kind == StepKind::Source)
        {
            self.wiring.problems.push(Problem::SourceAfterFirst { step: index });
        } else if index > 0 && kind != StepKind::Source && marked == Some(true) {
            self.wiring.problems.push(Problem::NotSource { step: index, kind });
        }
    }

    /// Notes whether a wire of the step names the main output of the step `before`, which feeds `port` by default.
    fn doubled(&mut self, step: usize, port: PortSpec, before: usize) {
        let of_wire = |feed: &&Feed| feed.port != port.name && feed.from == before && feed.output == MAIN_OUTPUT;
        let Some(other) = self.wiring.feeds[step].iter().find(of_wire) else { return };
        if let Some(wire) = self.steps[step].wires.iter().position(|wire| *wire == other.port) {
            self.wiring.doubled.push(Doubled { step, port, wire });
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
