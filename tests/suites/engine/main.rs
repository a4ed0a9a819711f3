//! The engine: what it records, how it ends, and that no loss of power can hurt it.

mod counting;
mod crash;
mod ends;
mod gates;
mod retry;
mod shape;
mod timeout;
