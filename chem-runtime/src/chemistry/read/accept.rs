//! What `molecules.read` accepts to lose, or keeps in a column of its own: stereo groups, CXSMILES extensions, coordinates.
//!
//! A CXSMILES extension, `|…|` after a SMILES, adds what the SMILES alone does not express, such as that a molecule is a
//! racemate. By default a record with one is refused rather than misread.

/// What happens to information that a SMILES cannot represent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Policy {
    #[default]
    Refuse,
    /// The information is dropped, and the signal `accepted` counts the record.
    Ignore,
    /// The information goes to a column of its own.
    Keep,
}

impl Policy {
    pub(super) fn of(name: Option<&str>) -> Self {
        match name {
            Some("ignore") => Self::Ignore,
            Some("keep") => Self::Keep,
            _ => Self::Refuse,
        }
    }
}

/// What happens to each kind of information that a SMILES cannot represent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accept {
    /// Whether the configuration of an atropisomer's axis is dropped.
    pub(super) flatten: bool,
    /// Racemic and relative stereocentres, of V3000 mol blocks and of CXSMILES.
    pub(super) stereo_groups: Policy,
    /// CXSMILES extensions with anything else.
    pub(super) cxsmiles: Policy,
    /// The coordinates of mol blocks. Only 3D coordinates are refused or counted as lost.
    pub(super) coordinates: Policy,
}

impl Default for Accept {
    fn default() -> Self {
        let (stereo_groups, cxsmiles) = (Policy::Refuse, Policy::Refuse);
        Self { flatten: false, stereo_groups, cxsmiles, coordinates: Policy::Ignore }
    }
}

/// A text with a structure, split.
#[derive(Debug, PartialEq)]
pub(super) struct CxText<'t> {
    pub(super) smiles: &'t str,
    /// The content of the extension, without the bars around it.
    pub(super) extension: Option<&'t str>,
    pub(super) rest: &'t str,
}

impl<'t> CxText<'t> {
    /// Splits a text into the SMILES at its beginning, the extension, and the rest.
    pub(super) fn of(text: &'t str) -> Self {
        let (smiles, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match rest.strip_prefix('|').and_then(|extension| extension.split_once('|')) {
            Some((extension, rest)) => Self { smiles, extension: Some(extension), rest: rest.trim() },
            None => Self { smiles, extension: None, rest },
        }
    }

    /// Returns what the extension contains; `None` without one. `accept` is `None` for a step that has no parameters for
    /// extensions.
    ///
    /// # Errors
    /// Returns the reason for refusing the extension, with the parameter that would accept it.
    pub(super) fn accepted(&self, accept: Option<Accept>) -> Result<Option<(&'t str, Parts)>, String> {
        let Some(extension) = self.extension else { return Ok(None) };
        let Some(accept) = accept else {
            return Err("has a CXSMILES extension, which would be lost; take it out if that is right".to_owned());
        };
        let parts = Parts::of(extension);
        for (found, policy, param) in
            [(parts.groups, accept.stereo_groups, "stereo_groups"), (parts.others, accept.cxsmiles, "cxsmiles")]
        {
            if found && policy == Policy::Refuse {
                return Err(format!(
                    "has a CXSMILES extension, which would be lost; `{param}: ignore` reads the SMILES without it, and \
                     `{param}: keep` keeps it in a column"
                ));
            }
        }
        Ok(Some((extension, parts)))
    }
}

/// Which kinds of information an extension contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) groups: bool,
    pub(super) others: bool,
}

impl Parts {
    fn of(extension: &str) -> Self {
        let mut parts = Self { groups: false, others: false };
        // A group is `&1:0,4`, `o1:0,4` or `a:0,4`, and so its further atoms are entries of their own.
        let mut in_group = false;
        for entry in extension.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let is_atom = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let begins = entry.split_once(':').is_some_and(|(kind, atom)| {
                let numbered = kind.strip_prefix(['&', 'o']);
                is_atom(atom) && (kind == "a" || numbered.is_some_and(is_atom))
            });
            in_group = begins || in_group && is_atom(entry);
            parts.groups |= in_group;
            parts.others |= !in_group;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_split_off_and_its_parts_are_known() {
        let split = |text| {
            let CxText { smiles, extension, rest } = CxText::of(text);
            (smiles, extension, rest)
        };
        assert_eq!(split("CC |&1:1| a name"), ("CC", Some("&1:1"), "a name"));
        assert_eq!(split("CC\tname |x|"), ("CC", None, "name |x|"));
        assert_eq!(split("CC |x"), ("CC", None, "|x"));
        assert_eq!(split("CC"), ("CC", None, ""));
        for (extension, groups, others) in [
            ("&1:1", true, false),
            ("a:0,4,o12:5,7,&2:8", true, false),
            ("$R1;;$", false, true),
            ("&1:1,$R1;;$", true, true),
            ("(0,1;2,3),&1:1", true, true),
            ("wU:1.0", false, true),
            ("r", false, true),
            ("", false, false),
        ] {
            assert_eq!(Parts::of(extension), Parts { groups, others }, "{extension}");
        }
    }

    #[test]
    fn a_refused_extension_names_the_parameter_that_accepts_it() {
        let ignore = Accept { stereo_groups: Policy::Ignore, ..Accept::default() };
        let accepted = |text, accept| CxText::of(text).accepted(Some(accept));
        assert!(CxText::of("C |&1:0|").accepted(None).unwrap_err().contains("take it out"));
        assert!(accepted("C |&1:0|", Accept::default()).unwrap_err().contains("`stereo_groups: ignore`"));
        assert!(accepted("C |$R$|", ignore).unwrap_err().contains("`cxsmiles: keep`"));
        assert_eq!(accepted("C |&1:0|", ignore), Ok(Some(("&1:0", Parts { groups: true, others: false }))));
        assert_eq!(accepted("C name", ignore), Ok(None));
    }
}
