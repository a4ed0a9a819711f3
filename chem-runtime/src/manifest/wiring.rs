//! The wiring of a manifest: the order of the steps, their inputs, and the kinds of artifact between them.
//!
//! [`flow`](crate::flow) defines the rules. This module reports each problem at its location.

use std::collections::HashMap;

use chem_manifest::authored::AuthoredStep;
use chem_manifest::links::{Link, Links};
use chem_manifest::yaml::Key;
use chem_manifest::{Diagnostic, Findings, Source, Span, rules};

use crate::flow::{Doubled, Feed, Problem, Shape, ToWire, check_wiring};
use crate::step::{MAIN_OUTPUT, OutputSpec, PortSpec, Registry, StepKind, StepSpec, listed};

/// Groups of rules whose errors leave the wiring too uncertain to report unused steps.
const DOUBTS: &[&str] = &["01", "02", "04", "05"];

/// The wiring of the steps, as far as it is known.
pub(super) struct Wired {
    /// For each step, what feeds it.
    pub(super) feeds: Vec<Vec<Feed>>,
    /// For each step, its main output, with the kind that it has in this flow.
    pub(super) outputs: Vec<Option<OutputSpec>>,
}

/// Checks the wiring of `steps`. Their types are `specs`, with `None` for an unknown type.
pub(super) fn check(
    steps: &[AuthoredStep],
    specs: &[Option<&'static StepSpec>],
    source: &Source,
    registry: &Registry,
    taken: &[&str],
    findings: &mut Findings,
) -> Wired {
    let mut links = HashMap::new();
    let finder = Links::new(steps, source);
    let mut to_wire: Vec<ToWire<'_>> = steps.iter().zip(specs).map(to_wire).collect();
    for (index, step) in steps.iter().enumerate() {
        let Some(shards) = step.shards.as_ref().filter(|shards| shards.is_first) else { continue };
        match finder.find(index, &shards.over, findings) {
            Some(link) => {
                let output = link.output.as_ref().map_or(MAIN_OUTPUT, |output| &output.text);
                to_wire[index].default = Some((link.from, output.to_owned()));
            }
            None => to_wire[index].in_doubt = true,
        }
    }
    let wiring = check_wiring(&to_wire, &mut |step, wire| {
        let (_, from) = &steps[step].inputs[wire];
        let link = finder.find(step, from, findings)?;
        let output = link.output.as_ref().map_or(MAIN_OUTPUT, |output| &output.text).to_owned();
        let from = link.from;
        links.insert((step, wire), link);
        Some((from, output))
    });
    let mut reporter = Reporter { steps, specs, source, links, outputs: &wiring.outputs, findings };
    for problem in &wiring.problems {
        reporter.report(problem, registry);
    }
    for doubled in &wiring.doubled {
        reporter.doubled(doubled);
    }
    reporter.unused(&wiring.used, taken);
    Wired { feeds: wiring.feeds, outputs: wiring.outputs }
}

fn to_wire<'a>((step, spec): (&'a AuthoredStep, &Option<&'static StepSpec>)) -> ToWire<'a> {
    ToWire {
        shape: spec.map(|spec| Shape { kind: spec.kind, inputs: spec.inputs, outputs: spec.outputs }),
        wires: step.inputs.iter().map(|(port, _)| port.name.as_str()).collect(),
        in_doubt: step.inputs_in_doubt,
        source: step.source,
        default: None,
    }
}

/// Reports problems at their locations in the manifest.
struct Reporter<'a> {
    steps: &'a [AuthoredStep],
    specs: &'a [Option<&'static StepSpec>],
    source: &'a Source,
    /// The target of each wire, by the indices of its step and of the wire.
    links: HashMap<(usize, usize), Link>,
    /// The main output of each step.
    outputs: &'a [Option<OutputSpec>],
    findings: &'a mut Findings,
}

