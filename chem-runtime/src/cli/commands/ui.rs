//! `chem ui`: shows the store in a browser.

#[cfg(feature = "ui")]
mod served;

use std::net::SocketAddr;
#[cfg(not(feature = "ui"))]
use std::process::ExitCode;

use clap::Args;

#[cfg(not(feature = "ui"))]
use crate::cli::args::Shared;
#[cfg(not(feature = "ui"))]
use crate::cli::exit::Failure;
#[cfg(feature = "ui")]
pub(in crate::cli) use served::run;

#[derive(Debug, Args)]
pub(in crate::cli) struct UiArgs {
    /// The address to listen on. Port 0 is any free port. Other machines reach the explorer only under an address of this
    /// machine that is not the loopback address.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// A name under which browsers reach this machine, besides `localhost` and its IP addresses. Can be given several times.
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
}

#[cfg(not(feature = "ui"))]
pub(in crate::cli) fn run(_: &Shared, _: &UiArgs) -> Result<ExitCode, Failure> {
    Err(Failure::usage("this program has no explorer").with_help("build it with the feature `ui` of chem-runtime"))
}
