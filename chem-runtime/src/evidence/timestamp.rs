//! Time stamps of checkpoints by an authority, as in RFC 3161: tokens that show when a checkpoint existed, whatever the clocks
//! of the store and of its writers say.
//!
//! `openssl ts` makes the queries and checks the replies. A command of the caller's carries the query to the authority, so
//! that nothing here depends on a network: it reads the query on stdin and writes the reply to stdout.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::checkpoint::Checkpoint;
use super::error::EvidenceError;
use super::finding::Finding;
use super::hash::Digest;
use super::record::CHECKPOINT;
use crate::store::{Attestation, EventStore, append_time};

/// The kind of the attestation.
pub(super) const TIMESTAMP: &str = "timestamp";

/// The statement of a `timestamp` attestation.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// The number of the checkpoint's attestation.
    pub(super) checkpoint: u64,
    /// The reply of the authority (DER) in Base64.
    token: String,
}

/// The certificates of the time stamping authorities that count: a file in PEM.
#[derive(Debug, Clone)]
pub struct TimeAuthorities {
    path: PathBuf,
}

impl TimeAuthorities {
    /// Returns the authorities in the file at `path`.
    ///
    /// # Errors
    /// Fails if there is no such file.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, EvidenceError> {
        let path = path.into();
        match std::fs::metadata(&path) {
            Ok(_) => Ok(Self { path }),
            Err(error) => Err(EvidenceError::Signature {
                message: format!("cannot read the certificates in `{}`", path.display()),
                source: Some(error.into()),
            }),
        }
    }
}

impl Stamp {
    /// Returns the stamp in the statement of an attestation; `None` if it is none of this program.
    pub(super) fn read(statement: &str) -> Option<Self> {
        serde_json::from_str(statement).ok()
    }

    /// Returns the time in the token, as `openssl` prints it, or the reason why it does not show when `checkpoint` existed.
    /// `authorities` say whose tokens count; without them, it is enough that the token is about the checkpoint.
    ///
    /// # Errors
    /// Fails if `openssl` is missing.
    pub(super) fn check(
        &self,
        checkpoint: &str,
        authorities: Option<&TimeAuthorities>,
    ) -> Result<Result<String, String>, EvidenceError> {
        let Ok(token) = Base64::decode_vec(&self.token) else { return Ok(Err("the token is not in Base64".into())) };
        let time = match time_in(&token, checkpoint)? {
            Ok(time) => time,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Some(TimeAuthorities { path }) = authorities {
            let file = file_with(&token)?;
            let digest = Digest::of(checkpoint.as_bytes()).to_string();
            let mut verify = openssl(&["-verify", "-digest", &digest]);
            verify.arg("-in").arg(file.path()).arg("-CAfile").arg(path);
            let output = run(verify, &[])?;
            if !output.status.success() {
                return Ok(Err(format!("the time stamp does not count: {}", reason_in(&output))));
            }
        }
        Ok(Ok(time))
    }
}

/// Has the newest checkpoint stamped by an authority, and stores the token, unless it has one already. `command` is a shell
/// command that reads the query on stdin and writes the reply of the authority to stdout. Returns the time in the token;
/// `None` if there is nothing to stamp.
///
/// # Errors
/// [`EvidenceError::Timestamp`] if the command fails, or if what it writes is no token for this checkpoint.
pub fn timestamp(store: &dyn EventStore, command: &str) -> Result<Option<String>, EvidenceError> {
    const ATTEMPTS: usize = 20;
    let attestations = store.attestations().ok_or(EvidenceError::Unsupported)?;
    let Some(newest) = attestations.newest_attestation(CHECKPOINT)? else { return Ok(None) };
    let is_of_newest = |it: &Attestation| {
        it.kind == TIMESTAMP && Stamp::read(&it.statement).is_some_and(|stamp| stamp.checkpoint == newest.number)
    };
    if newest.statement.parse::<Checkpoint>().is_err() || attestations.read_all(newest.number)?.iter().any(is_of_newest)
    {
        return Ok(None);
    }
    let digest = Digest::of(newest.statement.as_bytes()).to_string();
    let query = run(openssl(&["-query", "-digest", &digest, "-sha256", "-cert"]), &[])?;
    if !query.status.success() {
        return Err(failed(format!("`openssl ts` makes no query: {}", reason_in(&query)), None));
    }
    let mut carrier = Command::new("sh");
    carrier.arg("-c").arg(command);
    let reply = run_as(carrier, &query.stdout, "sh")?;
    if !reply.status.success() {
        return Err(failed(
            format!("the command for time stamps failed with {}: `{command}`", reply.status),
            Some(reason_in(&reply).into()),
        ));
    }
    let time = time_in(&reply.stdout, &newest.statement)?.map_err(|reason| {
        failed(format!("what the command for time stamps wrote is no time stamp of the checkpoint: {reason}"), None)
    })?;
    let stamp = Stamp { checkpoint: newest.number, token: Base64::encode_string(&reply.stdout) };
    // A structure of a number and a text.
    let statement = json!(stamp).to_string();
    for _ in 0..ATTEMPTS {
        let (number, kind, ts) = (attestations.next_attestation()?, TIMESTAMP.to_owned(), append_time());
        let statement = statement.clone();
        let attestation = Attestation { number, kind, flow_id: None, statement, signature: None, ts };
        if attestations.append_attestations(&[attestation])? {
            return Ok(Some(time));
        }
    }
    Err(EvidenceError::Busy)
}

/// A checkpoint with a time stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// The number of events that the checkpoint covers.
    pub size: u64,
    /// The time in the token, as `openssl` prints it.
    pub time: String,
    /// Whether the token is one of the authorities that were given.
    pub is_verified: bool,
}

