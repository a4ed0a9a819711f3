//! What feeds what: the order of the steps, their inputs, and the kinds of artifact between them.
//!
//! The rules are those by which [`FlowDefinition::new`](crate::flow::FlowDefinition::new) wires a flow. They are asked
//! here of all steps, so that one mistake does not hide the next.

use chem_manifest::authored::AuthoredStep;
use chem_manifest::links::{Link, Links};
use chem_manifest::{Diagnostic, Findings, Source, Span, rules};

use crate::step::{MAIN_OUTPUT, OutputSpec, PortSpec, Registry, StepKind, StepSpec, listed};

/// Groups of rules after which the wiring is not known well enough to say that a step is unused.
const DOUBTS: &[&str] = &["01", "02", "04", "05"];

/// What feeds an input of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feed {
    /// The input.
    pub(super) port: &'static str,
    /// The place of the step that feeds it.
    pub(super) from: usize,
    /// Which output of that step.
    pub(super) output: &'static str,
}

/// What is known of how the steps are wired.
pub(super) struct Wired {
    /// For each step what feeds it.
    pub(super) feeds: Vec<Vec<Feed>>,
    /// For each step its main output, of the kind that it has there.
    pub(super) outputs: Vec<Option<OutputSpec>>,
}

/// Checks the wiring of `steps`, whose types are `specs` as far as they are known.
pub(super) fn check(
    steps: &[AuthoredStep],
    specs: &[Option<&'static StepSpec>],
    source: &Source,
    registry: &Registry,
    findings: &mut Findings,
) -> Wired {
    let (used, feeds) = (vec![false; steps.len()], vec![Vec::new(); steps.len()]);
    let fed = vec![OutputSpec::ANY; steps.len()];
    let links = Links::new(steps, source);
    let mut wiring = Wiring { steps, specs, source, links, used, fed, feeds, findings };
    wiring.order(registry);
    for (index, spec) in specs.iter().enumerate() {
        match spec {
            Some(spec) => wiring.step(index, spec),
            None => wiring.step_of_unknown_type(index),
        }
    }
    wiring.unused();
    let outputs = (0..steps.len()).map(|place| wiring.main_output(place)).collect();
    Wired { feeds: wiring.feeds, outputs }
}

struct Wiring<'a> {
    steps: &'a [AuthoredStep],
    specs: &'a [Option<&'static StepSpec>],
    source: &'a Source,
    links: Links<'a>,
    /// Which steps feed another.
    used: Vec<bool>,
    /// What feeds the first input of each step, as far as the steps were looked at; anything, if it is not known.
    fed: Vec<OutputSpec>,
    /// For each step what feeds it.
    feeds: Vec<Vec<Feed>>,
    findings: &'a mut Findings,
}

