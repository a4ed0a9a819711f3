//! Records by the thousand: how files come apart into records and tables become files, how an expression chooses rows,
//! and how work on many records is spread over the cores.
//!
//! Nothing here knows what a record is about. Steps that read and write files stand on it.

mod decode;
mod delimited_reader;
mod delimited_writer;
mod filter;
mod lines;
mod parallel;
mod rejects;

pub use decode::{extension, is_gzip_name, text_of};
pub use delimited_reader::{Delimited, Row, header_of};
pub use delimited_writer::write_delimited;
pub use filter::{Chosen, choose_rows};
pub use lines::{Line, lines};
pub use parallel::{map_records, map_records_on};
pub use rejects::{Rejects, shortened};
