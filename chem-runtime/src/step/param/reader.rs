//! Reads the parameters of a step.

use serde_json::{Map, Value};

use super::{InvalidParam, ParamProblem, ParamSpec};

/// Reads the parameters of a step and collects all problems. Used by code that `#[step]` generates.
#[derive(Debug)]
pub struct ParamReader<'a> {
    specs: &'a [ParamSpec],
    values: &'a Map<String, Value>,
    problems: Vec<ParamProblem>,
}

impl<'a> ParamReader<'a> {
    /// Starts to read `values` as the parameters that `specs` describes. Unknown names are problems.
    pub fn new(specs: &'a [ParamSpec], values: &'a Map<String, Value>) -> Self {
        let problems = values
            .keys()
            .filter(|key| !specs.iter().any(|spec| spec.name == *key))
            .map(|key| ParamProblem::Unknown { param: key.clone() })
            .collect();
        Self { specs, values, problems }
    }

    /// Reads the parameter at `index` of the specs. If there is a problem with it, records the problem and returns
    /// `None`.
    ///
    /// `read` is [`ParamValue::read`](super::ParamValue::read) of the parameter's type. It is a function pointer so that the
    /// compiler reports a type that is not a parameter once.
    pub fn read<T>(&mut self, index: usize, read: fn(&Value) -> Result<T, InvalidParam>) -> Option<T> {
        self.read_with(index, read)
    }

    /// Reads the parameter like [`read`](Self::read), for a type that is known only at run time.
    pub(crate) fn read_with<T>(
        &mut self,
        index: usize,
        read: impl FnOnce(&Value) -> Result<T, InvalidParam>,
    ) -> Option<T> {
        let spec = &self.specs[index];
        let default;
        let value = match (self.values.get(spec.name), spec.default) {
            (Some(value), _) => value,
            (None, Some(make)) => {
                default = make.make();
                &default
            }
            (None, None) if !spec.required() => &Value::Null,
            (None, None) => {
                self.problems.push(ParamProblem::Missing { param: spec.name });
                return None;
            }
        };
        match read(value).and_then(|read| spec.check(value).map(|()| read)) {
            Ok(read) => Some(read),
            Err(error) => {
                let invalid = |error| ParamProblem::Invalid { param: spec.name, error };
                self.problems.extend(error.apart().into_iter().map(invalid));
                None
            }
        }
    }

    /// Returns the result of `make` if all parameters could be read, or else all problems.
    pub fn finish<T>(self, make: impl FnOnce() -> Option<T>) -> Result<T, Vec<ParamProblem>> {
        match make() {
            Some(made) if self.problems.is_empty() => Ok(made),
            _ => Err(self.problems),
        }
    }
}
