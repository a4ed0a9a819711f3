//! The alert catalogues that are built in.
//!
//! `catalogues/` contains one list for each, with its source. A catalogue's identity includes the hash of its list, so that
//! a release with another list does not reuse results of this one.

use serde_json::{Value, json};

use super::list::{ListedAlert, Reading, read};
use crate::fingerprint::ContentHash;
use crate::step::{Files, InvalidKind, InvalidParam, ParamType, ParamValue, StepError};

macro_rules! catalogues {
    ($($name:literal),*) => {
        [$(Catalogue { name: $name, text: include_str!(concat!("catalogues/", $name, ".tsv")) }),*]
    };
}

static CATALOGUES: [Catalogue; 13] = catalogues![
    "pains_a",
    "pains_b",
    "pains_c",
    "brenk",
    "nih",
    "zinc",
    "chembl_bms",
    "chembl_dundee",
    "chembl_glaxo",
    "chembl_inpharmatica",
    "chembl_lint",
    "chembl_mlsmr",
    "chembl_surechembl"
];

/// A built-in list of alerts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Catalogue {
    name: &'static str,
    text: &'static str,
}

impl Catalogue {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the alerts. Names may be duplicates.
    pub(super) fn alerts(&self) -> Vec<ListedAlert> {
        read(self.name, self.text.as_bytes(), Reading::default()).0
    }

    /// Returns the hash of the list without its comments.
    fn hash(&self) -> ContentHash {
        let lines = self.text.split_inclusive('\n').filter(|line| !line.starts_with('#'));
        ContentHash::of(lines.collect::<String>().as_bytes())
    }
}

/// A built-in catalogue of alerts by its name in manifests, or a group of catalogues: `pains` is `pains_a`,
/// `pains_b` and `pains_c`, and `chembl` for the seven whose names begin with `chembl_`.
///
/// ```
/// use chem_runtime::chemistry::AlertCatalogue;
///
/// assert_eq!(AlertCatalogue::new("brenk").unwrap().as_str(), "brenk");
/// assert!(AlertCatalogue::new("my-alerts").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertCatalogue(&'static str);

impl AlertCatalogue {
    /// The names of the groups.
    const GROUPS: [&'static str; 2] = ["pains", "chembl"];

    /// Returns the catalogue or group called `name`.
    ///
    /// # Errors
    /// Fails if there is none of this name.
    pub fn new(name: &str) -> Result<Self, InvalidParam> {
        let all = CATALOGUES.iter().map(|catalogue| catalogue.name).chain(Self::GROUPS);
        all.into_iter().find(|known| *known == name).map(Self).ok_or_else(|| {
            InvalidParam::new(format!("there is no alert catalogue `{name}`")).of_kind(InvalidKind::Choice)
        })
    }

    /// Returns the name.
    pub fn as_str(&self) -> &'static str {
        self.0
    }

    /// Returns the catalogue, or those of the group.
    pub(super) fn members(&self) -> impl Iterator<Item = &'static Catalogue> + use<> {
        let name = self.0;
        let is_member = move |catalogue: &&Catalogue| match catalogue.name.strip_prefix(name) {
            Some("") => true,
            Some(rest) => Self::GROUPS.contains(&name) && rest.starts_with('_'),
            None => false,
        };
        CATALOGUES.iter().filter(is_member)
    }
}

impl ParamValue for AlertCatalogue {
    fn ty() -> ParamType {
        ParamType::Formatted("alert catalogue")
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        Self::new(value.as_str().ok_or_else(|| InvalidParam::expected(&Self::ty(), value))?)
    }

    fn write(&self) -> Value {
        self.0.into()
    }

    fn identity(&self, _: &Files) -> Result<Value, StepError> {
        Ok(self.members().map(|catalogue| json!({ "name": catalogue.name, "sha256": catalogue.hash() })).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(name: &str) -> usize {
        AlertCatalogue::new(name).unwrap().members().map(|catalogue| catalogue.alerts().len()).sum()
    }

    #[test]
    fn every_line_of_every_catalogue_is_an_alert() {
        for catalogue in &CATALOGUES {
            let (alerts, faults) = read(catalogue.name, catalogue.text.as_bytes(), Reading::default());
            assert!(!alerts.is_empty() && faults.is_empty(), "{}: {faults:?}", catalogue.name);
        }
    }

    #[test]
    fn a_group_is_its_members() {
        assert_eq!((count("pains"), count("pains_a"), count("chembl"), count("zinc")), (480, 16, 770, 50));
        let identity = |name: &str| {
            let files = Files::relative_to(".");
            AlertCatalogue::new(name).unwrap().identity(&files).unwrap()
        };
        assert_eq!(identity("pains").as_array().unwrap()[1], identity("pains_b")[0]);
    }

    /// A changed hash is a changed list. Comments are no part of it.
    #[test]
    fn the_identity_of_a_catalogue_is_that_of_its_list() {
        let of = |text| Catalogue { name: "x", text }.hash();
        assert_eq!(of("# a\nname\tsmarts\nx\tC\n"), of("name\tsmarts\nx\tC\n"));
        assert_ne!(of("name\tsmarts\nx\tC\n"), of("name\tsmarts\nx\tN\n"));
    }
}
