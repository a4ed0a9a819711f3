//! Defines parameters whose values must not appear in a log: passwords, tokens, keys.
//!
//! A manifest names the environment variable that holds a secret, `{ secret: env:TOKEN }`, and so does the log. The
//! step's fingerprint covers a keyed hash of the value (HMAC-SHA256), so that a change is noticed. The key is in the
//! user's configuration and never in a store, so a reader of a store cannot test guesses. What a step prints and its
//! errors are searched for the values that were read, before they enter the log.

use std::borrow::Cow;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::StepError;
use super::files::Files;
use super::param::{InvalidKind, InvalidParam, ParamType, ParamValue};
use crate::configuration;

/// The environment variable with the path of the key file.
const KEY_FILE: &str = "CHEM_SECRET_KEY_FILE";

/// The length of the shortest secret, in bytes. A shorter one would occur in any text.
const SHORTEST: usize = 6;

/// The secrets that this process has read, as pairs of variable and value, the longest value first.
static READ: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// A secret parameter. It holds the name of an environment variable; the value is read when it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    variable: String,
}

impl Secret {
    /// Creates the parameter for the secret in the environment variable `variable`.
    pub fn in_variable(variable: impl Into<String>) -> Self {
        Self { variable: variable.into() }
    }

    /// Returns the environment variable that holds the secret.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// Reads the value, and from then on masks it in signals, errors and the output of programs.
    ///
    /// # Errors
    /// Fails if the variable is missing, is not UTF-8 text, or is too short for a secret.
    pub fn reveal(&self) -> Result<String, StepError> {
        let refused = |why: &str| StepError::new(format!("the environment variable `{}` {why}", self.variable));
        let value = match std::env::var(&self.variable) {
            Ok(value) => value,
            Err(std::env::VarError::NotPresent) => {
                return Err(refused("is not set, and the manifest says that it holds a secret"));
            }
            Err(std::env::VarError::NotUnicode(_)) => return Err(refused("holds a secret that is not UTF-8 text")),
        };
        if value.len() < SHORTEST {
            let why = format!("holds a secret of fewer than {SHORTEST} bytes, which could not be told from other text");
            return Err(refused(&why));
        }
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = (self.variable.clone(), value.clone());
        if !read.contains(&entry) {
            read.push(entry);
            read.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        }
        Ok(value)
    }
}

impl ParamValue for Secret {
    fn ty() -> ParamType {
        ParamType::Secret
    }

    /// Reads `{ secret: env:NAME }`. Errors do not repeat other values, which may be the secret itself.
    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let refused = |message: &str, kind| {
            let help = "name the environment variable that holds it: `{ secret: env:NAME }`";
            InvalidParam::new(message).of_kind(kind).with_help(help)
        };
        let named = value.as_object().filter(|members| members.len() == 1).and_then(|members| members.get("secret"));
        let Some(named) = named.and_then(Value::as_str) else {
            return Err(refused("a secret is not written in a manifest", InvalidKind::Type));
        };
        match named.strip_prefix("env:") {
            Some(name) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(Self::in_variable(name)),
            _ => Err(refused("a secret is named by its environment variable", InvalidKind::Form)),
        }
    }

    fn write(&self) -> Value {
        json!({ "secret": format!("env:{}", self.variable) })
    }

    /// Returns the keyed hash of the value. The variable's name is not part of it.
    fn identity(&self, _: &Files) -> Result<Value, StepError> {
        Ok(json!({ "hmac_sha256": hmac(key()?.as_bytes(), self.reveal()?.as_bytes()) }))
    }
}

/// Replaces every secret in `text` that this process has read by its variable's name.
pub(crate) fn mask(text: &str) -> Cow<'_, str> {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let mut masked = Cow::Borrowed(text);
    for (variable, value) in read.iter() {
        for form in forms(value) {
            if masked.contains(&form) {
                masked = masked.replace(&form, &format!("[secret {variable}]")).into();
            }
        }
    }
    masked
}

