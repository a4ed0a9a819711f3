//! `chem depict`: draws structures as SVG.

use std::io::Read as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output;
use crate::step::Depictor;

#[derive(Debug, Args)]
pub(in crate::cli) struct DepictArgs {
    /// The SMILES of a structure; `-` reads one from each line of standard input. Several need `--format json`, which has the
    /// drawing of each, or why there is none.
    #[arg(required = true, value_name = "SMILES")]
    pub smiles: Vec<String>,
    /// The width of a drawing in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 280, value_parser = clap::value_parser!(u32).range(16..=4096))]
    pub width: u32,
    /// The height of a drawing in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 190, value_parser = clap::value_parser!(u32).range(16..=4096))]
    pub height: u32,
}

pub(in crate::cli) fn run(shared: &Shared, args: &DepictArgs) -> Result<ExitCode, Failure> {
    let Some(depictor) = Depictor::linked() else {
        return Err(Failure::usage("this program cannot draw structures")
            .with_help("build it with the feature `chemistry` of chem-runtime"));
    };
    let smiles = structures(&args.smiles)?;
    let draw = |smiles: &String| (depictor.svg)(smiles, args.width, args.height);
    match (shared.format, smiles.as_slice()) {
        (Format::Json, all) => {
            let drawn = all.iter().map(|smiles| match draw(smiles) {
                Ok(svg) => json!({"smiles": smiles, "svg": svg, "error": null}),
                Err(reason) => json!({"smiles": smiles, "svg": null, "error": reason}),
            });
            output::print_json(&drawn.collect::<Value>())?;
            Ok(ExitCode::SUCCESS)
        }
        (Format::Human, [one]) => match draw(one) {
            Ok(svg) => {
                output::print_data(svg.trim_end().as_bytes())?;
                output::print_data(b"\n")?;
                Ok(ExitCode::SUCCESS)
            }
            Err(reason) => {
                output::print_error(&format!("`{one}`: {reason}"), &[], None);
                Ok(Status::RunFailed.into())
            }
        },
        (Format::Human, all) => Err(Failure::usage(format!("expected one structure, found {}", all.len()))
            .with_help("`--format json` prints the drawings of several")),
    }
}

/// Returns the structures that the arguments name, with those of standard input in place of `-`.
fn structures(arguments: &[String]) -> Result<Vec<String>, Failure> {
    let mut smiles = Vec::new();
    for argument in arguments {
        if argument == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            smiles.extend(text.lines().map(str::to_owned));
        } else {
            smiles.push(argument.clone());
        }
    }
    Ok(smiles)
}
