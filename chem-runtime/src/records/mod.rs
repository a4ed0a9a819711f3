//! Files of records: how text comes apart into records and how a table becomes text, and how work on many records is
//! spread over the cores.
//!
//! Nothing here knows what a record is about. Steps that read and write files stand on it.

mod decode;
mod delimited_reader;
mod delimited_writer;
mod lines;
mod parallel;
mod rejects;

pub use decode::{extension, is_gzip_name, text_of};
pub use delimited_reader::{Delimited, Row};
pub use delimited_writer::write_delimited;
pub use lines::{Line, lines};
pub use parallel::{map_records, map_records_on};
pub use rejects::{Rejects, shortened};
