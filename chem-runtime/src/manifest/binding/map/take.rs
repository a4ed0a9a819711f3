//! What the result of a `map` takes from its flow.

use std::collections::BTreeMap;

use chem_manifest::authored::MapOver;
use chem_manifest::names::listed;
use chem_manifest::rules;

use crate::flow::FlowDefinition;
use crate::manifest::Known;
use crate::manifest::binding::Binder;
use crate::step::children::{MapParams, Taken};
use crate::step::{Columns, MAIN_OUTPUT};

impl Binder<'_> {
    /// Resolves what the columns of the result take from the flow.
    pub(super) fn taken(&mut self, map: &MapOver, flow: &FlowDefinition, known: &Known) -> BTreeMap<String, Taken> {
        let mut taken = BTreeMap::new();
        for (column, written) in &map.take {
            let (name, member) = match written.text.split_once('.') {
                Some((name, member)) => (name, Some(member)),
                None => (written.text.as_str(), None),
            };
            if MapParams::reserved(&column.name) || map.over.iter().any(|(key, _)| key.name == column.name) {
                let message = format!("the result has a column `{}` already", column.name);
                self.map_error(&rules::MAP_TAKE, message, column.span, "choose another name");
                continue;
            }
            let steps = flow.steps();
            let Some(index) = steps.iter().position(|step| step.step().id().as_str() == name) else {
                let names: Vec<&str> = steps.iter().map(|step| step.step().id().as_str()).collect();
                let help = match self.findings.nearest(name, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("its steps: {}", listed(&names)),
                };
                let message = format!("the flow has no step `{name}`");
                self.map_error(&rules::MAP_TAKE, message, written.span, &help);
                continue;
            };
            let step = steps[index].step();
            let outputs: Vec<&str> = step.outputs().iter().map(|output| output.name).collect();
            let (output, member) = match member {
                Some(output) if outputs.contains(&output) => (output, None),
                member => (MAIN_OUTPUT, member),
            };
            if !outputs.contains(&output) {
                let message = format!("step `{name}` puts out nothing");
                self.map_error(&rules::MAP_TAKE, message, written.span, "take from a step before it");
                continue;
            }
            if let (Some(member), Some(Columns::Known(columns))) = (member, known.columns.get(index))
                && !columns.iter().any(|column| **column == *member)
            {
                let columns: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
                let help = match self.findings.nearest(member, columns.iter().chain(&outputs).copied()) {
                    Some(meant) => format!("did you mean `{name}.{meant}`?"),
                    None => format!("its columns: {}", listed(&columns)),
                };
                let message = format!("step `{name}` has no output and no column `{member}`");
                self.map_error(&rules::MAP_TAKE, message, written.span, &help);
                continue;
            }
            let (output, member) = (output.to_owned(), member.map(str::to_owned));
            taken.insert(column.name.clone(), Taken { member, output, step: name.to_owned() });
        }
        taken
    }
}
