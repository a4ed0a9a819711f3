//! The durable-flow attribute macros of chem-runtime.
