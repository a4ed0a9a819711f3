//! `chem whoami`: shows and writes the identity that logs and signatures have.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::json;

use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::Failure;
use crate::cli::output;
use crate::evidence::{Identity, operator};

#[derive(Debug, Args)]
pub(in crate::cli) struct WhoamiArgs {
    /// Write this name to the identity file.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Write this ORCID iD to the identity file.
    #[arg(long, value_name = "ORCID")]
    pub orcid: Option<String>,
    /// Write this institution to the identity file.
    #[arg(long, value_name = "NAME")]
    pub affiliation: Option<String>,
    /// Write the ROR of the institution to the identity file, such as `https://ror.org/02mhbdp94`.
    #[arg(long, value_name = "ROR")]
    pub ror: Option<String>,
    /// Write to the identity file that this SSH key signs.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub key: Option<PathBuf>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &WhoamiArgs) -> Result<ExitCode, Failure> {
    let mut identity = Identity::read()?;
    let texts = [&args.name, &args.orcid, &args.affiliation, &args.ror];
    if args.key.is_some() || texts.iter().any(|text| text.is_some()) {
        let mut changed = identity.unwrap_or_default();
        changed.name = args.name.clone().unwrap_or(changed.name);
        changed.orcid = args.orcid.clone().or(changed.orcid);
        changed.affiliation = args.affiliation.clone().or(changed.affiliation);
        changed.ror = args.ror.clone().or(changed.ror);
        if let Some(key) = &args.key {
            changed.key = Some(std::path::absolute(key)?);
        }
        changed.write()?;
        identity = Some(changed);
    }
    let by = operator(identity.as_ref().map(Identity::person));
    let (key, file) = (identity.as_ref().and_then(|identity| identity.key.clone()), Identity::file());
    if shared.format == Format::Json {
        output::print_json(&json!({
            "name": identity.as_ref().map(|identity| &identity.name),
            "orcid": identity.as_ref().and_then(|identity| identity.orcid.as_ref()),
            "affiliation": identity.as_ref().and_then(|identity| identity.affiliation.as_ref()),
            "ror": identity.as_ref().and_then(|identity| identity.ror.as_ref()),
            "login": by.login,
            "host": by.host,
            "key": key,
            "file": file,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("{}\n", output::escape(&by.to_string()));
    if let Some(key) = key {
        text.push_str(&format!("signs with {}\n", output::escape(&key.display().to_string())));
    }
    output::print(&text)?;
    if identity.is_none() {
        let whoami = Advice::text("logs have the login and the host alone; ");
        output::advise(
            shared,
            &whoami.then_command(CommandName::Whoami, &[&"--name", &"NAME"]).then(" adds your name"),
        );
    }
    Ok(ExitCode::SUCCESS)
}
