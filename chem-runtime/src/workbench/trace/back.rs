//! Follows a row of a step's output back to the records that the sources of the run read.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::find::origin_of;
use super::links::Links;
use super::step::{Run, parts};
use super::written::add_texts;
use super::{Ancestor, Ancestry, CameFrom, MOST_RECORDS, Parent, ReadRecord};
use crate::event::StepKind;
use crate::flow::StepStatus;
use crate::step::{MAIN_OUTPUT, REJECTS};
use crate::workbench::WorkbenchError;

/// The maximum number of rows of an output that are followed back.
const MOST_ROWS: usize = 50;

/// Finds out from which records the row `number`, from 1, of an output comes. `of` is the output as `step` or `step.output`; by
/// default it is that of the last step that has a table.
pub(super) fn ancestry<'a>(run: &'a Run<'a>, of: Option<&str>, number: u64) -> Result<Ancestry, WorkbenchError> {
    let (index, output) = asked(run, of)?;
    let (recorded, state) = (&run.recorded()[index], &run.instance.steps()[index]);
    let named = if output == MAIN_OUTPUT { recorded.id.clone() } else { format!("{}.{output}", recorded.id) };
    let Some(table) = run.output(state, &output)? else {
        return Err(WorkbenchError::NoTable { of: format!("`{named}`") });
    };
    let row = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)).filter(|row| *row < table.rows());
    let Some(row) = row else {
        return Err(WorkbenchError::NoSuchRow { of: named, row: number, rows: table.rows() });
    };
    let values = table.row(row).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
    let cells = table.columns().iter().zip(values).filter(|(_, value)| !value.is_null());
    let values: Map<String, Value> = cells.map(|(column, value)| (column.name.to_string(), value)).collect();
    let mut found = Ancestry {
        flow_id: run.instance.flow_id(),
        of: named,
        uses: recorded.uses.clone(),
        row,
        values,
        steps: Vec::new(),
        sources: Vec::new(),
        more: 0,
    };
    let mut sources: Vec<(usize, ReadRecord)> = Vec::new();
    // The rows of each output from which the row comes, by the index of the step and the output.
    let mut wanted: BTreeMap<(usize, String), Vec<usize>> = BTreeMap::from([((index, output), vec![row])]);
    while let Some(((index, output), mut rows)) = wanted.pop_last() {
        rows.sort_unstable();
        rows.dedup();
        found.more += rows.len().saturating_sub(MOST_ROWS);
        rows.truncate(MOST_ROWS);
        if run.recorded()[index].kind == StepKind::Source {
            for row in rows {
                match origin_of(run, index, (&output, row))? {
                    Some(origin) if sources.len() < MOST_RECORDS => sources.push((index, origin)),
                    _ => found.more += 1,
                }
            }
            continue;
        }
        let step = step_back(run, index, &output, &rows)?;
        for ancestor in &step {
            let CameFrom::Rows(parents) = &ancestor.from else { continue };
            for Parent { of, rows, count, .. } in parents {
                let (step, output) = parts(of);
                let Some(at) = run.recorded().iter().position(|recorded| recorded.id == step) else { continue };
                wanted.entry((at, output.to_owned())).or_default().extend(rows);
                found.more += count - rows.len();
            }
        }
        found.steps.extend(step);
    }
    add_texts(run, &mut sources);
    found.sources = sources.into_iter().map(|(_, origin)| origin).collect();
    Ok(found)
}

/// Returns the step and the output that `of` names.
fn asked(run: &Run<'_>, of: Option<&str>) -> Result<(usize, String), WorkbenchError> {
    let (steps, states) = (run.recorded(), run.instance.steps());
    if let Some(of) = of {
        let (step, output) = parts(of);
        return match steps.iter().position(|recorded| recorded.id == step) {
            Some(index) => Ok((index, output.to_owned())),
            None => Err(WorkbenchError::NoSuchStep {
                step: step.to_owned(),
                known: steps.iter().map(|recorded| recorded.id.clone()).collect(),
            }),
        };
    }
    for (index, state) in states.iter().enumerate().rev() {
        if state.status == StepStatus::FinishedOk && run.output(state, MAIN_OUTPUT)?.is_some() {
            return Ok((index, MAIN_OUTPUT.to_owned()));
        }
    }
    Err(WorkbenchError::NoTable { of: "the result of the run".to_owned() })
}

/// Returns from which rows of the inputs these rows of an output come.
fn step_back<'a>(
    run: &'a Run<'a>,
    index: usize,
    output: &str,
    rows: &[usize],
) -> Result<Vec<Ancestor>, WorkbenchError> {
    let recorded = &run.recorded()[index];
    let ancestor = |row: usize, from: CameFrom| Ancestor {
        step: recorded.id.clone(),
        uses: recorded.uses.clone(),
        output: output.to_owned(),
        row,
        from,
    };
    let unknown =
        |reason: String| Ok(rows.iter().take(1).map(|row| ancestor(*row, CameFrom::Unknown(reason.clone()))).collect());
    let Some(ran) = run.ran(index) else { return Ok(Vec::new()) };
    let links = match Links::of(&ran)? {
        Links::Unknown(reason) => return unknown(reason),
        links => links,
    };
    let (Some(table), Some(main)) = (ran.output(output)?, ran.output(MAIN_OUTPUT)?) else {
        return unknown(ran.silent());
    };
    if ![MAIN_OUTPUT, REJECTS].contains(&output) {
        return unknown(ran.silent());
    }
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let values = table.row(*row).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
        let parents = links.back(output, *row, &values, &main)?.into_iter().map(|parents| Parent {
            of: ran.wired(parents.port),
            count: parents.rows.len(),
            rows: parents.rows.into_iter().take(MOST_ROWS).collect(),
            all: parents.all,
        });
        all.push(ancestor(*row, CameFrom::Rows(parents.collect())));
    }
    Ok(all)
}
