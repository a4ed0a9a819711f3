//! What became of rows in a step.

use serde_json::{Map, Value};

use super::parameters::texts_of;
use super::reason;
use super::tables::Stored;
use super::{Kept, StepOutcome};
use crate::artifact::{Artifact, ArtifactSource as _};
use crate::event::{FlowEvent, FlowEventKind, RecordedStep, StepFinished, StepKind};
use crate::fingerprint::ArtifactHash;
use crate::flow::{FlowInstance, StepState, StepStatus};
use crate::step::{MAIN_OUTPUT, ParamType, REJECTS, Registry, StepSpec, outcome_of_row};
use crate::store::{EventStore, StoredArtifacts};
use crate::workbench::WorkbenchError;
use crate::workbench::facts::FlowFacts;

/// A run, with what is needed to follow rows through it.
pub(super) struct Run<'a> {
    pub(super) instance: &'a FlowInstance,
    store: &'a dyn EventStore,
    registry: &'a Registry,
    events: &'a [FlowEvent],
    artifacts: StoredArtifacts<&'a dyn EventStore>,
    facts: FlowFacts,
}

/// What became of rows in a step, and the rows of its outputs in which they are.
#[derive(Default)]
pub(super) struct Passed {
    pub(super) outcomes: Vec<StepOutcome>,
    pub(super) rows: Vec<(&'static str, Vec<usize>)>,
}

impl Passed {
    fn ended(outcome: StepOutcome) -> Self {
        Self { outcomes: vec![outcome], rows: Vec::new() }
    }