impl Stamped {
    /// Returns the time stamp as JSON.
    pub fn to_json(&self) -> Value {
        json!({ "size": self.size, "time": self.time, "verified": self.is_verified })
    }
}

/// Checks every time stamp in the store. Returns those that count, and what is wrong with the others. Without `authorities`
/// a stamp counts if it is about its checkpoint, whichever authority made it.
///
/// # Errors
/// Fails if `openssl` is missing and there is a time stamp to check.
pub fn check_timestamps(
    store: &dyn EventStore,
    authorities: Option<&TimeAuthorities>,
) -> Result<(Vec<Stamped>, Vec<Finding>), EvidenceError> {
    let attestations = store.attestations().ok_or(EvidenceError::Unsupported)?;
    let (mut stamped, mut findings) = (Vec::new(), Vec::new());
    if attestations.newest_attestation(TIMESTAMP)?.is_none() {
        return Ok((stamped, findings));
    }
    let mut checkpoints: HashMap<u64, (u64, String)> = HashMap::new();
    for Attestation { number, kind, statement, .. } in attestations.read_all(0)? {
        if kind == CHECKPOINT
            && let Ok(Checkpoint { size, .. }) = statement.parse()
        {
            checkpoints.insert(number, (size, statement));
        } else if kind == TIMESTAMP {
            let stamp = Stamp::read(&statement);
            let of = stamp.as_ref().and_then(|stamp| checkpoints.get(&stamp.checkpoint));
            let checked = match (&stamp, of) {
                (Some(stamp), Some((size, text))) => stamp.check(text, authorities)?.map(|time| (*size, time)),
                _ => Err("it is no time stamp of a checkpoint before it".to_owned()),
            };
            match checked {
                Ok((size, time)) => stamped.push(Stamped { size, time, is_verified: authorities.is_some() }),
                Err(reason) => findings.push(Finding::Attestation { number, reason }),
            }
        }
    }
    Ok((stamped, findings))
}

/// Returns the time in a reply, or the reason why it is no token for `checkpoint`. Whose token it is remains open.
fn time_in(reply: &[u8], checkpoint: &str) -> Result<Result<String, String>, EvidenceError> {
    let file = file_with(reply)?;
    let mut print = openssl(&["-reply", "-text"]);
    print.arg("-in").arg(file.path());
    let output = run(print, &[])?;
    if !output.status.success() {
        return Ok(Err(format!("it is no reply of an authority: {}", reason_in(&output))));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // The token contains the digest as it is.
    let digest = Digest::of(checkpoint.as_bytes());
    if !reply.windows(32).any(|window| window == digest.bytes()) {
        let status = text.lines().map(str::trim).find(|line| line.starts_with("Status:"));
        return Ok(Err(format!("it is not about this checkpoint ({})", status.unwrap_or("no status"))));
    }
    let time = text.lines().find_map(|line| line.trim().strip_prefix("Time stamp:"));
    Ok(time.map(|time| time.trim().to_owned()).ok_or_else(|| "it has no time".to_owned()))
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.arg("ts").args(arguments);
    command
}

fn run(command: Command, input: &[u8]) -> Result<Output, EvidenceError> {
    run_as(command, input, "openssl")
}

fn run_as(mut command: Command, input: &[u8], program: &str) -> Result<Output, EvidenceError> {
    let failed =
        |error: std::io::Error| failed(format!("cannot run `{program}`, which time stamps need"), Some(error.into()));
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input says so by its status.
        let _ = stdin.write_all(input);
    }
    child.wait_with_output().map_err(failed)
}

fn file_with(content: &[u8]) -> Result<tempfile::NamedTempFile, EvidenceError> {
    let failed =
        |error: std::io::Error| failed("cannot write a temporary file for a time stamp".into(), Some(error.into()));
    let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    Ok(file)
}

/// Returns the last line of what a program wrote to stderr.
fn reason_in(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it does not say why").to_owned()
}

fn failed(message: String, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> EvidenceError {
    EvidenceError::Timestamp { message, source }
}