/// Returns the variable of a secret that occurs in `bytes`, if any.
pub(crate) fn found_in(bytes: &[u8]) -> Option<String> {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let occurs = |form: &String| bytes.windows(form.len()).any(|window| window == form.as_bytes());
    read.iter().find(|(_, value)| forms(value).iter().any(occurs)).map(|(variable, _)| variable.clone())
}

/// Masks every secret in the texts and names of `value`.
pub(crate) fn mask_json(value: Value) -> Value {
    match value {
        Value::String(text) => mask(&text).into_owned().into(),
        Value::Array(items) => items.into_iter().map(mask_json).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, member)| (mask(&name).into_owned(), mask_json(member))).collect()
        }
        other => other,
    }
}

/// Returns a secret as it is and, if that differs, as JSON escapes it.
fn forms(value: &str) -> Vec<String> {
    let json = Value::from(value).to_string();
    let json = json[1..json.len() - 1].to_owned();
    if json == value { vec![json] } else { vec![value.to_owned(), json] }
}

/// Returns the HMAC-SHA256 (RFC 2104) in hexadecimal. `key` is at most as long as a block of the hash, 64 bytes.
fn hmac(key: &[u8], message: &[u8]) -> String {
    let padded = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the user's key, 64 hexadecimal characters. Creates it on first use.
fn key() -> Result<String, StepError> {
    let path = key_file()?;
    let cannot = |verb: &str, error| {
        StepError::context(format!("cannot {verb} the key for secrets, `{}`", path.display()), error)
    };
    for _ in 0..2 {
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().len() == 64 => return Ok(text.trim().to_owned()),
            Ok(_) => {
                let message = format!("`{}` is not a key for secrets; move it away to have one made", path.display());
                return Err(StepError::new(message));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_key(&path).map_err(|error| cannot("make", error))?
            }
            Err(error) => return Err(cannot("read", error)),
        }
    }
    Err(cannot("read", ErrorKind::NotFound.into()))
}

fn key_file() -> Result<PathBuf, StepError> {
    configuration::set(KEY_FILE).or_else(|| Some(configuration::directory()?.join("secret.key"))).ok_or_else(|| {
        StepError::new(format!("there is no place for the key for secrets: set `HOME`, or `{KEY_FILE}` to a file"))
    })
}

/// Creates the key, unless another process is faster.
fn make_key(path: &Path) -> std::io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    // Each UUID has at least 32 bits of independent system randomness.
    let random: Vec<u8> = (0..16).flat_map(|_| Uuid::now_v7().into_bytes()).collect();
    let key: String = Sha256::digest(random).iter().map(|byte| format!("{byte:02x}")).collect();
    // Only its owner can read a temporary file.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(file, "{key}")?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyed_hash_is_that_of_the_rfc() {
        // RFC 4231, test cases 2 and 1.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac(b"Jefe", b"what do ya want for nothing?"), expected);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hmac(&[0x0b; 20], b"Hi There"), expected);
    }

    #[test]
    fn a_secret_is_named_and_never_written() {
        let secret = Secret::read(&json!({ "secret": "env:TOKEN" })).unwrap();
        assert_eq!((secret.variable(), secret.write()), ("TOKEN", json!({ "secret": "env:TOKEN" })));
        for value in
            [json!("hunter2!"), json!({ "secret": "hunter2!" }), json!({ "secret": "env:" }), json!(["hunter2!"])]
        {
            let error = Secret::read(&value).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn what_was_read_is_masked_as_it_is_and_as_json_has_it() {
        // A test cannot set a variable only for itself; this one exists.
        let value = Secret::in_variable("PATH").reveal().unwrap();
        let masked = mask_json(json!({ "text": [format!("a {value} b")] }));
        assert!(!masked.to_string().contains(&value) && masked.to_string().contains("[secret "), "{masked}");
        assert!(found_in(format!("x{}", Value::from(value)).as_bytes()).is_some());
        assert_eq!(found_in(b"nothing"), None);
    }
}