    fn unfollowed(reason: impl Into<String>) -> Self {
        Self::ended(StepOutcome::Unfollowed(reason.into()))
    }
}

/// A finished step with what is known of its type.
struct Finished<'a> {
    recorded: &'a RecordedStep,
    state: &'a StepState,
    spec: &'static StepSpec,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        store: &'a dyn EventStore,
        registry: &'a Registry,
        instance: &'a FlowInstance,
        events: &'a [FlowEvent],
    ) -> Self {
        let (artifacts, facts) = (StoredArtifacts(store), FlowFacts::of_run(instance));
        Self { instance, store, registry, events, artifacts, facts }
    }

    pub(super) fn facts(&self) -> &FlowFacts {
        &self.facts
    }

    /// Returns the steps of the flow as they are recorded.
    pub(super) fn recorded(&self) -> &'a [RecordedStep] {
        self.instance.initialized().map(|it| it.definition.steps.as_slice()).unwrap_or_default()
    }

    pub(super) fn spec(&self, uses: &str) -> Option<&'static StepSpec> {
        self.registry.get(uses).map(|registration| registration.spec())
    }

    /// Opens an output of a step; `None` if it is not a table.
    pub(super) fn output(&self, state: &StepState, name: &str) -> Result<Option<Stored<'_>>, WorkbenchError> {
        match state.output(name) {
            Some(output) => self.open(output.hash),
            None => Ok(None),
        }
    }

    fn open(&self, hash: ArtifactHash) -> Result<Option<Stored<'_>>, WorkbenchError> {
        Stored::open(hash, &self.artifacts).map_err(WorkbenchError::Artifact)
    }

    /// Says what became of rows in the step at `index`, which takes them at these ports.
    pub(super) fn pass(&self, index: usize, taken: &[(&str, &Vec<usize>)]) -> Result<Passed, WorkbenchError> {
        let (Some(recorded), Some(state)) = (self.recorded().get(index), self.instance.steps().get(index)) else {
            return Ok(Passed::default());
        };
        if state.status != StepStatus::FinishedOk {
            return Ok(Passed::ended(StepOutcome::NotFinished(state.status)));
        }
        let Some(spec) = self.spec(&recorded.uses) else {
            return Ok(Passed::unfollowed(format!("this program has no step type `{}`", recorded.uses)));
        };
        if recorded.kind == StepKind::Sink {
            return Ok(Passed::ended(StepOutcome::Given(texts_of(spec, &recorded.params, &[ParamType::OutputFile]))));
        }
        let step = Finished { recorded, state, spec };
        let port = match spec.inputs.iter().find(|port| port.rows) {
            Some(rows) => rows,
            None if spec.selects => match spec.inputs.first() {
                Some(first) => first,
                None => return Ok(Passed::default()),
            },
            None if spec.effects => {
                let command = recorded.params.get("command").map(|command| format!(" `{command}`")).unwrap_or_default();
                return Ok(Passed::unfollowed(format!(
                    "it was given to the program{command}, whose answer `chem trace` does not follow"
                )));
            }
            None => {
                return Ok(Passed::unfollowed(format!(
                    "`chem trace` does not follow records through `{}` yet",
                    recorded.uses
                )));
            }
        };
        let mut all = Passed::default();
        for (at, rows) in taken {
            let passed = match (*at == port.name, spec.rows) {
                (false, _) => Passed::unfollowed(format!("the step read it at its input `{at}`")),
                (true, Some(_)) => self.through_rows(index, &step, at, rows)?,
                (true, None) => self.through_selection(&step, at, rows)?,
            };
            all.outcomes.extend(passed.outcomes);
            all.rows.extend(passed.rows);
        }
        Ok(all)
    }

    /// Follows rows through a row step, by the outcomes that it recorded.
    fn through_rows(
        &self,
        index: usize,
        step: &Finished<'_>,
        port: &str,
        rows: &[usize],
    ) -> Result<Passed, WorkbenchError> {
        let outcomes = self.finished(index, step.state)?.and_then(|finished| finished.rows?.outcomes);
        let (Some(outcomes), Some(input), Some(main)) =
            (outcomes, self.input(step, port)?, self.output(step.state, MAIN_OUTPUT)?)
        else {
            return Ok(Passed::unfollowed("the step has not recorded what came out for each row"));
        };
        let outcomes: Artifact = self.artifacts.artifact(outcomes).map_err(WorkbenchError::Artifact)?;
        let rejects = self.output(step.state, REJECTS)?;
        let counts = [input.rows(), main.rows(), rejects.as_ref().map_or(0, Stored::rows)];
        let (mut passed, mut kept_rows, mut rejected_rows) = (Passed::default(), Vec::new(), Vec::new());
        for row in rows {
            let out = outcome_of_row(&outcomes, counts, *row).map_err(WorkbenchError::Artifact)?;
            let Some((out, values)) = out.zip(input.row(*row).map_err(WorkbenchError::Artifact)?) else { continue };
            if !out.main.is_empty() {
                let kept = out.main.clone().map(|at| kept(&input, &values, &main, at, 1));
                passed.outcomes.push(StepOutcome::Kept(kept.collect::<Result<_, _>>()?));
            }
            for at in out.rejects.clone() {
                let reason = rejects.as_ref().map(|rejects| reason_in(rejects, at)).transpose()?.flatten();
                passed
                    .outcomes
                    .push(StepOutcome::Rejected(reason.unwrap_or_else(|| "no reason was recorded".to_owned())));
            }
            if out.main.is_empty() && out.rejects.is_empty() {
                passed.outcomes.push(StepOutcome::Dropped(reason::of_row_step(
                    step.spec,
                    step.recorded,
                    step.state,
                    &input,
                    &values,
                )));
            }
            kept_rows.extend(out.main);
            rejected_rows.extend(out.rejects);
        }
        passed.rows = vec![(MAIN_OUTPUT, kept_rows), (REJECTS, rejected_rows)];
        Ok(passed)
    }

    /// Follows rows through a step that selects rows of its input, by their values.
    fn through_selection(&self, step: &Finished<'_>, port: &str, rows: &[usize]) -> Result<Passed, WorkbenchError> {
        let (Some(input), Some(main)) = (self.input(step, port)?, self.output(step.state, MAIN_OUTPUT)?) else {
            return Ok(Passed::unfollowed("its input and its output are not tables"));
        };
        let own = format!("{}@", step.recorded.uses);
        let carried: Vec<(usize, usize)> = input
            .columns()
            .iter()
            .enumerate()
            .filter_map(|(index, column)| {
                let there = main.index_of(&column.name)?;
                let new = &main.columns()[there];
                let computed = new.provider.as_deref().is_some_and(|provider| provider.starts_with(&own));
                (new.ty == column.ty && !computed).then_some((index, there))
            })
            .collect();
        let (of_input, of_main): (Vec<usize>, Vec<usize>) = carried.into_iter().unzip();
        let (mut passed, mut all) = (Passed::default(), Vec::new());
        for row in rows {
            let Some(values) = input.row(*row).map_err(WorkbenchError::Artifact)? else { continue };
            let cells: Vec<&Value> = of_input.iter().filter_map(|index| values.get(*index)).collect();
            let found = main.equal(&of_main, &cells).map_err(WorkbenchError::Artifact)?;
            if found.is_empty() {
                passed.outcomes.push(reason::of_selection(step.spec, step.recorded, &input, &values, &main)?);
                continue;
            }
            let alike = input.equal(&of_input, &cells).map_err(WorkbenchError::Artifact)?.len();
            let kept = found.iter().map(|at| kept(&input, &values, &main, *at, alike));
            passed.outcomes.push(StepOutcome::Kept(kept.collect::<Result<_, _>>()?));
            all.extend(found);
        }
        all.sort_unstable();
        all.dedup();
        passed.rows = vec![(MAIN_OUTPUT, all)];
        Ok(passed)
    }

    fn input(&self, step: &Finished<'_>, port: &str) -> Result<Option<Stored<'_>>, WorkbenchError> {
        match step.state.started.as_ref().and_then(|started| started.inputs.get(port)) {
            Some(hash) => self.open(*hash),
            None => Ok(None),
        }
    }

    /// Returns the event with which the step ended, here or in the run whose result was reused.
    fn finished(&self, index: usize, state: &StepState) -> Result<Option<StepFinished>, WorkbenchError> {
        let there = match state.reused {
            Some(source) => self.store.read_event(source.flow_id, source.position)?,
            None => None,
        };
        let of = |event: &FlowEvent| match &event.kind {
            FlowEventKind::StepFinished(finished) => Some(finished.clone()),
            _ => None,
        };
        Ok(match there {
            Some(event) => of(&event),
            None => self.events.iter().rev().filter_map(of).find(|finished| finished.step_index == index),
        })
    }
}

/// Returns what a step made of a row, of which the row `at` of its output came.
fn kept(
    input: &Stored<'_>,
    before: &[Value],
    main: &Stored<'_>,
    at: usize,
    alike: usize,
) -> Result<Kept, WorkbenchError> {
    let after = main.row(at).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
    let new = main
        .columns()
        .iter()
        .zip(after)
        .filter(|(column, value)| input.index_of(&column.name).and_then(|index| before.get(index)) != Some(value));
    let values: Map<String, Value> = new.map(|(column, value)| (column.name.to_string(), value)).collect();
    Ok(Kept { row: at, values, alike })
}

/// Returns the reason in a row of rejects: the last column that is called so, because the rejects may have those of the input.
fn reason_in(rejects: &Stored<'_>, row: usize) -> Result<Option<String>, WorkbenchError> {
    let values = rejects.row(row).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
    let mut cells = rejects.columns().iter().zip(values).rev();
    let reason = cells.find(|(column, _)| column.name.ends_with("reason"));
    Ok(reason.and_then(|(_, value)| value.as_str().map(str::to_owned)))
}
