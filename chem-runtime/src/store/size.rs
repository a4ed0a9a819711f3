//! How much room a store takes: table by table, and for each of its largest flows and runs.

use crate::event::FlowId;

/// How much a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSize {
    /// How many runs there are.
    pub runs: u64,
    /// The tables, the largest first.
    pub tables: Vec<TableSize>,
}

impl StoreSize {
    /// Returns the bytes of all tables and their indexes.
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }

    /// Orders the tables by size.
    pub(super) fn new(runs: u64, mut tables: Vec<TableSize>) -> Self {
        tables.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        Self { runs, tables }
    }
}

/// How much room a table takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// The table's name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// Whether `rows` is an estimate of the database: to count the rows of a large table in PostgreSQL is to read it.
    pub is_estimate: bool,
    /// The bytes of the table and of its indexes: whole pages, as they are on disk. In memory those of the texts.
    pub bytes: u64,
    /// The bytes of its indexes among them.
    pub index_bytes: u64,
}

/// What takes the most room in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Largest {
    /// The largest flows, all runs of each taken together, the largest first.
    pub flows: Vec<FlowSize>,
    /// The largest runs, the largest first.
    pub runs: Vec<RunSize>,
}

/// How much room the runs of a flow take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowSize {
    /// The flow's name; `None` for runs that do not begin as a run of a flow does.
    pub flow: Option<String>,
    /// How many runs it has.
    pub runs: u64,
    /// What they hold.
    pub contents: Contents,
}

/// How much room a run takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSize {
    /// The run.
    pub flow_id: FlowId,
    /// The flow's name; `None` if the run does not begin as a run of a flow does.
    pub flow: Option<String>,
    /// What it holds.
    pub contents: Contents,
}

/// Events and artifacts, without what rows and indexes cost besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// How many events.
    pub events: u64,
    /// The bytes of their payloads, as they are stored: PostgreSQL compresses large ones.
    pub event_bytes: u64,
    /// How many artifacts. An artifact counts for the run that stored it first.
    pub artifacts: u64,
    /// The bytes of their payloads and metadata, as they are stored.
    pub artifact_bytes: u64,
}

impl Contents {
    /// Returns the bytes of events and artifacts.
    pub fn bytes(&self) -> u64 {
        self.event_bytes + self.artifact_bytes
    }
}
