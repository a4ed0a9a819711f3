//! Who is at the keyboard.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::{EvidenceError, InvalidIdentity};
use super::witness::replace;
use crate::event::{Operator, Person};
use crate::{configuration, process};

/// The content of the identity file: the person, and the key with which they sign.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The name of the institution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affiliation: Option<String>,
    /// The printed name.
    pub name: String,
    /// The ORCID iD, such as `0000-0002-1825-0097`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orcid: Option<String>,
    /// The ROR of the institution, such as `https://ror.org/02mhbdp94`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ror: Option<String>,
    /// The SSH key that signs unless another one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

impl Identity {
    /// Returns the path of the identity file: that in `CHEM_IDENTITY`, or else `chem/identity.toml` in the user's
    /// configuration; `None` if the system has no such place.
    pub fn file() -> Option<PathBuf> {
        configuration::set("CHEM_IDENTITY").or_else(|| Some(configuration::directory()?.join("identity.toml")))
    }

    /// Reads the identity file; `None` if there is none.
    ///
    /// # Errors
    /// Fails if there is one and it cannot be read, or says something else.
    pub fn read() -> Result<Option<Self>, EvidenceError> {
        let Some(path) = Self::file() else { return Ok(None) };
        let failed = |source| EvidenceError::Identity { path: path.clone(), source };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.into())),
        };
        let identity: Self = basic_toml::from_str(&text).map_err(|error| failed(error.into()))?;
        identity.check().map_err(|reason| failed(reason.into()))?;
        Ok(Some(identity))
    }

    /// Writes the identity file and returns its path.
    ///
    /// # Errors
    /// [`EvidenceError::InvalidIdentity`] if the name or the ORCID iD is malformed; otherwise that it cannot be written.
    pub fn write(&self) -> Result<PathBuf, EvidenceError> {
        self.check()?;
        let path = Self::file().ok_or_else(|| EvidenceError::Identity {
            path: "identity.toml".into(),
            source: "the system has no place for it: set `HOME`, or `CHEM_IDENTITY` to a file".into(),
        })?;
        let failed = |source| EvidenceError::Identity { path: path.clone(), source };
        let text = basic_toml::to_string(self).map_err(|error| failed(error.into()))?;
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            fs::create_dir_all(directory).map_err(|error| failed(error.into()))?;
        }
        replace(&path, text.as_bytes()).map_err(|error| failed(error.into()))?;
        Ok(path)
    }

    /// Returns the person.
    pub fn person(&self) -> Person {
        Person {
            affiliation: self.affiliation.clone(),
            name: self.name.clone(),
            orcid: self.orcid.clone(),
            ror: self.ror.clone(),
        }
    }

    fn check(&self) -> Result<(), InvalidIdentity> {
        if let Some(orcid) = self.orcid.as_ref().filter(|orcid| !is_orcid(orcid)) {
            return Err(InvalidIdentity::Orcid(orcid.clone()));
        }
        if self.name.is_empty() {
            return Err(InvalidIdentity::NoName);
        }
        if self.name.trim().is_empty() || self.name.contains(char::is_control) {
            return Err(InvalidIdentity::Name(self.name.clone()));
        }
        let is_invalid = |text: &&String| text.trim().is_empty() || text.contains(char::is_control);
        if let Some(affiliation) = self.affiliation.as_ref().filter(is_invalid) {
            return Err(InvalidIdentity::Affiliation(affiliation.clone()));
        }
        if let Some(ror) = self.ror.as_ref().filter(|ror| !is_ror(ror)) {
            return Err(InvalidIdentity::Ror(ror.clone()));
        }
        Ok(())
    }
}

/// Returns the account of this process, with `person`.
pub fn operator(person: Option<Person>) -> Operator {
    Operator { host: process::host(), login: process::login(), person }
}

/// Returns whether `text` is the address of an institution at ROR: its last nine characters are `0`, six letters or digits
/// without `i`, `l`, `o` and `u`, and two digits.
fn is_ror(text: &str) -> bool {
    let Some(id) = text.strip_prefix("https://ror.org/").filter(|id| id.len() == 9 && id.starts_with('0')) else {
        return false;
    };
    let is_letter = |byte: u8| byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !b"ilou".contains(&byte));
    id.bytes().all(is_letter) && id.bytes().skip(7).all(|byte| byte.is_ascii_digit())
}

/// Returns whether `text` is an ORCID iD: four groups of four digits, of which the last is a check digit (ISO 7064, MOD 11-2).
fn is_orcid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    if groups.len() != 4 || groups.iter().any(|group| group.len() != 4 || !group.is_ascii()) {
        return false;
    }
    let mut digits = groups.concat();
    let check = digits.pop();
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return false;
    }
    let sum = digits.bytes().fold(0_u32, |sum, digit| (sum + u32::from(digit - b'0')) * 2 % 11);
    let expected = match (12 - sum) % 11 {
        10 => Some('X'),
        digit => char::from_digit(digit, 10),
    };
    check == expected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orcid_has_its_check_digit() {
        for orcid in ["0000-0002-1825-0097", "0000-0002-1694-233X", "0000-0001-5109-3700"] {
            assert!(is_orcid(orcid), "{orcid}");
        }
        for other in ["0000-0002-1825-0098", "0000-0002-1825-009", "0000000218250097", "0000-0002-1825-00é", ""] {
            assert!(!is_orcid(other), "{other}");
        }
    }
}
