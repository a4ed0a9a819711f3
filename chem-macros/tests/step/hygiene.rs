//! The expansion stands in any place, under any names.

#![allow(non_camel_case_types, dead_code, reason = "names that are in the way on purpose")]

use chem_runtime::step::Step as _;

/// Names that the expansion must not mean when it says them.
struct Vec;
struct Option;
struct String;
enum Err {}
fn given() {}
mod chem_runtime_names {
    pub(super) type Text = chem_runtime::steps::demo::Text;
}

/// Has arguments that are called like the variables of the expansion.
#[chem_runtime::step("hygiene.names", version = 1)]
pub(crate) fn context(
    /// One.
    #[param(default = 1)]
    reader: u32,
    /// Two.
    #[param(default = 2)]
    params: u32,
    /// Three.
    #[param(default = 3)]
    files: u32,
    /// Four.
    #[param(default = 4)]
    error: u32,
    /// Five.
    #[param(default = 5)]
    step: u32,
    run: &chem_runtime::step::ExecutionContext<'_>,
) -> ::core::result::Result<chem_runtime_names::Text, chem_runtime::step::StepError> {
    let id = run.step_id();
    Ok(chem_runtime::steps::demo::Text(format!("{id} {reader} {params} {files} {error} {step}")))
}

/// Types that come through a macro stand in invisible groups.
macro_rules! passes {
    ($name:ident, $id:literal, $kind:ty, $count:ty) => {
        /// Passes on what it gets.
        #[chem_runtime::step($id, version = 1)]
        fn $name(
            it: chem_runtime::step::Input<$kind>,
            other: ::core::option::Option<chem_runtime::step::Input<$kind>>,
            /// Is ignored.
            #[param(default = 1, min = 1)]
            count: $count,
        ) -> ::core::result::Result<$kind, chem_runtime::step::StepError> {
            drop((count, other));
            Ok(<$kind>::clone(&it))
        }
    };
}

passes!(pass_text, "hygiene.pass_text", chem_runtime::steps::demo::Text, u32);
passes!(pass_table, "hygiene.pass_table", chem_runtime::artifact::Table, f64);

#[test]
fn the_authors_names_are_not_the_expansions() {
    use chem_runtime::engine::FlowEngine;
    let engine = FlowEngine::new().first_step(Context::default()).add_step(PassText { count: 1 }).build().unwrap();
    engine.run_to_end().unwrap();
    let output = engine.last_step_output("pass_text").unwrap().unwrap();
    assert_eq!(output.payload().unwrap(), "names 1 2 3 4 5");
    assert_eq!(PassTable::SPEC.inputs.len(), 2);
}

#[test]
fn a_step_may_stand_inside_a_function() {
    /// Gives nothing much.
    #[chem_runtime::step("hygiene.inside", version = 1)]
    fn inside() -> ::core::result::Result<chem_runtime::steps::demo::Text, chem_runtime::step::StepError> {
        Ok(chem_runtime::steps::demo::Text(::std::string::String::new()))
    }
    assert_eq!(Inside {}.to_params().len(), 0);
    assert!(chem_runtime::step::Registry::linked().unwrap().get("hygiene.inside").is_some());
}

mod elsewhere {
    /// Gives a text.
    #[chem_runtime::step("hygiene.elsewhere", version = 1)]
    pub(super) fn visible(
        /// The text.
        text: ::std::string::String,
    ) -> ::core::result::Result<chem_runtime::steps::demo::Text, chem_runtime::step::StepError> {
        Ok(chem_runtime::steps::demo::Text(text))
    }
}

#[test]
fn the_struct_and_its_fields_have_the_functions_visibility() {
    let step = elsewhere::Visible { text: "x".to_owned() };
    assert_eq!(elsewhere::visible(step.text).unwrap().0, "x");
}
