//! Collects the step types that are linked into this program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use chem_manifest::StepId;
use chem_manifest::names::{listed, nearest};
use serde_json::{Map, Value};

use super::bound::Bound;
use super::definition::StepDefinition;
use super::param::ParamProblem;
use super::typed::{Shape, Step, StepSpec};

/// The registration of a step type, which `#[step]` submits.
pub struct StepRegistration {
    spec: &'static StepSpec,
    shape: Option<Shape>,
    bind: Bind,
}

type Bind =
    &'static (dyn Fn(StepId, &Map<String, Value>) -> Result<Box<dyn StepDefinition>, Vec<ParamProblem>> + Send + Sync);

impl StepRegistration {
    /// Returns the registration of `S`.
    pub const fn of<S: Step>() -> Self {
        Self {
            spec: &S::SPEC,
            shape: S::SHAPE,
            bind: &|id, params| Ok(Box::new(Bound::new(id, S::from_params(params)?))),
        }
    }

    /// Returns the registration of a step type that was described while the program runs.
    pub(crate) const fn described(spec: &'static StepSpec, bind: Bind) -> Self {
        Self { spec, shape: None, bind }
    }

    /// Returns the fixed properties of the step type.
    pub fn spec(&self) -> &'static StepSpec {
        self.spec
    }

    /// Returns the properties of a step of this type with these parameters, on which its inputs and outputs may depend.
    pub(crate) fn shaped(&self, params: &Map<String, Value>) -> &'static StepSpec {
        self.shape.map_or(self.spec, |shape| shape(params))
    }

    /// Creates a step of this type, named `id`, with these parameters.
    ///
    /// # Errors
    /// Returns all problems with the parameters.
    pub fn bind(&self, id: StepId, params: &Map<String, Value>) -> Result<Box<dyn StepDefinition>, Vec<ParamProblem>> {
        (self.bind)(id, params)
    }
}

inventory::collect!(StepRegistration);

/// A step type that no manifest names under `uses:`, and no list of step types has.
pub(crate) struct UnlistedStep(pub(crate) &'static StepRegistration);

inventory::collect!(UnlistedStep);

/// A library that contributes to results. Its version is recorded with each run.
pub struct Library {
    /// The name under which the version is recorded.
    pub name: &'static str,
    /// The linked version.
    pub version: &'static str,
}

inventory::collect!(Library);

impl Library {
    /// Returns the versions of the linked libraries, by name.
    pub fn linked() -> BTreeMap<String, String> {
        inventory::iter::<Library>().map(|library| (library.name.to_owned(), library.version.to_owned())).collect()
    }
}

/// Two step types have the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "two step types are called `{name}`: one in {first}, the other in {second}; rename one of them, or link only one of the crates"
)]
pub struct DuplicateStepType {
    /// The name of both.
    pub name: &'static str,
    /// The crate, file and line of one.
    pub first: String,
    /// The crate, file and line of the other.
    pub second: String,
}

/// The step types of a program by name.
#[derive(Clone)]
pub struct Registry {
    by_name: BTreeMap<&'static str, &'static StepRegistration>,
    /// Whether programs may be started that describe further step types.
    pub(super) programs: bool,
}

impl Registry {
    /// Returns the step types that are linked into this program.
    ///
    /// # Errors
    /// Returns [`DuplicateStepType`] if two have the same name.
    pub fn linked() -> Result<&'static Self, DuplicateStepType> {
        static LINKED: OnceLock<Result<Registry, DuplicateStepType>> = OnceLock::new();
        LINKED.get_or_init(|| Registry::of(inventory::iter::<StepRegistration>())).as_ref().map_err(Clone::clone)
    }

    /// Creates a registry of exactly these step types.
    pub fn of(registrations: impl IntoIterator<Item = &'static StepRegistration>) -> Result<Self, DuplicateStepType> {
        let mut registry = Self { by_name: BTreeMap::new(), programs: true };
        registrations.into_iter().try_for_each(|registration| registry.add(registration))?;
        Ok(registry)
    }

    /// Returns this registry, which then starts no program to describe step types of modules.
    pub fn without_programs(self) -> Self {
        Self { programs: false, ..self }
    }

    /// Adds a step type. Adding the same one again has no effect.
    ///
    /// # Errors
    /// Returns [`DuplicateStepType`] if there is another of its name.
    pub(crate) fn add(&mut self, registration: &'static StepRegistration) -> Result<(), DuplicateStepType> {
        let name = registration.spec.name;
        match self.by_name.insert(name, registration) {
            Some(other) if !std::ptr::eq(other, registration) => {
                self.by_name.insert(name, other);
                let mut places = [place(other.spec), place(registration.spec)];
                places.sort();
                let [first, second] = places;
                Err(DuplicateStepType { name, first, second })
            }
            _ => Ok(()),
        }
    }

    /// Returns the step type called `name`, as a manifest or a log names it.
    pub fn get(&self, name: &str) -> Option<&'static StepRegistration> {
        let unlisted = || inventory::iter::<UnlistedStep>().map(|unlisted| unlisted.0).find(|it| it.spec.name == name);
        self.by_name.get(name).copied().or_else(unlisted)
    }

    /// Returns the existing name nearest to `name`, if it is near enough to have been meant.
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.by_name.keys().copied())
    }

    /// Returns the crates that define step types of this registry, by name.
    pub fn crates(&self) -> BTreeSet<&'static str> {
        let crates = self.iter().map(|registration| registration.spec.defined_in.0);
        crates.filter(|name| !name.is_empty()).collect()
    }

    /// Describes which crates define step types of this registry, and how a program links those of another.
    pub(crate) fn where_from(&self) -> String {
        let crates: Vec<&str> = self.crates().into_iter().collect();
        let those = match crates.as_slice() {
            [] => "this program has no step types".to_owned(),
            [one] => format!("the step types here are those of the crate `{one}`"),
            several => format!("the step types here are those of the crates {}", listed(several)),
        };
        format!("{those}; a program links another crate by naming it: `use my_steps as _;`")
    }

    /// Iterates over all step types by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static StepRegistration> {
        self.by_name.values().copied()
    }
}

fn place(spec: &StepSpec) -> String {
    let (krate, file, line) = spec.defined_in;
    match krate {
        "" => format!("{file}:{line}"),
        krate => format!("crate `{krate}` ({file}:{line})"),
    }
}
