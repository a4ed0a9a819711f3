//! The step types that are linked into this program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use chem_manifest::StepId;
use chem_manifest::names::{listed, nearest};
use serde_json::{Map, Value};

use super::bound::Bound;
use super::definition::StepDefinition;
use super::param::ParamProblem;
use super::typed::{Step, StepSpec};

/// A step type as `#[step]` submits it.
pub struct StepRegistration {
    spec: &'static StepSpec,
    bind: Bind,
}

type Bind = fn(StepId, &Map<String, Value>) -> Result<Box<dyn StepDefinition>, Vec<ParamProblem>>;

impl StepRegistration {
    /// The registration of `S`.
    pub const fn of<S: Step>() -> Self {
        Self { spec: &S::SPEC, bind: |id, params| Ok(Box::new(Bound::new(id, S::from_params(params)?))) }
    }

    /// All that is fixed about the step type.
    pub fn spec(&self) -> &'static StepSpec {
        self.spec
    }

    /// A step of this type, named `id`, with these parameters.
    ///
    /// # Errors
    /// All that is wrong with the parameters at once.
    pub fn bind(&self, id: StepId, params: &Map<String, Value>) -> Result<Box<dyn StepDefinition>, Vec<ParamProblem>> {
        (self.bind)(id, params)
    }
}

inventory::collect!(StepRegistration);

/// A library whose results become part of runs. Its version is recorded with each run.
pub struct Library {
    /// Its name.
    pub name: &'static str,
    /// The version that is linked.
    pub version: &'static str,
}

inventory::collect!(Library);

impl Library {
    /// The libraries that are linked, by name.
    pub fn linked() -> BTreeMap<String, String> {
        inventory::iter::<Library>().map(|library| (library.name.to_owned(), library.version.to_owned())).collect()
    }
}

/// Two step types of one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "two step types are called `{name}`: one in {first}, the other in {second}; rename one of them, or link only one of the crates"
)]
pub struct DuplicateStepType {
    /// The name.
    pub name: &'static str,
    /// Where one is defined.
    pub first: String,
    /// Where the other is.
    pub second: String,
}

/// The step types of a program by name.
pub struct Registry {
    by_name: BTreeMap<&'static str, &'static StepRegistration>,
}

impl Registry {
    /// The step types that are linked into this program.
    ///
    /// # Errors
    /// [`DuplicateStepType`] if two have one name.
    pub fn linked() -> Result<&'static Self, DuplicateStepType> {
        static LINKED: OnceLock<Result<Registry, DuplicateStepType>> = OnceLock::new();
        LINKED.get_or_init(|| Registry::of(inventory::iter::<StepRegistration>())).as_ref().map_err(Clone::clone)
    }

    /// A registry of just these.
    pub fn of(registrations: impl IntoIterator<Item = &'static StepRegistration>) -> Result<Self, DuplicateStepType> {
        let mut by_name: BTreeMap<&'static str, &'static StepRegistration> = BTreeMap::new();
        for registration in registrations {
            let name = registration.spec.name;
            if let Some(other) = by_name.insert(name, registration) {
                let mut places = [place(other.spec), place(registration.spec)];
                places.sort();
                let [first, second] = places;
                return Err(DuplicateStepType { name, first, second });
            }
        }
        Ok(Self { by_name })
    }

    /// The step type called `name`.
    pub fn get(&self, name: &str) -> Option<&'static StepRegistration> {
        self.by_name.get(name).copied()
    }

    /// The name nearest to one that does not exist, if it is near enough to have been meant.
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.by_name.keys().copied())
    }

    /// The crates that have step types here, by name.
    pub fn crates(&self) -> BTreeSet<&'static str> {
        self.iter().map(|registration| registration.spec.defined_in.0).collect()
    }

    /// Says which crates have step types here, and how a program gets those of another.
    pub(crate) fn where_from(&self) -> String {
        let crates: Vec<&str> = self.crates().into_iter().collect();
        let those = match crates.as_slice() {
            [] => "this program has no step types".to_owned(),
            [one] => format!("the step types here are those of the crate `{one}`"),
            several => format!("the step types here are those of the crates {}", listed(several)),
        };
        format!("{those}; a program links another crate by naming it: `use my_steps as _;`")
    }

    /// All step types by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static StepRegistration> {
        self.by_name.values().copied()
    }
}

fn place(spec: &StepSpec) -> String {
    let (krate, file, line) = spec.defined_in;
    format!("crate `{krate}` ({file}:{line})")
}
