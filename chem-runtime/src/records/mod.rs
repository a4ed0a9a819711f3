//! Reading, writing and sorting many records, and spreading work over the cores.
//!
//! This module knows nothing about the meaning of records. The steps that read and write files build on it.

// Some of it has no other user than the chemistry.
#![cfg_attr(not(feature = "chemistry"), allow(dead_code, unused_imports))]

#[cfg(test)]
mod all_texts;
mod batches;
mod columns;
mod decode;
mod delimited_batches;
mod delimited_blocks;
mod delimited_reader;
mod delimited_records;
mod delimited_writer;
mod encoding;
mod json_lines_reader;
mod json_lines_writer;
mod keys;
mod lines;
mod parallel;
#[cfg(feature = "parquet")]
mod parquet_blocks;
#[cfg(feature = "parquet")]
mod parquet_columns;
#[cfg(feature = "parquet")]
mod parquet_reader;
#[cfg(feature = "parquet")]
mod parquet_writer;
mod parts;
mod qualified;
mod random;
mod record_file;
mod record_files;
mod record_text;
mod rejects;
mod rows_where;
#[cfg(feature = "parquet")]
mod shared_file;
mod sheet;
#[cfg(feature = "excel")]
mod sheet_cell;
#[cfg(feature = "excel")]
mod sheet_reader;
mod sorting;
mod table_parts;
mod table_reader;
mod table_survey;
mod table_text;
mod typing;
mod uniting;
mod unpacked;
#[cfg(feature = "excel")]
mod workbook;
mod written;

pub(crate) use batches::Batches;
pub(crate) use columns::{column_index, column_indices};
pub(crate) use decode::{compression, extension, first_lines, not_utf8, text_of};
pub(crate) use delimited_batches::each_row_batch;
pub(crate) use delimited_reader::{HeaderLine, Layout, Row, header_of, misfit_of_names, other_separator};
pub(crate) use delimited_records::Records as DelimitedRecords;
pub(crate) use delimited_writer::{DelimitedWriter, cell_text, write_delimited};
pub(crate) use encoding::Encoding;
pub(crate) use json_lines_writer::{write_json_lines, write_rows_as_json};
pub(crate) use keys::{Key, key_of, order_of, two_spellings};
pub(crate) use lines::{Line, Lines, lines};
pub use parallel::{map_records, try_map_records};
#[cfg(feature = "parquet")]
pub(crate) use parquet_reader::parquet_columns;
#[cfg(feature = "parquet")]
pub(crate) use parquet_writer::ParquetWriter;
pub(crate) use parts::{Part, Taken};
pub(crate) use qualified::{misfits_of_qualified, split_cells, with_relations};
pub(crate) use random::Random;
pub use record_file::RecordFile;
pub(crate) use record_files::FileText;
pub use record_files::RecordFiles;
pub(crate) use record_text::RecordText;
pub(crate) use rejects::{Rejects, shortened};
pub(crate) use rows_where::rows_where;
pub(crate) use sheet::{SheetChoice, other_workbook};
#[cfg(feature = "excel")]
pub(crate) use sheet_reader::{Sheet, SheetRow, sheet_columns};
pub(crate) use sorting::sort_rows;
pub(crate) use table_parts::{Parts, ReadBlock, RecordPart, Refused};
pub(crate) use table_text::{CellText, DeclaredType, Several, SourceText, TableFormat, TableText};
pub(crate) use typing::{Decimal, Inference, Notation, type_cells, type_name};
pub(crate) use uniting::{Arrangement, Uniting, check_new_column, idle_of_single};
pub(crate) use written::written_in_files;

pub(crate) use crate::step::rows::in_order;
pub(crate) use crate::step::workers::abandonable;
pub use crate::step::workers::on_workers;
