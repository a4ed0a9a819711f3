//! The conditions of rules of thumb for drugs and leads, and their sources.

use crate::chemistry::library::Structure;
use crate::chemistry::property::rounded;

/// A rule: conditions on properties, and the number of violations that it tolerates.
#[derive(Debug)]
pub struct Rule {
    /// The name of the rule and its column.
    pub name: &'static str,
    /// The publication, with its DOI.
    pub source: &'static str,
    conditions: &'static [Condition],
    /// The number of conditions that may be violated.
    allowed: usize,
}

/// The range of a property, inclusive at both ends.
#[derive(Debug)]
struct Condition {
    property: &'static str,
    value: fn(&Structure) -> Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
}

/// The result of a rule for a molecule.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    /// Whether the molecule satisfies the rule; `None` if that depends on a missing property.
    pub(super) kept: Option<bool>,
    /// The violated conditions, such as `logp > 5`.
    pub(super) broken: Vec<String>,
}

static ALL: &[Rule] = &[
    Rule {
        name: "lipinski",
        source: "Lipinski 1997, doi:10.1016/S0169-409X(96)00423-1",
        conditions: &[
            at_most("molecular_weight", Structure::molecular_weight, 500.0),
            at_most("logp", Structure::logp, 5.0),
            at_most("hbd", |s| count(s.hbd()), 5.0),
            at_most("hba", |s| count(s.hba()), 10.0),
        ],
        allowed: 1,
    },
    Rule {
        name: "veber",
        source: "Veber 2002, doi:10.1021/jm020017n",
        conditions: &[
            at_most("rotatable_bonds", |s| count(s.rotatable_bonds()), 10.0),
            at_most("tpsa", Structure::tpsa, 140.0),
        ],
        allowed: 0,
    },
    Rule {
        name: "ghose",
        source: "Ghose 1999, doi:10.1021/cc9800071",
        conditions: &[
            between("molecular_weight", Structure::molecular_weight, 160.0, 480.0),
            between("logp", Structure::logp, -0.4, 5.6),
            between("molar_refractivity", Structure::molar_refractivity, 40.0, 130.0),
            between("atoms", |s| count(s.all_atoms()), 20.0, 70.0),
        ],
        allowed: 0,
    },
    Rule {
        name: "egan",
        source: "Egan 2000, doi:10.1021/jm000292e",
        conditions: &[at_most("logp", Structure::logp, 5.88), at_most("tpsa", Structure::tpsa, 131.6)],
        allowed: 0,
    },
    Rule {
        name: "lead_like",
        source: "Oprea 2002, doi:10.3390/70100051",
        conditions: &[
            at_most("molecular_weight", Structure::molecular_weight, 450.0),
            between("logp", Structure::logp, -3.5, 4.5),
            at_most("rings", |s| count(s.rings()), 4.0),
            at_most("rotatable_bonds", |s| count(s.rotatable_bonds()), 10.0),
            at_most("hbd", |s| count(s.hbd()), 5.0),
            at_most("hba", |s| count(s.hba()), 8.0),
        ],
        allowed: 0,
    },
];

type Value = fn(&Structure) -> Option<f64>;

const fn at_most(property: &'static str, value: Value, max: f64) -> Condition {
    Condition { property, value, min: None, max: Some(max) }
}

const fn between(property: &'static str, value: Value, min: f64, max: f64) -> Condition {
    Condition { property, value, min: Some(min), max: Some(max) }
}

fn count(count: Option<i64>) -> Option<f64> {
    // Counts of atoms are exact in a float.
    count.map(|count| count as f64)
}

impl Rule {
    /// Returns all rules.
    pub fn all() -> &'static [Self] {
        ALL
    }

    /// Returns the rule called `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|rule| rule.name == name)
    }

    /// Evaluates the rule for `structure`.
    pub(super) fn judge(&self, structure: &Structure) -> Verdict {
        let (mut broken, mut unknown) = (Vec::new(), 0);
        for condition in self.conditions {
            match (condition.value)(structure).map(rounded) {
                None => unknown += 1,
                Some(value) => broken.extend(condition.breach(value)),
            }
        }
        let kept = match broken.len() {
            certain if certain > self.allowed => Some(false),
            certain if certain + unknown > self.allowed => None,
            _ => Some(true),
        };
        Verdict { kept, broken }
    }
}

impl Condition {
    fn breach(&self, value: f64) -> Option<String> {
        match (self.min, self.max) {
            (Some(min), _) if value < min => Some(format!("{} < {min}", self.property)),
            (_, Some(max)) if value > max => Some(format!("{} > {max}", self.property)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_a_range_are_inclusive() {
        let condition = between("logp", Structure::logp, -0.4, 5.6);
        assert_eq!((condition.breach(-0.4), condition.breach(5.6)), (None, None));
        assert_eq!(condition.breach(-0.400_001).unwrap(), "logp < -0.4");
        assert_eq!(condition.breach(5.600_001).unwrap(), "logp > 5.6");
    }

    #[test]
    fn violations_are_named_and_lipinski_tolerates_one() {
        let judge =
            |rule: &str, smiles: &str| Rule::named(rule).unwrap().judge(&Structure::from_smiles(smiles).unwrap());
        let eicosane = "CCCCCCCCCCCCCCCCCCCC";
        assert_eq!(judge("lipinski", eicosane), Verdict { kept: Some(true), broken: vec!["logp > 5".to_owned()] });
        assert_eq!(judge("egan", eicosane), Verdict { kept: Some(false), broken: vec!["logp > 5.88".to_owned()] });
        assert_eq!(judge("veber", eicosane).broken, ["rotatable_bonds > 10"]);
        let ethanol = judge("ghose", "CCO");
        assert_eq!(ethanol.broken, ["molecular_weight < 160", "molar_refractivity < 40", "atoms < 20"]);
        assert_eq!(judge("lead_like", "Cc1ccccc1"), Verdict { kept: Some(true), broken: Vec::new() });
    }

    #[test]
    fn the_result_is_missing_if_a_missing_property_would_decide() {
        let heavy = Structure::from_smiles("[999C]CCCCCCCCCC").unwrap();
        assert_eq!(heavy.molecular_weight(), None);
        let judge = |rule: &str| Rule::named(rule).unwrap().judge(&heavy).kept;
        assert_eq!((judge("lipinski"), judge("lead_like"), judge("veber")), (Some(true), None, Some(true)));
    }
}
