//! Messages between the program and a worker: the length of the head in 4 bytes, the head as JSON, and bodies whose lengths
//! the head gives.

use std::io::{Error, ErrorKind, Read, Result, Write};

use serde::Deserialize;
use serde_json::{Map, Value};

/// The maximum length of a head, and of all bodies of a message.
const MAX_HEAD: usize = 1 << 30;
const MAX_BODIES: u64 = 8 << 30;

/// What a worker says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said {
    /// The worker can take requests.
    Ready,
    /// What came out for a batch of rows. The body is a table of the computed columns.
    Rows(SaidOfRows),
    /// What came out of a step as a whole. The bodies are its tables.
    Tables,
    /// The function failed for a batch, and any of its rows may be the reason.
    Broken { error: String, traceback: String },
    /// The step failed.
    Failed { error: String, traceback: String },
    /// The step stopped because it was asked to.
    Cancelled,
    /// Data to record with the step.
    Signal { name: String, data: Value },
    /// How far the step has got.
    Progress { done: u64, total: Option<u64> },
}

/// What became of the rows of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct SaidOfRows {
    /// The row of the batch that each row comes from, if not each came out once.
    pub(super) from: Option<Vec<usize>>,
    /// The rejected rows with the reasons.
    pub(super) rejects: Vec<(usize, String)>,
    /// What was counted, for which row, and how often.
    pub(super) counts: Vec<(String, usize, u64)>,
}

impl Said {
    /// Returns whether the worker has finished what it was asked.
    pub(super) fn is_answer(&self) -> bool {
        !matches!(self, Self::Ready | Self::Signal { .. } | Self::Progress { .. })
    }
}

#[derive(Deserialize)]
struct Bodies {
    #[serde(default)]
    bodies: Vec<u64>,
}

/// Writes a message.
pub(super) fn write(mut to: impl Write, mut head: Map<String, Value>, bodies: &[Vec<u8>]) -> Result<()> {
    head.insert("bodies".to_owned(), bodies.iter().map(Vec::len).collect());
    let text = Value::Object(head).to_string();
    let length = u32::try_from(text.len()).map_err(|_| Error::other("the parameters are too long"))?;
    to.write_all(&[&length.to_le_bytes(), text.as_bytes()].concat())?;
    bodies.iter().try_for_each(|body| to.write_all(body))?;
    to.flush()
}

/// Reads a message; `None` at the end.
pub(super) fn read(mut from: impl Read) -> Result<Option<(Said, Vec<Vec<u8>>)>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEAD {
        return Err(Error::new(ErrorKind::InvalidData, "not a message of a worker"));
    }
    let mut head = vec![0; length];
    from.read_exact(&mut head)?;
    let Bodies { bodies } = serde_json::from_slice(&head)?;
    if bodies.iter().copied().fold(0, u64::saturating_add) > MAX_BODIES {
        return Err(Error::new(ErrorKind::InvalidData, "a message of more than 8 GiB"));
    }
    let said = serde_json::from_slice(&head)?;
    let mut read = Vec::with_capacity(bodies.len());
    for length in bodies {
        let mut body = vec![0; usize::try_from(length).map_err(Error::other)?];
        from.read_exact(&mut body)?;
        read.push(body);
    }
    Ok(Some((said, read)))
}
