//! Checks that the placeholders of a manifest can be filled in.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Findings};
use crate::params::Params;
use crate::rules;
use crate::source::{Source, Span};
use crate::template::{self, Part};
use crate::text_spans::TextSpans;
use crate::yaml::{Node, NodeValue};

impl Params {
    /// Returns whether all placeholders in `node` can be filled in. Reports those that cannot to `findings`, and adds the
    /// parameters that the placeholders name to `used`.
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

    /// Checks all nodes, also after one that is wrong.
    fn check_all<'n>(
        &mut self,
        nodes: impl Iterator<Item = &'n Node>,
        source: &Source,
        used: &mut BTreeSet<String>,
        findings: &mut Findings,
    ) -> bool {
        let mut valid = true;
        for node in nodes {
            valid &= self.check(node, source, used, findings);
        }
        valid
    }

    fn check_text(
        &mut self,
        text: &str,
        span: Span,
        source: &Source,
        used: &mut BTreeSet<String>,
        findings: &mut Findings,
    ) -> bool {
        let parts = template::parts(text);
        let spans = TextSpans::new(source, span, text);
        let mut list = None;
        let mut valid = true;
        for part in &parts {
            match part {
                Part::Text(_) | Part::Escape(_) => {}
                Part::Bad { at, message } => {
                    valid = false;
                    let help = "write `${params.NAME}`, or `$${` for a literal `${`";
                    let diagnostic = Diagnostic::new(&rules::BAD_PLACEHOLDER, message, source, spans.of(at));
                    findings.add(diagnostic.with_help(help));
                }
                Part::Param { name, at } => {
                    self.mark_used(name);
                    used.insert(name.clone());
                    match self.get(name) {
                        Some(param) => {
                            valid &= param.value.is_some();
                            let is_list = matches!(param.node.value, NodeValue::List(_) | NodeValue::Map(_));
                            list = list.or(is_list.then_some((name, at, param.declared)));
                        }
                        None => {
                            valid = false;
                            self.report_unknown(name, source, spans.of(at), findings);
                        }
                    }
                }
            }
        }
        match list {
            Some((name, at, declared)) if valid && parts.len() > 1 => {
                let is_secret = self.get(name).is_some_and(|param| matches!(param.node.value, NodeValue::Map(_)));
                let what = if is_secret { "secret" } else { "list" };
                let message = format!("the parameter `{name}` is a {what} and cannot be inserted into text");
                findings.add(
                    Diagnostic::new(&rules::LIST_IN_TEXT, message, source, spans.of(at))
                        .with_secondary(source, declared, "declared here")
                        .with_help(format!("make the placeholder the whole value: `${{params.{name}}}`")),
                );
                false
            }
            _ => valid,
        }
    }

    /// Marks every parameter that `node` might name as used. For steps of an unknown type, where any text may be an
    /// expression.
    pub fn mark_named(&mut self, node: &Node) {
        match &node.value {
            NodeValue::Text(text) => template::named_params(text).for_each(|name| self.mark_used(name)),
            NodeValue::List(items) => items.iter().for_each(|item| self.mark_named(item)),
            NodeValue::Map(entries) => entries.iter().for_each(|(_, item)| self.mark_named(item)),
            _ => {}
        }
    }
}
