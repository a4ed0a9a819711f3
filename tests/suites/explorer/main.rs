//! The explorer: what its pages say is what the commands print, who is answered, and how it looks to a browser.

mod families;
mod harness;
mod live;
mod pages;
mod safety;
mod tables;
mod walk;

#[allow(dead_code)]
#[path = "../cli/harness.rs"]
mod program;
