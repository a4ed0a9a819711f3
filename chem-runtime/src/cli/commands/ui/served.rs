//! `chem ui` in a program that has the explorer.

use std::process::ExitCode;

use serde_json::json;

use super::UiArgs;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::Failure;
use crate::cli::output;
use crate::cli::{advice, runs, signals};
use crate::explorer::{Explorer, Server};
use crate::step::CancelToken;
use crate::store::OpenMode;

pub(in crate::cli) fn run(shared: &Shared, args: &UiArgs) -> Result<ExitCode, Failure> {
    let url = shared.store_url()?;
    let store = runs::open_store(shared, OpenMode::Read)?;
    let explorer = Explorer::new(store, url.without_secrets()).with_option(&advice::store_option(shared));
    let explorer = explorer.confined(shared.confining());
    let server = Server::bind(explorer, args.listen, &args.host).map_err(|error| {
        Failure::usage(format!("cannot listen on {}: {error}", args.listen))
            .with_help("`--listen 127.0.0.1:0` takes any free port")
    })?;
    let stop = CancelToken::default();
    signals::stop_on_signals(stop.clone(), "");
    match shared.format {
        Format::Json => output::print_json(&json!({"url": server.url()}))?,
        Format::Human => output::print(&format!("{}\n", server.url()))?,
    }
    if !shared.quiet {
        output::say("open this address in a browser; Ctrl-C ends the explorer");
    }
    if server.is_public() {
        output::say(
            "warning: other machines can reach it, unencrypted; anyone with the address can read the whole store",
        );
    }
    server.serve(stop)?;
    Ok(ExitCode::SUCCESS)
}
