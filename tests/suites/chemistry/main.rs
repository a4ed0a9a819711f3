//! The chemistry, as a user of its steps sees it.
//!
//! - `reference`: every property of every approved drug is RDKit's.
//! - `spelling`: one molecule has one record, however it was spelt.
//! - `hostile`: what was made to crash or to hang the program is refused or takes its time, and no more.
//! - `tables`: molecules among the steps over tables.
//! - `search`: substructures, scaffolds and similarities are RDKit's, and what is alike comes first.
//! - `picking`: picks are far apart, and members of a cluster near its centre.
//! - `files`: every record of a file is accounted for, whatever the file is.

mod bench;
mod files;
mod hostile;
mod picking;
mod reference;
mod search;
mod spelling;
mod tables;
