//! The options of commands that sign, and of those that check signatures.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::CommandName;
use super::advice::Advice;
use super::exit::Failure;
use crate::evidence::{AllowedSigners, EvidenceError, Identity, Signer};

/// Whose signatures count.
#[derive(Debug, Args)]
pub(super) struct Signers {
    /// Whose signatures count: a file in the format of `ssh-keygen`'s `allowed_signers`. A key counts for what it signed while
    /// it was valid. Defaults to CHEM_ALLOWED_SIGNERS, then to `chem/allowed_signers` in the user's configuration.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub allowed_signers: Option<PathBuf>,
}

impl Signers {
    /// Returns the file of allowed signers; `None` if there is none.
    pub(super) fn open(&self) -> Result<Option<AllowedSigners>, EvidenceError> {
        match &self.allowed_signers {
            Some(path) => AllowedSigners::new(path).map(Some),
            None => AllowedSigners::of_user(),
        }
    }
}

/// The key to sign with.
#[derive(Debug, Args)]
pub(super) struct SigningKey {
    /// The SSH key: a private key, or a public key whose private part is in the agent. Defaults to that of the identity file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub key: Option<PathBuf>,
}

impl SigningKey {
    /// Returns the key of the option, or else that of the identity file.
    pub(super) fn signer(&self, identity: Option<&Identity>) -> Result<Signer, Failure> {
        let key = self.key.clone().or_else(|| identity?.key.clone()).ok_or_else(|| {
            let help = Advice::text("name one with `--key FILE`, or for all signatures with ");
            let help = help.then_command(CommandName::Whoami, &[&"--key", &"FILE"]);
            Failure::usage("there is no key to sign with").with_help(help)
        })?;
        Ok(Signer::with_key(key))
    }
}
