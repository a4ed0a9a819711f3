//! `molecules.rules`: rules of thumb for drug-likeness.

mod rule;

use serde_json::json;

pub use rule::Rule;

use super::library::{PROVIDER, Structure};
use super::molecules::Molecules;
use crate::prelude::*;

/// Evaluates rules of thumb for drug-likeness.
///
/// Each rule adds two columns: one with its name, which tells whether the molecule satisfies the rule, and one such as
/// `lipinski_broken`, which lists the violated conditions, as `molecular_weight > 500; logp > 5`, and is missing if there
/// are none. The bounds of a range are inclusive.
///
/// - `lipinski`: molecular weight at most 500 g/mol, logP at most 5, at most 5 donors and 10 acceptors; one of the four
///   may be broken (Lipinski 1997, doi:10.1016/S0169-409X(96)00423-1)
/// - `veber`: at most 10 rotatable bonds, polar surface at most 140 Å² (Veber 2002, doi:10.1021/jm020017n)
/// - `ghose`: molecular weight from 160 to 480 g/mol, logP from -0.4 to 5.6, molar refractivity from 40 to 130 cm³/mol,
///   from 20 to 70 atoms with hydrogens (Ghose 1999, doi:10.1021/cc9800071)
/// - `egan`: logP at most 5.88, polar surface at most 131.6 Å² (Egan 2000, doi:10.1021/jm000292e)
/// - `lead_like`: molecular weight at most 450 g/mol, logP from -3.5 to 4.5, at most 4 rings, 10 rotatable bonds, 5 donors
///   and 8 acceptors (Oprea 2002, doi:10.3390/70100051)
///
/// The values are those of `molecules.describe`, which need not run first. The original authors computed logP in other
/// ways; here it is Wildman and Crippen's. The result of a rule is missing if it depends on a property that cannot be
/// computed. The signal `judged` gives the number of `molecules`, and under `broken` the number that violate each rule.
///
/// # Example
/// ```yaml
/// flow: rule-of-five
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: rules
///     uses: molecules.rules
///     with: { rules: [lipinski, veber] }
///   - id: keep
///     uses: molecules.filter
///     with: { where: lipinski && veber }
/// ```
///
/// # Errors
/// - No errors specific to this step.
#[step("molecules.rules", version = 3, rows = ["smiles"], columns = columns_after, check = has_rules, reasons = reasons)]
pub fn judge_molecules(
    molecules: Rows<Molecules>,
    /// The rules to evaluate.
    #[param(
        default = ["lipinski", "veber", "ghose", "egan", "lead_like"],
        one_of = ["lipinski", "veber", "ghose", "egan", "lead_like"],
    )]
    rules: Vec<String>,
) -> Result<RowWork<Molecules>, StepError> {
    let mut chosen: Vec<&'static Rule> = Vec::new();
    for name in &rules {
        let rule = Rule::named(name).ok_or_else(|| StepError::new(format!("there is no rule `{name}`")))?;
        // A rule that is named twice is evaluated once.
        if chosen.iter().all(|other| other.name != rule.name) {
            chosen.push(rule);
        }
    }
    let column = |name: &str, ty| Column::new(name, ty).with_provider(PROVIDER);
    let of_rule = |rule: &&Rule| {
        [column(rule.name, ColumnType::Boolean), column(&format!("{}_broken", rule.name), ColumnType::Text)]
    };
    let columns: Vec<Column> = chosen.iter().flat_map(of_rule).collect();
    let work = molecules.each(move |batch, tally| {
        let judge = |smiles: &str| {
            let structure = Structure::from_canonical(smiles).ok()?;
            Some(chosen.iter().map(|rule| rule.judge(&structure)).collect::<Vec<_>>())
        };
        let verdicts: Vec<_> = batch.texts("smiles")?.map(|smiles| judge(smiles?)).collect();
        let mut answer = BatchOutput::all();
        for (index, rule) in chosen.iter().enumerate() {
            let of_rule = || verdicts.iter().map(|verdicts| verdicts.as_ref()?.get(index));
            let kept: Vec<Option<bool>> = of_rule().map(|verdict| verdict?.kept).collect();
            let broken = of_rule().map(|verdict| verdict.filter(|verdict| !verdict.broken.is_empty()));
            let broken = broken.map(|verdict| Some(verdict?.broken.join("; ")));
            tally.list("broken", rule.name);
            for (row, _) in kept.iter().enumerate().filter(|(_, kept)| **kept == Some(false)) {
                tally.add_under(row, "broken", rule.name);
            }
            answer = answer.with(Values::booleans(kept)).with(Values::texts(broken));
        }
        Ok(answer)
    });
    Ok(work
        .with_results(columns)?
        .signal("judged", |tally, rows| json!({ "molecules": rows.input, "broken": tally.counts("broken") })))
}

fn has_rules(step: &JudgeMolecules, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let none = || Misfit::new("rules", "`rules` is empty; expected at least one rule");
    step.rules.is_empty().then(none).into_iter().collect()
}

/// A rule is broken because of the conditions in the column beside it.
fn reasons(step: &JudgeMolecules, column: &str) -> Option<String> {
    step.rules.iter().find(|rule| *rule == column).map(|rule| format!("{rule}_broken"))
}

fn columns_after(step: &JudgeMolecules, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(step.rules.iter().flat_map(|rule| [rule.clone(), format!("{rule}_broken")]))
}
