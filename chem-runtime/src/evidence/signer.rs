//! Signatures in the format of `ssh-keygen -Y`, made and checked by that program.
//!
//! It is what git does too: it takes key files, keys in an agent and keys on a FIDO token alike, and a signature can be
//! checked without `chem`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;

use super::error::EvidenceError;
use crate::configuration;

/// A key to sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    key: PathBuf,
}

impl Signer {
    /// Returns a signer with the key in the file `key`: a private key, or a public key whose private part is in the agent.
    pub fn with_key(key: impl Into<PathBuf>) -> Self {
        Self { key: key.into() }
    }

    /// Returns the signature of `text` in the namespace `namespace`, which says what kind of text it is.
    ///
    /// # Errors
    /// Fails if `ssh-keygen` is missing or refuses, for example because the key is missing or its passphrase is wrong.
    pub fn sign(&self, namespace: &str, text: &str) -> Result<String, EvidenceError> {
        let mut command = ssh_keygen("sign");
        command.arg("-n").arg(namespace).arg("-f").arg(&self.key);
        let output = run(command, text)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(EvidenceError::Signature {
            message: format!("cannot sign with the key `{}`; name another one with `--key FILE`", self.key.display()),
            source: Some(said(&output).into()),
        })
    }
}

/// Who may sign: a file in the format of `ssh-keygen`'s `allowed_signers`.
#[derive(Debug, Clone)]
pub struct AllowedSigners {
    path: PathBuf,
}

impl AllowedSigners {
    /// Returns the signers in the file at `path`.
    ///
    /// # Errors
    /// Fails if there is no such file.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, EvidenceError> {
        let path = path.into();
        match std::fs::metadata(&path) {
            Ok(_) => Ok(Self { path }),
            Err(error) => Err(EvidenceError::Signature {
                message: format!("cannot read the allowed signers in `{}`", path.display()),
                source: Some(error.into()),
            }),
        }
    }

    /// Returns the file that `CHEM_ALLOWED_SIGNERS` names, or else `allowed_signers` in the user's configuration, if there is
    /// one.
    ///
    /// # Errors
    /// Fails if `CHEM_ALLOWED_SIGNERS` names a file that does not exist.
    pub fn of_user() -> Result<Option<Self>, EvidenceError> {
        if let Some(path) = configuration::set("CHEM_ALLOWED_SIGNERS") {
            return Self::new(path).map(Some);
        }
        let path = configuration::directory().map(|directory| directory.join("allowed_signers"));
        Ok(path.filter(|path| path.exists()).map(|path| Self { path }))
    }

    /// Returns the principal who signed `text` in `namespace`, or the reason why the signature does not count. The key
    /// must have been valid at the time `at`.
    ///
    /// # Errors
    /// Fails if `ssh-keygen` is missing.
    pub fn verify(
        &self,
        namespace: &str,
        text: &str,
        signature: &str,
        at: Timestamp,
    ) -> Result<Result<String, String>, EvidenceError> {
        let file = signature_file(signature)?;
        let output = run(self.command("find-principals", file.path(), at), "")?;
        let found = String::from_utf8_lossy(&output.stdout).into_owned();
        let Some(principal) = found.lines().next().filter(|_| output.status.success()) else {
            return Ok(Err(format!("no allowed signer had this key at {at}")));
        };
        let output = run(self.verifying(namespace, principal, file.path(), at), text)?;
        if output.status.success() { Ok(Ok(principal.to_owned())) } else { Ok(Err(said(&output))) }
    }

    /// Returns which of `principals` signed `text` in `namespace`, or the reason why none of them counts. The key must have been
    /// valid at the time `at`.
    ///
    /// # Errors
    /// Fails if `ssh-keygen` is missing.
    pub fn verify_one_of(
        &self,
        principals: &[String],
        namespace: &str,
        text: &str,
        signature: &str,
        at: Timestamp,
    ) -> Result<Result<String, String>, EvidenceError> {
        let file = signature_file(signature)?;
        for principal in principals {
            if run(self.verifying(namespace, principal, file.path(), at), text)?.status.success() {
                return Ok(Ok(principal.clone()));
            }
        }
        let signed = self.verify(namespace, text, signature, at)?;
        Ok(Err(signed.map_or_else(|reason| reason, |other| format!("it is signed by `{other}`"))))
    }

    fn verifying(&self, namespace: &str, principal: &str, signature: &Path, at: Timestamp) -> Command {
        let mut command = self.command("verify", signature, at);
        command.arg("-n").arg(namespace).arg("-I").arg(principal);
        command
    }

    fn command(&self, action: &str, signature: &Path, at: Timestamp) -> Command {
        let mut command = ssh_keygen(action);
        command.arg("-f").arg(&self.path).arg("-s").arg(signature);
        command.arg(format!("-Overify-time={}", at.strftime("%Y%m%d%H%M%S")));
        command
    }
}

/// Returns whether `signature` is one of `text` in `namespace`, by whatever key.
///
/// # Errors
/// Fails if `ssh-keygen` is missing.
pub(crate) fn is_signature_of(namespace: &str, text: &str, signature: &str) -> Result<bool, EvidenceError> {
    let file = signature_file(signature)?;
    let mut command = ssh_keygen("check-novalidate");
    command.arg("-n").arg(namespace).arg("-s").arg(file.path());
    Ok(run(command, text)?.status.success())
}

fn signature_file(signature: &str) -> Result<tempfile::NamedTempFile, EvidenceError> {
    let failed = |error: std::io::Error| EvidenceError::Signature {
        message: "cannot write a temporary file for a signature".into(),
        source: Some(error.into()),
    };
    let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
    file.write_all(signature.as_bytes()).map_err(failed)?;
    Ok(file)
}

fn ssh_keygen(action: &str) -> Command {
    let mut command = Command::new("ssh-keygen");
    // Times without a zone are those of this one.
    command.arg("-Y").arg(action).env("TZ", "UTC");
    command
}

fn run(mut command: Command, text: &str) -> Result<Output, EvidenceError> {
    let failed = |error: std::io::Error| EvidenceError::Signature {
        message: "cannot run `ssh-keygen`, which makes and checks signatures; install OpenSSH".into(),
        source: Some(error.into()),
    };
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that refuses its options does not read the text; its status says so.
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait_with_output().map_err(failed)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