impl Reporter<'_> {
    fn report(&mut self, problem: &Problem, registry: &Registry) {
        match problem {
            Problem::FirstNotSource => self.first_not_source(registry),
            Problem::SourceAfterFirst { step } => self.source_after_first(*step),
            Problem::NotSource { step, kind } => self.not_source(*step, *kind),
            Problem::UnknownPort { step, wire } => self.unknown_port(*step, *wire),
            // The lookup of the step has reported it.
            Problem::UnknownStep { .. } => {}
            Problem::FromSink { step, port, wire, from } => match self.link(*step, *wire) {
                Some(link) => self.wired_to_sink(link.at, *from),
                None => self.open_port(*step, port, Some(*from)),
            },
            Problem::UnknownOutput { step, wire, from, output, .. } => {
                let link = self.link(*step, *wire);
                let at = link.map(|link| link.output.as_ref().map_or(link.at, |output| output.span));
                self.unknown_output(*from, output, at.unwrap_or_else(|| self.uses(*step)));
            }
            Problem::OpenPort { step, port } => self.open_port(*step, port, None),
            Problem::WrongKind { step, port, wire, from, output } => {
                let written = wire.map(|wire| self.steps[*step].inputs[wire].1.span);
                self.wrong_kind(*step, port, (*from, output), written.unwrap_or_else(|| self.uses(*step)));
            }
        }
    }

    /// Returns the target of a wire; `None` for the first port of a step if the manifest does not wire it.
    fn link(&self, step: usize, wire: Option<usize>) -> Option<&Link> {
        self.links.get(&(step, wire?))
    }

    fn first_not_source(&mut self, registry: &Registry) {
        let Some(first) = self.specs.first().copied().flatten() else { return };
        let is_source = |spec: &Option<&StepSpec>| spec.is_some_and(|spec| spec.kind == StepKind::Source);
        let message = format!("a flow must begin with a source, but `{}` is a {}", first.name, first.kind.name());
        let mut diagnostic = Diagnostic::new(&rules::FIRST_NOT_SOURCE, message, self.source, self.uses(0));
        match self.specs.iter().position(is_source) {
            Some(later) => {
                diagnostic = diagnostic.with_secondary(self.source, self.uses(later), "this is a source");
                diagnostic = diagnostic.with_help(format!("put {} first", self.name(later)));
            }
            None => {
                let sources = registry.iter().map(|registration| registration.spec());
                let sources: Vec<&str> =
                    sources.filter(|spec| spec.kind == StepKind::Source).map(|spec| spec.name).take(5).collect();
                if !sources.is_empty() {
                    diagnostic = diagnostic.with_help(format!("sources are {}", listed(&sources)));
                }
            }
        }
        self.findings.add(diagnostic);
    }

    fn source_after_first(&mut self, step: usize) {
        let message = format!("{} is a source after the first step, and is not marked as one", self.name(step));
        let help = "add `source: true` if the flow is to have both, and name them where a step takes both, such as \
                    `inputs: { left: …, right: … }` of `table.join`; otherwise put the second into a flow of its own";
        self.findings.add(
            Diagnostic::new(&rules::SOURCE_AFTER_FIRST, message, self.source, self.uses(step))
                .with_label("takes no input, not even from the step before")
                .with_secondary(self.source, self.uses(0), "the first source")
                .with_help(help),
        );
    }

    fn not_source(&mut self, step: usize, kind: StepKind) {
        let (Some(spec), Some(at)) = (self.specs[step], self.steps[step].source_at) else { return };
        let message = format!("`{}` is not a source but a {}", spec.name, kind.name());
        let help = match spec.inputs.first() {
            Some(port) => format!("remove it; `inputs: {{ {}: … }}` names the step that this one takes", port.name),
            None => "remove it".to_owned(),
        };
        let diagnostic = Diagnostic::new(&rules::MARKED_NOT_SOURCE, message, self.source, at);
        self.findings.add(diagnostic.with_secondary(self.source, self.uses(step), kind.name()).with_help(help));
    }

    /// Warns that a port takes by default what another names.
    fn doubled(&mut self, doubled: &Doubled) {
        let Doubled { step, port, wire } = doubled;
        let (Key { name: other, .. }, from) = &self.steps[*step].inputs[*wire];
        let message = format!("`{}` and `{other}` both take the output of `{}`", port.name, from.text);
        let help = format!(
            "`{}` takes the step before unless it is wired: add `{}: …` to `inputs:`, with `{}` if that is meant",
            port.name, port.name, from.text
        );
        let diagnostic = Diagnostic::new(&rules::SAME_OUTPUT_TWICE, message, self.source, from.span);
        self.findings.add(diagnostic.with_help(help));
    }

    fn wired_to_sink(&mut self, at: Span, sink: usize) {
        let message = format!("{} is a sink, which has no output", self.name(sink));
        let diagnostic = Diagnostic::new(&rules::WIRED_TO_SINK, message, self.source, at);
        let diagnostic = diagnostic.with_secondary(self.source, self.uses(sink), "a sink");
        self.findings.add(diagnostic.with_help("take the output of the step before it"));
    }

    /// Reports a port that nothing feeds. `sink` is the previous step, if that would have to feed it.
    fn open_port(&mut self, step: usize, port: &PortSpec, sink: Option<usize>) {
        let Some(spec) = self.specs[step] else { return };
        let message = format!("the input `{}` of `{}` is not wired", port.name, spec.name);
        let mut diagnostic = Diagnostic::new(&rules::OPEN_PORT, message, self.source, self.uses(step));
        if let Some(sink) = sink {
            let label = "the step before is a sink, which has no output";
            diagnostic = diagnostic.with_secondary(self.source, self.uses(sink), label);
        }
        let help = format!("add `inputs: {{ {}: … }}` with the step that it takes", port.name);
        self.findings.add(diagnostic.with_help(help));
    }

    fn wrong_kind(&mut self, step: usize, port: &PortSpec, (from, output): (usize, &OutputSpec), at: Span) {
        let taken = match output.name {
            MAIN_OUTPUT => self.name(from),
            other => format!("the output `{other}` of {}", self.name(from)),
        };
        let message =
            format!("the input `{}` expects `{}`, found `{}` from {taken}", port.name, port.kind, output.kind);
        let mut diagnostic = Diagnostic::new(&rules::WRONG_KIND, message, self.source, at)
            .with_label(format!("expects `{}`", port.kind))
            .with_secondary(self.source, self.uses(from), format!("returns `{}`", output.kind));
        let gives = |place: &usize| self.outputs[*place].is_some_and(|output| port.accepts(&output));
        if let Some(id) = (0..step).rev().find(gives).and_then(|place| self.steps[place].id.as_ref()) {
            diagnostic = diagnostic.with_help(format!("take it from `{id}`: `inputs: {{ {}: {id} }}`", port.name));
        }
        self.findings.add(diagnostic);
    }

    fn unknown_port(&mut self, step: usize, wire: usize) {
        let Some(spec) = self.specs[step] else { return };
        let (Key { name: port, span, .. }, _) = &self.steps[step].inputs[wire];
        let names: Vec<&str> = spec.inputs.iter().map(|port| port.name).collect();
        let help = match self.findings.nearest(port, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if spec.kind == StepKind::Source => "a source takes no input".to_owned(),
            None if spec.param(port).is_some() => format!("`{port}` is a parameter: put it under `with:`"),
            None => format!("its inputs: {}", listed(&names)),
        };
        let message = format!("`{}` has no input `{port}`", spec.name);
        self.findings.add(Diagnostic::new(&rules::UNKNOWN_PORT, message, self.source, *span).with_help(help));
    }

    fn unknown_output(&mut self, from: usize, output: &str, at: Span) {
        let Some(spec) = self.specs[from] else { return };
        let names: Vec<&str> = spec.outputs.iter().map(|output| output.name).collect();
        let message = format!("{} has no output `{output}`", self.name(from));
        let help = match self.findings.nearest(output, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("its outputs: {}", listed(&names)),
        };
        let diagnostic = Diagnostic::new(&rules::UNKNOWN_OUTPUT, message, self.source, at);
        let label = format!("this is `{}`", spec.name);
        self.findings.add(diagnostic.with_secondary(self.source, self.uses(from), label).with_help(help));
    }

    /// Warns of each step, except the last and sinks, whose outputs no step takes, nor the step of another flow that runs this one.
    fn unused(&mut self, used: &[bool], taken: &[&str]) {
        if self.findings.has_errors_in(DOUBTS) {
            return;
        }
        for (index, used) in used.iter().enumerate().take(self.steps.len().saturating_sub(1)) {
            let gives = self.specs[index].is_some_and(|spec| spec.kind != StepKind::Sink && !spec.outputs.is_empty());
            let is_taken = self.steps[index].written_id.as_deref().is_some_and(|id| taken.contains(&id));
            if gives && !used && !is_taken {
                let message = format!("no step uses the output of {}", self.name(index));
                let help = "wire it to a later step, or remove it";
                let at = self.steps[index].at;
                self.findings.add(Diagnostic::new(&rules::UNUSED_STEP, message, self.source, at).with_help(help));
            }
        }
    }

    /// Returns the location of the step's type.
    fn uses(&self, index: usize) -> Span {
        self.steps[index].uses.as_ref().map_or(self.steps[index].at, |uses| uses.span)
    }

    /// Returns the step's name in messages.
    fn name(&self, index: usize) -> String {
        match &self.steps[index].id {
            Some(id) => format!("`{id}`"),
            None => format!("step {}", index + 1),
        }
    }
}