impl Wiring<'_> {
    /// The first step is a source, and no other is.
    fn order(&mut self, registry: &Registry) {
        let Some(Some(first)) = self.specs.first().copied() else { return };
        let is_source = |spec: &Option<&StepSpec>| spec.is_some_and(|spec| spec.kind == StepKind::Source);
        if first.kind != StepKind::Source {
            let message = format!("a flow begins with a source, and `{}` is a {}", first.name, first.kind.name());
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
            return;
        }
        for index in (1..self.steps.len()).filter(|index| is_source(&self.specs[*index])) {
            let message = "a source stands after the first step".to_owned();
            self.findings.add(
                Diagnostic::new(&rules::SOURCE_AFTER_FIRST, message, self.source, self.uses(index))
                    .with_label("takes no input")
                    .with_secondary(self.source, self.uses(0), "the source of this flow")
                    .with_help("a flow has one source; put the second into a flow of its own"),
            );
        }
    }

    /// A step whose ports are not known: the steps that it names are there all the same.
    fn step_of_unknown_type(&mut self, index: usize) {
        for (_, from) in &self.steps[index].inputs {
            if let Some(link) = self.links.find(index, from, self.findings) {
                self.used[link.from] = true;
            }
        }
    }

    fn step(&mut self, index: usize, spec: &'static StepSpec) {
        let step = &self.steps[index];
        let mut in_doubt = step.inputs_in_doubt;
        for (port, from) in &step.inputs {
            let Some(port) = spec.inputs.iter().find(|known| known.name == port.name) else {
                in_doubt = true;
                self.unknown_port(spec, &port.name, port.span);
                continue;
            };
            if let Some(link) = self.links.find(index, from, self.findings) {
                self.wire(index, port, &link, from.span);
            }
        }
        // A port that is open is probably the one that was misspelt.
        if !in_doubt && index > 0 {
            for (place, port) in spec.inputs.iter().enumerate() {
                if !step.inputs.iter().any(|(written, _)| written.name == port.name) {
                    self.left_out(index, spec, port, place == 0);
                }
            }
        }
    }

    /// A port that the manifest wires, with what is written there.
    fn wire(&mut self, index: usize, port: &'static PortSpec, link: &Link, written: Span) {
        let before = link.from;
        self.used[before] = true;
        let Some(spec) = self.specs[before] else { return };
        if spec.kind == StepKind::Sink {
            let message = format!("{} is a sink: it hands nothing on", self.name(before));
            let diagnostic = Diagnostic::new(&rules::WIRED_TO_SINK, message, self.source, link.at);
            let diagnostic = diagnostic.with_secondary(self.source, self.uses(before), "a sink");
            self.findings.add(diagnostic.with_help("take the output of the step before it"));
            return;
        }
        let output = link.output.as_ref().map_or(MAIN_OUTPUT, |output| &output.text);
        match spec.outputs.iter().find(|known| known.name == output) {
            Some(known) => self.kinds(index, port, before, known, written),
            None => {
                let at = link.output.as_ref().map_or(link.at, |output| output.span);
                self.unknown_output(spec, before, output, at);
            }
        }
    }

    /// A port that the manifest says nothing of. The first takes what the step before gives, unless it may be left open
    /// and that step is a sink.
    fn left_out(&mut self, index: usize, spec: &'static StepSpec, port: &'static PortSpec, first: bool) {
        let before = self.specs[index - 1];
        if first && before.is_none_or(|before| before.kind != StepKind::Sink) {
            self.used[index - 1] = true;
            if let Some(output) = before.and_then(|before| before.outputs.first()) {
                self.kinds(index, port, index - 1, output, self.uses(index));
            }
            return;
        }
        if port.optional {
            return;
        }
        let message = format!("nothing feeds the input `{}` of `{}`", port.name, spec.name);
        let mut diagnostic = Diagnostic::new(&rules::OPEN_PORT, message, self.source, self.uses(index));
        if first {
            diagnostic = diagnostic.with_secondary(
                self.source,
                self.uses(index - 1),
                "the step before is a sink: it hands nothing on",
            );
        }
        let help = format!("add `inputs: {{ {}: … }}` with the step that it takes", port.name);
        self.findings.add(diagnostic.with_help(help));
    }

    fn kinds(&mut self, index: usize, port: &PortSpec, from: usize, output: &OutputSpec, span: Span) {
        let output = output.fed_by(&self.fed[from]);
        if self.specs[index].is_some_and(|spec| spec.inputs.first().is_some_and(|first| first.name == port.name)) {
            self.fed[index] = output;
        }
        if port.accepts(&output) {
            self.feeds[index].push(Feed { port: port.name, from, output: output.name });
            return;
        }
        let taken = match output.name {
            MAIN_OUTPUT => self.name(from),
            other => format!("the output `{other}` of {}", self.name(from)),
        };
        let message = format!("the input `{}` takes `{}`, and {taken} gives `{}`", port.name, port.kind, output.kind);
        let mut diagnostic = Diagnostic::new(&rules::WRONG_KIND, message, self.source, span)
            .with_label(format!("takes `{}`", port.kind))
            .with_secondary(self.source, self.uses(from), format!("gives `{}`", output.kind));
        let gives = |place: &usize| self.main_output(*place).is_some_and(|output| port.accepts(&output));
        if let Some(id) = (0..index).rev().find(gives).and_then(|place| self.steps[place].id.as_ref()) {
            diagnostic = diagnostic.with_help(format!("take it from `{id}`: `inputs: {{ {}: {id} }}`", port.name));
        }
        self.findings.add(diagnostic);
    }

    /// The main output of the step at `place`, if it has one that can be wired.
    fn main_output(&self, place: usize) -> Option<OutputSpec> {
        let spec = self.specs[place].filter(|spec| spec.kind != StepKind::Sink)?;
        spec.outputs.first().map(|output| output.fed_by(&self.fed[place]))
    }

    fn unknown_port(&mut self, spec: &StepSpec, port: &str, span: Span) {
        let names: Vec<&str> = spec.inputs.iter().map(|port| port.name).collect();
        let help = match self.findings.nearest(port, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if spec.kind == StepKind::Source => "a source takes no input".to_owned(),
            None if spec.param(port).is_some() => format!("`{port}` is a parameter: put it under `with:`"),
            None => format!("its inputs: {}", listed(&names)),
        };
        let message = format!("`{}` has no input `{port}`", spec.name);
        self.findings.add(Diagnostic::new(&rules::UNKNOWN_PORT, message, self.source, span).with_help(help));
    }

    fn unknown_output(&mut self, spec: &StepSpec, place: usize, output: &str, span: Span) {
        let names: Vec<&str> = spec.outputs.iter().map(|output| output.name).collect();
        let message = format!("{} has no output `{output}`", self.name(place));
        let help = match self.findings.nearest(output, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("its outputs: {}", listed(&names)),
        };
        let diagnostic = Diagnostic::new(&rules::UNKNOWN_OUTPUT, message, self.source, span);
        let label = format!("this is `{}`", spec.name);
        self.findings.add(diagnostic.with_secondary(self.source, self.uses(place), label).with_help(help));
    }

    /// Warns of each step but the last and the sinks whose outputs nobody takes.
    fn unused(&mut self) {
        if self.findings.has_errors_in(DOUBTS) {
            return;
        }
        for index in 0..self.steps.len().saturating_sub(1) {
            let gives = self.specs[index].is_some_and(|spec| spec.kind != StepKind::Sink && !spec.outputs.is_empty());
            if gives && !self.used[index] {
                let message = format!("no step takes what {} gives", self.name(index));
                let help = "wire it to a later step, or take it away";
                let at = self.steps[index].at;
                self.findings.add(Diagnostic::new(&rules::UNUSED_STEP, message, self.source, at).with_help(help));
            }
        }
    }

    /// Where the step's type is written.
    fn uses(&self, index: usize) -> Span {
        self.steps[index].uses.as_ref().map_or(self.steps[index].at, |uses| uses.span)
    }

    /// The step as a message names it.
    fn name(&self, index: usize) -> String {
        match &self.steps[index].id {
            Some(id) => format!("`{id}`"),
            None => format!("step {}", index + 1),
        }
    }
}
