//! The flow that runs on one shard of a flow's rows: the steps of a group, after sources that give the shard.
//!
//! The steps are those of the flow, with their parameters and wiring. What the outputs are depends on that alone, so the rows that
//! come out for a shard are those that come out for its rows in the whole.

use std::collections::{BTreeMap, HashMap};

use super::definition::FlowDefinition;
use super::error::FlowDefinitionError;
use super::wired::{FlowStep, OutputAddress};
use crate::step::shard_step::{Given, SHARD_STEP, ShardStep};
use crate::step::{MAIN_OUTPUT, PortSpec, RowColumns, StepDefinition, StepId, StepPolicy};

/// The steps of a flow that run on the shards of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardGroup {
    /// The indices of the steps. The first of them begins the work on the shards.
    pub(crate) steps: Vec<usize>,
    /// The output that is cut into shards.
    pub(crate) over: OutputAddress,
    /// The input port of the first step that takes it.
    pub(crate) port: &'static str,
    /// The number of rows of a shard, about.
    pub(crate) rows: usize,
    /// The outputs that all shards take as a whole.
    pub(crate) whole: Vec<OutputAddress>,
}

impl ShardGroup {
    /// Returns the index of the step that begins the work on the shards.
    pub(crate) fn first(&self) -> usize {
        self.steps.first().copied().unwrap_or_default()
    }
}

/// Returns the port at which a step takes its rows one by one; `None` if it does not.
pub(crate) fn rows_port(step: &dyn StepDefinition) -> Option<&PortSpec> {
    step.inputs().iter().find(|port| port.rows)
}

impl FlowDefinition {
    /// Returns the steps with which the step at `index` runs in shards; `None` if it runs as a whole. `has_run` returns whether an
    /// earlier step of its group ran, and so began the work on the shards; no shard has the outputs of one that did not.
    ///
    /// # Errors
    /// Describes why a step cannot run in shards.
    pub(crate) fn shard_group(
        &self,
        index: usize,
        has_run: impl Fn(usize) -> bool,
    ) -> Result<Option<ShardGroup>, String> {
        let group = |step: &FlowStep| step.policy().shards.as_ref().map(|shards| shards.group.clone());
        let Some(name) = self.steps().get(index).and_then(group) else { return Ok(None) };
        let of_group = (0..self.steps().len()).filter(|step| group(&self.steps()[*step]).as_ref() == Some(&name));
        let of_group: Vec<usize> = of_group.collect();
        for first in of_group.iter().copied().filter(|first| *first == index || *first < index && has_run(*first)) {
            let found = self.group_from(first, &of_group)?;
            if found.steps.contains(&index) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Returns the steps of a group that take the same rows as the step `first`, or what comes out for them.
    fn group_from(&self, first: usize, of_group: &[usize]) -> Result<ShardGroup, String> {
        let rows_of = |index: usize| {
            let step = &self.steps()[index];
            let port = rows_port(step.step()).map(|port| port.name);
            let id = step.step().id();
            let port =
                port.ok_or_else(|| format!("step `{id}` does not work row by row, so it cannot run in shards"))?;
            let from =
                step.inputs().get(port).ok_or_else(|| format!("the input `{port}` of step `{id}` is not wired"))?;
            Ok::<_, String>((port, from))
        };
        let (port, over) = rows_of(first)?;
        let rows = self.steps()[first].policy().shards.as_ref().map_or(1, |shards| shards.rows);
        let mut group = ShardGroup { steps: Vec::new(), over: over.clone(), port, rows, whole: Vec::new() };
        for index in of_group.iter().copied().filter(|index| *index >= first) {
            let (port, from) = rows_of(index)?;
            if from != over && !group.steps.contains(&from.step) {
                continue;
            }
            group.steps.push(index);
            let step = &self.steps()[index];
            for (_, other) in step.inputs().iter().filter(|(name, _)| *name != port) {
                if of_group.contains(&other.step) && other.step >= first {
                    let (id, other) = (step.step().id(), self.steps()[other.step].step().id());
                    return Err(format!("step `{id}` takes all rows of `{other}`, of which a shard has only some"));
                }
                if !group.whole.contains(other) {
                    group.whole.push(other.clone());
                }
            }
        }
        Ok(group)
    }

    /// Returns whether the rows of the flow are those of a shard.
    pub(crate) fn is_of_shard(&self) -> bool {
        self.steps().iter().any(|step| step.step().step_type().name == SHARD_STEP)
    }

    /// Returns whether child runs work for one of the steps.
    #[cfg(feature = "cli")]
    pub(crate) fn has_children(&self) -> bool {
        self.steps().iter().any(FlowStep::has_children)
    }

    /// Returns whether a step of `group` reads the column called `name`.
    pub(crate) fn reads_in_shards(&self, group: &ShardGroup, name: &str) -> bool {
        let reads = |index: &usize| self.steps()[*index].step().row_columns().unwrap_or(RowColumns::All).contains(name);
        group.steps.iter().any(reads)
    }

    /// Returns the flow that runs on one shard. `given` returns what each output from outside of the group gives.
    ///
    /// # Errors
    /// Fails if no name is left for a source.
    pub(crate) fn of_shard(
        &self,
        group: &ShardGroup,
        given: impl Fn(&OutputAddress) -> Given,
    ) -> Result<Self, FlowDefinitionError> {
        let (mut steps, mut sources): (Vec<FlowStep>, HashMap<&OutputAddress, usize>) = Default::default();
        let mut taken: Vec<String> =
            group.steps.iter().map(|index| self.steps()[*index].step().id().to_string()).collect();
        for address in [&group.over].into_iter().chain(group.whole.iter().filter(|whole| **whole != group.over)) {
            let id = self.source_id(address, &taken)?;
            taken.push(id.to_string());
            sources.insert(address, steps.len());
            steps.push(FlowStep::alone(Box::new(ShardStep::new(id, given(address)))));
        }
        let first = steps.len();
        for index in &group.steps {
            let step = &self.steps()[*index];
            let moved = |(port, address): (&String, &OutputAddress)| {
                let address = match sources.get(address) {
                    Some(source) => OutputAddress { step: *source, output: MAIN_OUTPUT.to_owned() },
                    None => {
                        let step = group.steps.iter().position(|step| *step == address.step).unwrap_or_default();
                        OutputAddress { step: first + step, output: address.output.clone() }
                    }
                };
                (port.clone(), address)
            };
            let inputs: BTreeMap<String, OutputAddress> = step.inputs().iter().map(moved).collect();
            let policy = StepPolicy { gate: None, shards: None, ..step.policy().clone() };
            steps.push(FlowStep { step: step.step.clone(), inputs, policy });
        }
        Ok(self.with_steps(steps))
    }

    /// Returns the name of the source that gives the output `address`: that of its step, if no other step has it.
    fn source_id(&self, address: &OutputAddress, taken: &[String]) -> Result<StepId, FlowDefinitionError> {
        let step = self.steps()[address.step].step().id().to_string();
        let named = format!("{step}-{}", address.output);
        let numbered = (1..).map(|number| format!("input-{number}"));
        let mut names = [step, named].into_iter().chain(numbered).filter(|name| !taken.contains(name));
        let valid = names.by_ref().take(taken.len() + 3).find_map(|name| StepId::new(name).ok());
        Ok(valid.map_or_else(|| StepId::new("input"), Ok)?)
    }
}
