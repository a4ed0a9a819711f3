use chem_runtime::prelude::*;

/// Passes anything on.
#[step("demo.pass", version = 1)]
fn pass<T: ArtifactValue + Clone>(any: Input<T>) -> Result<T, StepError> {
    Ok(T::clone(&any))
}

fn main() {}
