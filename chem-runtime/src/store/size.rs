//! The size of a store: of its tables, and of its largest flows and runs.

use crate::event::FlowId;

/// The size of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSize {
    /// The number of runs in the store.
    pub runs: u64,
    /// The tables, largest first.
    pub tables: Vec<TableSize>,
}

impl StoreSize {
    /// Returns the total size of all tables and their indexes, in bytes.
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }

    /// Creates a size from tables in any order.
    pub fn new(runs: u64, mut tables: Vec<TableSize>) -> Self {
        tables.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        Self { runs, tables }
    }
}

/// The size of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// The table's name in the database.
    pub name: String,
    /// The number of rows, possibly estimated.
    pub rows: u64,
    /// Whether `rows` is the database's estimate. PostgreSQL would have to read a large table to count its rows.
    pub is_estimate: bool,
    /// The size of the table and its indexes in bytes: whole pages on disk, or the text alone in memory.
    pub bytes: u64,
    /// The part of `bytes` that the indexes take.
    pub index_bytes: u64,
}

/// The largest flows and runs of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Largest {
    /// The largest flows, by the total size of their runs, largest first.
    pub flows: Vec<FlowSize>,
    /// The largest runs, largest first.
    pub runs: Vec<RunSize>,
}

/// The total size of a flow's runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowSize {
    /// The flow's name; `None` for runs whose first event does not name one.
    pub flow: Option<String>,
    /// The number of the flow's runs.
    pub runs: u64,
    /// The events and artifacts of all its runs.
    pub contents: Contents,
}

/// The size of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSize {
    /// The run's id.
    pub flow_id: FlowId,
    /// The flow's name; `None` if the run's first event does not name one.
    pub flow: Option<String>,
    /// The run's events and artifacts.
    pub contents: Contents,
}

/// The size of events and artifacts, without the overhead of rows and indexes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// The number of events.
    pub events: u64,
    /// The stored size of their payloads in bytes. PostgreSQL compresses large ones.
    pub event_bytes: u64,
    /// The number of artifacts. An artifact counts for the run that stored it first.
    pub artifacts: u64,
    /// The stored size of their payloads and metadata in bytes.
    pub artifact_bytes: u64,
}

impl Contents {
    /// Returns the total size of events and artifacts, in bytes.
    pub fn bytes(&self) -> u64 {
        self.event_bytes + self.artifact_bytes
    }
}
