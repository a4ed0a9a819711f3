//! The hash of a step's code.

use chem_runtime::prelude::*;
use chem_runtime::steps::demo::Text;

macro_rules! step {
    ($module:ident, $name:literal, $version:literal, $doc:literal, $more:literal) => {
        mod $module {
            use super::*;

            #[doc = $doc]
            #[step($name, version = $version)]
            pub(super) fn turn(#[doc = $doc] times: u32, text: Input<Text>) -> Result<Text, StepError> {
                Ok(Text(text.0.repeat((times + $more) as usize)))
            }

            pub(super) const CODE: &str = <Turn as Step>::SPEC.code;
        }
    };
}

step!(one, "code.one", 1, "Repeats a text.", 0);
step!(two, "code.two", 2, "Says it again.", 0);
step!(three, "code.three", 1, "Repeats a text.", 1);

#[test]
fn it_covers_the_function_and_neither_its_docs_nor_what_the_attribute_says() {
    assert_eq!(one::CODE.len(), 16);
    assert_eq!(one::CODE, two::CODE);
    assert_ne!(one::CODE, three::CODE);
}

#[test]
fn a_step_in_a_flow_has_it() {
    use chem_runtime::step::{Bound, StepDefinition as _, StepId};

    let bound = Bound::new(StepId::new("turn").unwrap(), one::Turn { times: 2 });
    assert_eq!(bound.code(), Some(one::CODE));
}

mod given;
mod given_again;
mod given_twice;

#[test]
fn that_of_a_struct_covers_its_run() {
    let [given, again, twice] = [given::Given::SPEC.code, given_again::Given::SPEC.code, given_twice::Given::SPEC.code];
    assert_eq!(given, again);
    assert_ne!(given, twice);
}
