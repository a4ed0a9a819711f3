//! The shards of a step, and the flow that runs on each.

use serde_json::{Map, Value};

use crate::artifact::{TableRoot, TableShard};
use crate::event::{ChildOf, Resources, StepStarted};
use crate::fingerprint::ArtifactHash;
use crate::flow::{FlowDefinition, FlowInstance, OutputAddress, ShardGroup, rows_port};
use crate::step::StepError;
use crate::step::shard_step::{Given, PARTS};
use crate::store::EventStore;

/// The flows of the shards of a step that has started.
#[derive(Debug, Clone)]
pub(crate) struct ShardFlows {
    /// The definition with the step.
    definition: FlowDefinition,
    group: ShardGroup,
    /// The kind of the table that is cut.
    kind: String,
    /// Its artifact.
    cut: ArtifactHash,
    shards: Vec<TableShard>,
    /// The outputs that all shards take as a whole.
    whole: Vec<(OutputAddress, ArtifactHash)>,
}

impl ShardFlows {
    /// Returns the flows of the shards in which the step at `index` runs, with how the step started that began the work on
    /// them. `None` if the step runs as a whole, or if that step has not started.
    ///
    /// # Errors
    /// Fails if the step cannot run in shards, or if the rows cannot be read.
    pub(crate) fn of(
        definition: &FlowDefinition,
        instance: &FlowInstance,
        index: usize,
        store: &dyn EventStore,
    ) -> Result<Option<(Self, StepStarted)>, StepError> {
        let has_run = |step: usize| instance.steps().get(step).is_some_and(|step| step.reused.is_none());
        let Some(group) = definition.shard_group(index, has_run).map_err(StepError::new)? else { return Ok(None) };
        let first = instance.steps().get(group.first()).and_then(|step| step.started.clone());
        let Some((started, hash)) =
            first.and_then(|first| first.inputs.get(group.port).copied().map(|hash| (first, hash)))
        else {
            return Ok(None);
        };
        let missing = |hash| StepError::new(format!("there is no artifact {hash}, which is to be cut into shards"));
        let artifact = store.read_artifact(hash)?.ok_or_else(|| missing(hash))?;
        let shards = TableRoot::of(&artifact)?.shards(group.rows, |name| definition.reads_in_shards(&group, name));
        let whole = group.whole.iter().map(|address| {
            let step = instance.steps().get(address.step);
            let output = step.and_then(|step| step.output(&address.output));
            let output = output.ok_or_else(|| StepError::new("an input of a shard is not there"))?;
            Ok::<_, StepError>((address.clone(), output.hash))
        });
        let whole = whole.collect::<Result<_, _>>()?;
        let (definition, kind) = (definition.clone(), artifact.kind().to_owned());
        Ok(Some((Self { definition, group, kind, cut: hash, shards, whole }, started)))
    }

    /// Returns the artifact that is cut.
    pub(super) fn cut(&self) -> ArtifactHash {
        self.cut
    }

    /// Returns the number of shards.
    pub(crate) fn count(&self) -> usize {
        self.shards.len()
    }

    /// Returns the shards, in the order of their rows.
    pub(crate) fn all(&self) -> &[TableShard] {
        &self.shards
    }

    /// Returns the shard at `index`.
    ///
    /// # Errors
    /// Fails if there are fewer shards.
    pub(crate) fn shard(&self, index: usize) -> Result<&TableShard, StepError> {
        self.shards.get(index).ok_or_else(|| StepError::new(format!("there is no shard {index}")))
    }

    /// Returns the number of rows of all shards.
    pub(super) fn rows(&self) -> usize {
        self.shards.last().map_or(0, |shard| shard.rows.end)
    }

    /// Returns the flow that runs on a shard.
    ///
    /// # Errors
    /// Fails if the definition cannot be made.
    pub(crate) fn definition(&self, shard: &TableShard) -> Result<FlowDefinition, StepError> {
        let given = |address: &OutputAddress| match self.whole.iter().find(|(whole, _)| whole == address) {
            Some((_, artifact)) if *address != self.group.over => Given::Whole { artifact: *artifact },
            _ => Given::Rows { kind: self.kind.clone(), root: shard.root.clone(), part: shard.part.clone() },
        };
        Ok(self.definition.of_shard(&self.group, given)?)
    }

    /// Returns the names of the sources of a shard.
    ///
    /// # Errors
    /// Fails like [`definition`](Self::definition).
    pub(super) fn sources(&self) -> Result<Vec<String>, StepError> {
        let Some(first) = self.shards.first() else { return Ok(Vec::new()) };
        let definition = self.definition(first)?;
        let sources = definition.steps().iter().take(1 + self.whole.len());
        Ok(sources.map(|step| step.step().id().to_string()).collect())
    }

    /// Returns what each child needs of a machine: the most that the step itself or a step of the group asks for.
    pub(super) fn needs(&self, own: Option<Resources>) -> Resources {
        let steps = self.group.steps.iter().map(|index| self.definition.steps()[*index].policy().resources);
        steps.flatten().fold(own.unwrap_or_default(), Resources::and)
    }

    /// Returns the port at which a step of the group takes its rows, and whether it begins the work on the shards.
    pub(super) fn port_of(&self, step: &str) -> Option<(&'static str, bool)> {
        let index = self.group.steps.iter().copied().find(|index| self.id_of(*index) == step)?;
        let port = rows_port(self.definition.steps()[index].step())?;
        Some((port.name, index == self.group.first()))
    }

    fn id_of(&self, index: usize) -> &str {
        self.definition.steps()[index].step().id().as_str()
    }
}

/// Returns the numbers of the rows of a shard, from 1, as in `1-5000`.
pub(super) fn numbers(shard: &TableShard) -> String {
    format!("{}-{}", shard.rows.start + 1, shard.rows.end)
}

/// Returns what distinguishes the child that works on a shard.
pub(crate) fn given(shard: &TableShard) -> Map<String, Value> {
    [(ChildOf::ROWS.to_owned(), numbers(shard).into())].into_iter().collect()
}

/// Returns the parts into which a shard is cut after its workers died at the same step; `None` for a single row.
pub(crate) fn parts(shard: &TableShard) -> Option<Vec<TableShard>> {
    (shard.rows.len() > 1).then(|| shard.cut(PARTS))
}

/// Returns whether a child works on a single row.
pub(super) fn is_single_row(child: &ChildOf) -> bool {
    child.rows().is_some_and(|(first, last)| first == last)
}
