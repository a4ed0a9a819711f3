//! Reports the problems that step types find in their parameters, at their locations in the manifest.

use std::ops::Range;

use chem_manifest::authored::AuthoredStep;
use chem_manifest::template::{Part, parts};
use chem_manifest::text_spans::span_of;
use chem_manifest::yaml::{Node, NodeValue};
use chem_manifest::{Diagnostic, Rule, Source, Span, rules};

use super::{Binder, walk};
use crate::manifest::template;
use crate::step::{InvalidKind, InvalidParam, ParamProblem, ParamSpec, ParamType, PathPart, StepRegistration, listed};

/// The location of an invalid value.
pub(super) struct Place {
    pub(super) span: Span,
    /// The value with its placeholders filled in, if it is text.
    text: Option<String>,
    /// The source and span of the flow parameter's value that it comes from, and the name of that parameter.
    pub(super) declared: Option<(Source, Span, String)>,
}

impl Place {
    /// Adds the location of the flow parameter's value to `diagnostic`, if the value comes from one.
    pub(super) fn shown_in(self, diagnostic: Diagnostic) -> Diagnostic {
        match self.declared {
            Some((source, span, name)) => diagnostic.with_secondary(&source, span, format!("the value of `{name}`")),
            None => diagnostic,
        }
    }
}

impl Binder<'_> {
    pub(super) fn unknown_param(
        &mut self,
        step: &AuthoredStep,
        registration: &StepRegistration,
        name: &str,
        span: Span,
        meant: Option<&str>,
    ) {
        let spec = registration.spec();
        let names: Vec<&str> = spec.params.iter().map(|param| param.name).collect();
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if spec.inputs.iter().any(|port| port.name == name) => {
                format!("`{name}` is an input: put it under `inputs:`")
            }
            None if names.is_empty() => "it has no parameters".to_owned(),
            None => format!("its parameters: {}", listed(&names)),
        };
        let message = format!("`{}` has no parameter `{name}`", spec.name);
        let mut diagnostic = Diagnostic::new(&rules::UNKNOWN_STEP_PARAM, message, self.source, span);
        if let Some(uses) = &step.uses {
            diagnostic = diagnostic.with_secondary(self.source, uses.span, "the step type");
        }
        self.findings.add(diagnostic.with_help(help));
    }

    pub(super) fn report(
        &mut self,
        problem: &ParamProblem,
        step: &AuthoredStep,
        registration: &StepRegistration,
        given: &[(&'static ParamSpec, &Node)],
    ) {
        let spec = registration.spec();
        match problem {
            // Parameters that are given and invalid were reported when they were filled in, and so were unknown names.
            ParamProblem::Missing { param } if given.iter().any(|(spec, _)| spec.name == *param) => {}
            ParamProblem::Unknown { .. } => {}
            ParamProblem::Missing { param } => {
                let at = step.with_key.or(step.uses.as_ref().map(|uses| uses.span)).unwrap_or(step.at);
                let message = format!("`{}` needs the parameter `{param}`", spec.name);
                let mut diagnostic = Diagnostic::new(&rules::MISSING_STEP_PARAM, message, self.source, at);
                if let Some(param) = spec.param(param) {
                    diagnostic = diagnostic.with_help(advice(param, step.with_key.is_some()));
                }
                self.findings.add(diagnostic);
            }
            ParamProblem::Invalid { param, error } => {
                if let Some((param, node)) = given.iter().find(|(spec, _)| spec.name == *param) {
                    self.invalid(param, error, node);
                }
            }
        }
    }

    fn invalid(&mut self, param: &ParamSpec, error: &InvalidParam, node: &Node) {
        let place = self.locate(node, &error.path, error.at.as_ref());
        if let InvalidKind::UnboundParam(name) = &error.kind {
            // A flow parameter without a value is invalid itself, which has been reported.
            if self.params.get(name).is_none() {
                self.params.report_unknown(name, self.source, place.span, self.findings);
            }
            return;
        }
        let (rule, span) = (rule_of(error, &param.ty.make()), place.span);
        let message = match rule.code == rules::EXPRESSION.code {
            true => error.message.to_string(),
            false => format!("`{}`: {}", param.name, error.message),
        };
        let chosen = match (&error.kind, &place.text) {
            (InvalidKind::Choice, Some(text)) => self.findings.nearest(text, param.one_of.iter().copied()),
            _ => None,
        };
        let mut diagnostic = place.shown_in(Diagnostic::new(rule, message, self.source, span));
        let help = match chosen {
            Some(meant) => Some(format!("did you mean `{meant}`?")),
            None => error
                .help
                .as_deref()
                .map(str::to_owned)
                .or_else(|| param.unit.map(|unit| format!("its unit is {unit}"))),
        };
        if let Some(help) = help {
            diagnostic = diagnostic.with_help(help);
        }
        self.findings.add(diagnostic);
    }

    /// Locates a part of a value: in the manifest, and in the value of the flow parameter that it comes from.
    pub(super) fn locate(&self, node: &Node, path: &[PathPart], at: Option<&Range<usize>>) -> Place {
        let (reached, rest) = walk(node, path);
        let NodeValue::Text(text) = &reached.value else {
            return Place { span: reached.handle(), text: None, declared: None };
        };
        let parts = parts(text);
        let filled = template::fill(text, &parts, |name| self.params.get(name));
        let span = match (at, &filled) {
            (Some(at), Some(filled)) => span_of(self.source, reached.span, text, &filled.origin(at)),
            _ => reached.span,
        };
        let declared = match parts.as_slice() {
            [Part::Param { name, .. }] => self.params.get(name).map(|param| {
                let (value, _) = walk(&param.node, rest);
                (param.source.clone(), value.handle(), name.clone())
            }),
            _ => None,
        };
        let text = filled.and_then(|filled| filled.value.as_str().map(str::to_owned));
        Place { span, text, declared }
    }
}

/// Whether values of this type are expressions or contain them.
pub(super) fn is_expression(ty: &ParamType) -> bool {
    match ty {
        ParamType::Expression => true,
        ParamType::List(inner) | ParamType::Optional(inner) | ParamType::Map(inner) => is_expression(inner),
        _ => false,
    }
}

fn rule_of(error: &InvalidParam, ty: &ParamType) -> &'static Rule {
    match error.kind {
        InvalidKind::Type => &rules::STEP_PARAM_TYPE,
        InvalidKind::Range => &rules::STEP_PARAM_RANGE,
        InvalidKind::Choice => &rules::STEP_PARAM_CHOICE,
        InvalidKind::UnboundParam(_) => &rules::UNKNOWN_PARAM,
        InvalidKind::Form if is_expression(ty) => &rules::EXPRESSION,
        InvalidKind::Form => &rules::STEP_PARAM_FORM,
    }
}

/// Returns the help for a missing parameter.
fn advice(param: &ParamSpec, has_with: bool) -> String {
    let summary = param.doc.trim().lines().next().unwrap_or_default().trim_end_matches('.');
    let example = param.example.unwrap_or("…");
    let add = match has_with {
        true => format!("`{}: {example}`", param.name),
        false => format!("`with: {{ {}: {example} }}`", param.name),
    };
    let unit = param.unit.map(|unit| format!(", in {unit}")).unwrap_or_default();
    match summary.is_empty() {
        true => format!("add {add} ({}{unit})", param.ty.make()),
        false => format!("add {add} ({}{unit}): {}", param.ty.make(), lower_first(summary)),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        // An acronym, as in `SMILES of …`, keeps its capitals.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}
