//! The sources of a child run that works on a shard: the rows of the shard, and inputs that all shards share.
//!
//! The parameters hold the chunks, so that the child needs nothing but its own log and the artifacts in the store.

use std::ops::Range;
use std::sync::Arc;

use chem_manifest::StepId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::ExecutionContext;
use super::definition::{StepDefinition, StepOutput, StepRunResult, StepTypeRef};
use super::error::StepError;
use super::param::{InvalidParam, ParamProblem};
use super::port::{MAIN_OUTPUT, OutputSpec};
use super::registry::{StepRegistration, UnlistedStep};
use super::stored_rows::StoredRows;
use super::typed::StepSpec;
use crate::artifact::{TableRoot, TableShard, TableStream};
use crate::event::StepKind;
use crate::fingerprint::{ArtifactHash, to_json};

/// The name by which the log records a source of a shard.
pub(crate) const SHARD_STEP: &str = "flow.shard";

/// The number of parts into which a shard is cut whose workers died. Each round of cutting costs at least one worker, and a part
/// costs little, so there are more than two.
pub(crate) const PARTS: usize = 16;

static SPEC: StepSpec = StepSpec {
    name: SHARD_STEP,
    version: 1,
    kind: StepKind::Source,
    cache: true,
    effects: false,
    approximate: false,
    rows: None,
    doc: "Gives the rows of a shard.",
    inputs: &[],
    outputs: &[OutputSpec::ANY],
    params: &[],
    code: "",
    defined_in: ("", file!(), line!()),
};

static SHARD_STEPS: StepRegistration = StepRegistration::described(&SPEC, &|id, params| {
    let given = serde_json::from_value(Value::Object(params.clone()));
    let given = given.map_err(|error: serde_json::Error| {
        vec![ParamProblem::Invalid { param: "shard", error: InvalidParam::new(error.to_string()) }]
    })?;
    Ok(Box::new(ShardStep { id, given }))
});

inventory::submit! { UnlistedStep(&SHARD_STEPS) }

/// What the source of a shard gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Given {
    /// An artifact that is in the store.
    Whole {
        /// Its hash.
        artifact: ArtifactHash,
    },
    /// Rows of a table whose chunks are in the store.
    Rows {
        /// The kind of the table.
        kind: String,
        /// The table, or the chunk of which `part` has some rows.
        root: TableRoot,
        /// The rows of the chunk; `None` for all rows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<Range<usize>>,
    },
}

/// A source of a shard.
pub(crate) struct ShardStep {
    id: StepId,
    given: Given,
}

impl ShardStep {
    pub(crate) fn new(id: StepId, given: Given) -> Self {
        Self { id, given }
    }

    fn output(&self, context: &ExecutionContext<'_>) -> Result<StepOutput, StepError> {
        let (kind, root, part) = match &self.given {
            Given::Whole { artifact } => return Ok(StepOutput::main(context.artifacts().artifact(*artifact)?.into())),
            Given::Rows { kind, root, part } => (kind, root, part),
        };
        let (packed, table) = TableShard::pack_as(root, part.clone(), kind, context.artifacts())?;
        let rows = match table {
            Some(table) => TableStream::from(Arc::new(table)),
            None => TableStream::of(&packed.root)?,
        };
        let handed = StoredRows { kind: kind.as_str().into(), rows };
        Ok(StepOutput { name: MAIN_OUTPUT, packed, handed: Some(Arc::new(handed)) })
    }
}

impl StepDefinition for ShardStep {
    fn id(&self) -> &StepId {
        &self.id
    }

    fn kind(&self) -> StepKind {
        SPEC.kind
    }

    fn step_type(&self) -> StepTypeRef<'_> {
        SPEC.step_type()
    }

    fn outputs(&self) -> &[OutputSpec] {
        SPEC.outputs
    }

    fn params(&self) -> Result<Map<String, Value>, StepError> {
        match to_json(&self.given)? {
            Value::Object(params) => Ok(params),
            _ => Err(StepError::new("the parameters of a shard are no object")),
        }
    }

    fn is_reusable(&self) -> bool {
        true
    }

    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
        match self.output(context) {
            Ok(output) => StepRunResult::success([output]),
            Err(error) => StepRunResult::failure(error),
        }
    }
}
