//! Whether the placeholders of a manifest can be filled in.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Findings};
use crate::params::Params;
use crate::places::Places;
use crate::rules;
use crate::source::{Source, Span};
use crate::template::{self, Part};
use crate::yaml::{Node, NodeValue};

impl Params {
    /// Whether all placeholders in `node` can be filled in. What is wrong with the others goes to `findings`, and the
    /// parameters that they name to `used`.
    pub fn check(
        &mut self,
        node: &Node,
        source: &Source,
        used: &mut BTreeSet<String>,
        findings: &mut Findings,
    ) -> bool {
        match &node.value {
            NodeValue::Text(text) if text.contains("${") => self.check_text(text, node.span, source, used, findings),
            NodeValue::List(items) => self.check_all(items.iter(), source, used, findings),
            NodeValue::Map(entries) => self.check_all(entries.iter().map(|(_, item)| item), source, used, findings),
            _ => true,
        }
    }

    /// Looks at all of them, also after one that is wrong.
    fn check_all<'n>(
        &mut self,
        nodes: impl Iterator<Item = &'n Node>,
        source: &Source,
        used: &mut BTreeSet<String>,
        findings: &mut Findings,
    ) -> bool {
        let mut good = true;
        for node in nodes {
            good &= self.check(node, source, used, findings);
        }
        good
    }

    fn check_text(
        &mut self,
        text: &str,
        span: Span,
        source: &Source,
        used: &mut BTreeSet<String>,
        findings: &mut Findings,
    ) -> bool {
        let (parts, places) = (template::parts(text), Places::new(source, span, text));
        let mut list = None;
        let mut good = true;
        for part in &parts {
            match part {
                Part::Text(_) | Part::Escape(_) => {}
                Part::Bad { at, message } => {
                    good = false;
                    let help = "write `${params.NAME}`, or `$${` for a `${` that stands for itself";
                    let diagnostic = Diagnostic::new(&rules::BAD_PLACEHOLDER, message, source, places.of(at));
                    findings.add(diagnostic.with_help(help));
                }
                Part::Param { name, at } => {
                    self.mark_used(name);
                    used.insert(name.clone());
                    match self.get(name) {
                        Some(param) => {
                            good &= param.value.is_some();
                            let is_list = matches!(param.node.value, NodeValue::List(_) | NodeValue::Map(_));
                            list = list.or(is_list.then_some((name, at, param.declared)));
                        }
                        None => {
                            good = false;
                            self.report_unknown(name, source, places.of(at), findings);
                        }
                    }
                }
            }
        }
        match list {
            Some((name, at, declared)) if good && parts.len() > 1 => {
                let is_secret = self.get(name).is_some_and(|param| matches!(param.node.value, NodeValue::Map(_)));
                let what = if is_secret { "secret" } else { "list" };
                let message = format!("the parameter `{name}` is a {what}, which cannot be put into text");
                findings.add(
                    Diagnostic::new(&rules::LIST_IN_TEXT, message, source, places.of(at))
                        .with_secondary(source, declared, "it is declared here")
                        .with_help(format!("let the placeholder stand alone: `${{params.{name}}}`")),
                );
                false
            }
            _ => good,
        }
    }

    /// Notes all that may be meant as parameters in `node`, of a step of which nobody knows where it takes expressions.
    pub fn mark_named(&mut self, node: &Node) {
        match &node.value {
            NodeValue::Text(text) => template::named_params(text).for_each(|name| self.mark_used(name)),
            NodeValue::List(items) => items.iter().for_each(|item| self.mark_named(item)),
            NodeValue::Map(entries) => entries.iter().for_each(|(_, item)| self.mark_named(item)),
            _ => {}
        }
    }
}
