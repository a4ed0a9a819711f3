//! The chemistry, as a user of its steps sees it.
//!
//! - `alerts`: alerts of the built-in catalogues occur where RDKit finds them.
//! - `checks`: the check knows what these steps cannot do.
//! - `recorded`: the reference values are what RDKit gives.
//! - `reference`: every property of every approved drug is RDKit's.
//! - `spelling`: one molecule has one record, however it was spelt.
//! - `fingerprints`: fingerprints have RDKit's bits and counts.
//! - `hostile`: what was made to crash or to hang the program is refused or takes its time, and no more.
//! - `odd`: radicals, dummies in rings and the like have RDKit's values too, whatever else is asked for.
//! - `preparing`: each molecule once, some of them, judged by rules, with one value for each property.
//! - `sd_files`: what is drawn is the molecule that RDKit sees, and what is written is read back.
//! - `standard`: standard forms are RDKit's.
//! - `tables`: molecules among the steps over tables.
//! - `search`: substructures, scaffolds and similarities are RDKit's, and what is alike comes first.
//! - `picking`: picks are far apart, and members of a cluster near its centre.
//! - `report`: the page shows what it promises, in a browser, whatever the molecules are called.
//! - `instrument`: each control of that page does what it says, and what it saves is what the steps write.
//! - `threads`: results do not depend on the number of threads.
//! - `trouble`: rubbish, full disks and missing columns are accounted for, and lose nothing.
//! - `intake`: files in other encodings, with decimal commas and without headers are read as they are meant.
//! - `workbooks`: sheets of Excel workbooks are read as pandas reads them, and damaged ones are refused.
//! - `several`: several files are read as one, and every record names its file.
//! - `files`: every record of a file is accounted for, whatever the file is.

mod alerts;
mod bench;
mod checks;
mod coordinates;
mod files;
mod fingerprints;
mod hostile;
mod instrument;
mod intake;
mod odd;
mod picking;
mod preparing;
mod recorded;
mod reference;
mod report;
mod sd_files;
mod search;
mod several;
mod spelling;
mod standard;
mod tables;
mod threads;
mod trouble;
#[cfg(feature = "excel")]
mod workbooks;
