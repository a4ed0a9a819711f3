//! Alerts with parsed patterns and unique names.

use std::collections::{HashMap, HashSet};

use super::catalogue::Catalogue;
use super::list::ListedAlert;
use crate::cancel;
use crate::chemistry::library::{NotAPattern, Pattern, Structure};
use crate::chemistry::substructure::decided;
use crate::step::StepError;

/// The separator of the names in one value of the column `alerts`.
pub(super) const BETWEEN: &str = "; ";

/// A structural alert.
pub(super) struct Alert {
    pub(super) name: String,
    pattern: Pattern,
    allowed: u32,
}

/// Alerts to look for, in order.
#[derive(Default)]
pub(super) struct Alerts {
    all: Vec<Alert>,
    names: HashSet<String>,
    /// The last number of each name that several alerts have.
    numbers: HashMap<String, u32>,
}

impl Alerts {
    /// Adds the alerts of a built-in catalogue. Hydrogens in the patterns are merged into their neighbours, as RDKit does
    /// for these catalogues. Requires a deep stack.
    ///
    /// # Errors
    /// Fails if a pattern cannot be used. A test parses all of them.
    pub(super) fn add_catalogue(&mut self, catalogue: &Catalogue) -> Result<(), StepError> {
        for alert in catalogue.alerts() {
            let name = format!("{}:{}", catalogue.name(), alert.name);
            self.add(name, &alert, Some(true)).map_err(|error| {
                StepError::new(format!("the pattern `{}` of the catalogue cannot be used: {error}", alert.smarts))
            })?;
        }
        Ok(())
    }

    /// Adds the alerts of the file called `file`. Returns what is wrong with those that cannot be used. Requires a deep
    /// stack.
    pub(super) fn add_list(&mut self, file: &str, list: &[ListedAlert], merge_hydrogens: Option<bool>) -> Vec<String> {
        let mut faults = Vec::new();
        for alert in list {
            if let Err(error) = self.add(alert.name.clone(), alert, merge_hydrogens) {
                let ListedAlert { line, text, .. } = alert;
                let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
                faults.push(format!(
                    "line {line} of `{file}` has no usable pattern: {error}{help}; the line is `{text}`"
                ));
            }
        }
        faults
    }

    /// Adds an alert. The separator of names becomes a comma in its name, and a name that is taken gets a number.
    fn add(&mut self, name: String, alert: &ListedAlert, merge_hydrogens: Option<bool>) -> Result<(), NotAPattern> {
        let pattern = Pattern::for_molecules(&alert.smarts, merge_hydrogens)?;
        let name = name.replace(BETWEEN, ", ");
        let name = self.unique(name);
        self.names.insert(name.clone());
        self.all.push(Alert { name, pattern, allowed: alert.allowed });
        Ok(())
    }

    /// Returns `name`, or if it is taken, `name` with the next number that makes it unique.
    fn unique(&mut self, name: String) -> String {
        if !self.names.contains(&name) {
            return name;
        }
        let number = self.numbers.entry(name.clone()).or_insert(1);
        loop {
            *number += 1;
            let numbered = format!("{name} #{number}");
            if !self.names.contains(&numbered) {
                return numbered;
            }
        }
    }

    /// Returns the alerts that occur in a molecule, in order; `None` if one of them cannot be searched for.
    ///
    /// # Errors
    /// Fails if a search takes too long.
    pub(super) fn occurring(&self, smiles: &str) -> Result<Option<Vec<&Alert>>, StepError> {
        let Ok(structure) = Structure::from_canonical(smiles) else { return Ok(None) };
        let mut found = Vec::new();
        for alert in &self.all {
            cancel::check()?;
            match decided(structure.has_more_than(alert.allowed, &alert.pattern), smiles, &alert.name)? {
                Some(true) => found.push(alert),
                Some(false) => {}
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::alerts::catalogue::AlertCatalogue;
    use crate::chemistry::alerts::list::{Reading, read};
    use crate::records::on_workers;

    fn alerts(text: &str) -> (Alerts, Vec<String>) {
        on_workers(|| {
            let (list, faults) = read("a", text.as_bytes(), Reading::default());
            assert_eq!(faults, [""; 0]);
            let mut alerts = Alerts::default();
            let faults = alerts.add_list("a", &list, None);
            (alerts, faults)
        })
        .unwrap()
    }

    #[test]
    fn every_pattern_of_every_catalogue_is_usable() {
        for (name, count) in [("pains", 480), ("brenk", 105), ("nih", 180), ("zinc", 50), ("chembl", 770)] {
            let mut alerts = Alerts::default();
            let mut members = AlertCatalogue::new(name).unwrap().members();
            on_workers(|| members.try_for_each(|catalogue| alerts.add_catalogue(catalogue))).unwrap().unwrap();
            assert_eq!(alerts.all.len(), count, "{name}");
        }
    }

    #[test]
    fn names_are_unique_and_free_of_the_separator() {
        let (alerts, faults) = alerts("C x\nN x\nO x #2\nS x\nP a; b\n");
        let names: Vec<&str> = alerts.all.iter().map(|alert| alert.name.as_str()).collect();
        assert_eq!(names, ["x", "x #2", "x #2 #2", "x #3", "a, b"]);
        assert_eq!(faults, [""; 0]);
    }

    #[test]
    fn every_unusable_pattern_is_reported() {
        let (alerts, faults) = alerts("C=O x\n[C y\n[#6][#1] z\n");
        assert_eq!((alerts.all.len(), faults.len()), (1, 2));
        assert!(faults[0].contains("line 2 of `a` has no usable pattern"), "{faults:?}");
        assert!(faults[1].contains("requires a hydrogen atom") && faults[1].contains("merge_hydrogens"), "{faults:?}");
    }

    #[test]
    fn a_pattern_may_occur_as_often_as_allowed() {
        let (alerts, _) = alerts("name,smarts,max\ncarbons,[#6],2\nany,F,0\n");
        let found = |smiles: &str| {
            let found = on_workers(|| alerts.occurring(smiles).unwrap().unwrap().into_iter().map(|it| it.name.clone()));
            found.unwrap().collect::<Vec<_>>()
        };
        assert_eq!(found("CC"), [""; 0]);
        assert_eq!(found("CCC"), ["carbons"]);
        assert_eq!(found("CF"), ["any"]);
    }
}
