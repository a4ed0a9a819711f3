//! What was typed for the commands that take a manifest.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// The manifests; `-` is standard input.
    #[arg(required_unless_present = "explain", value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifests: Vec<PathBuf>,
    /// Explain the rule with this code, such as E0410, with an example of what is wrong and of what is right.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["manifests", "set"])]
    pub explain: Option<String>,
    #[command(flatten)]
    pub overrides: Overrides,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    /// The manifest.
    #[arg(value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub reuse: Reuse,
}

/// Which stored results are reused.
#[derive(Debug, Args)]
pub(in crate::cli) struct Reuse {
    /// Reuse no stored result.
    #[arg(long)]
    pub no_cache: bool,
    /// Reuse no stored result for this step. Can be given several times.
    #[arg(long, value_name = "STEP", conflicts_with = "no_cache")]
    pub refresh: Vec<String>,
}

#[derive(Debug, Default, Args)]
pub(in crate::cli) struct Overrides {
    /// Give one of the flow's params another value. Can be given several times; of two for one param the last counts.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArgs {
    /// The run to compare with: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub before: String,
    /// The run to compare, by its id, or a manifest.
    #[arg(value_name = "ID|MANIFEST", value_hint = ValueHint::FilePath)]
    pub after: String,
    /// Where the second is a manifest, give one of its params another value. Can be given several times; of two for one
    /// param the last counts.
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}
