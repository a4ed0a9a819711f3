//! Verifies the hashes of events against the log. Replay recomputes all of them, which reveals edited events.
//!
//! A hash shows that something was changed, but not what. To find out, each component is replaced in turn by the value that
//! the run recorded at its beginning: the replacement that restores the recorded fingerprint identifies the change.

use serde_json::Value;

use super::identity::{StepIdentity, definition_hash, flow_fingerprint};
use super::instance::{FlowInstance, StepState};
use crate::event::{FlowCompleted, FlowInitialized, RecordedStep, StepFinished, StepStarted};
use crate::fingerprint::{ArtifactHash, DefinitionHash, canonical_json};
use crate::step::{Expression, MAIN_OUTPUT};

/// Why an event contradicts the log before it.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) reason: String,
    /// The index of the earlier step whose outputs it contradicts.
    pub(super) doubts: Option<usize>,
}

impl From<String> for Misfit {
    fn from(reason: String) -> Self {
        Self { reason, doubts: None }
    }
}

impl From<&str> for Misfit {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

/// Checks the definition hash against the recorded steps.
pub(super) fn check_definition(initialized: &FlowInitialized) -> Result<(), Misfit> {
    let found = definition_hash(initialized.definition.steps.iter().map(|step| step.id.as_str()));
    if found == initialized.definition_hash {
        return Ok(());
    }
    Err(format!("the definition hash is {}, but the recorded steps hash to {found}", initialized.definition_hash)
        .into())
}

/// Checks the fingerprint of a starting step against its components, its type against the recorded definition, and its
/// inputs against the outputs of earlier steps.
pub(super) fn check_start(instance: &FlowInstance, started: &StepStarted) -> Result<(), Misfit> {
    let (Some(began), Some(recorded)) = (&instance.initialized, instance.recorded(started.step_index)) else {
        return Ok(());
    };
    let definition = began.definition_hash;
    if !bears_fingerprint(started, definition)? {
        return Err(changed_component(instance, started, recorded, definition).into());
    }
    if started.uses != recorded.uses || started.version != recorded.version {
        return Err(format!(
            "step `{}` starts as `{}@{}`, but the recorded definition has `{}@{}`",
            started.step_id, started.uses, started.version, recorded.uses, recorded.version
        )
        .into());
    }
    for (port, wire) in &recorded.inputs {
        let Some((index, fed)) = wired(instance, wire) else { continue };
        let found = started.inputs.get(port).copied();
        if found != Some(fed) {
            let found = found.map_or_else(|| "nothing".to_owned(), |hash| format!("artifact {hash}"));
            let reason =
                format!("input `{port}` of step `{}` is {found}, but the output of `{wire}` is {fed}", started.step_id);
            return Err(Misfit { reason, doubts: Some(index) });
        }
    }
    Ok(())
}

/// Checks the cache key and the work key of a finished step against its start event.
pub(super) fn check_finish(step: &StepState, finished: &StepFinished) -> Result<(), Misfit> {
    let Some(started) = &step.started else { return Ok(()) };
    let identity = StepIdentity::of(started);
    let differs = |what: &str, recorded: String, found: String| {
        Err(format!("the {what} key of step `{}` is {recorded}, but its components hash to {found}", step.id).into())
    };
    if let Some(recorded) = finished.cache_key {
        let found = identity.cache_key().map_err(|error| error.to_string())?;
        if found != recorded {
            return differs("cache", recorded.to_string(), found.to_string());
        }
    }
    if let Some(rows) = &finished.rows {
        if !started.inputs.contains_key(&rows.port) {
            return Err(format!("step `{}` has no input `{}` with rows", step.id, rows.port).into());
        }
        let found = identity.work_key(&rows.port).map_err(|error| error.to_string())?;
        if found != rows.work_key {
            return differs("work", rows.work_key.to_string(), found.to_string());
        }
    }
    Ok(())
}

/// Checks the flow fingerprint against the steps.
pub(super) fn check_completion(instance: &FlowInstance, completed: &FlowCompleted) -> Result<(), Misfit> {
    let found = flow_fingerprint(instance.steps.iter().filter_map(StepState::fingerprint));
    if found == completed.flow_fingerprint {
        return Ok(());
    }
    Err(format!("the flow fingerprint is {}, but the steps hash to {found}", completed.flow_fingerprint).into())
}

fn bears_fingerprint(started: &StepStarted, definition: DefinitionHash) -> Result<bool, Misfit> {
    let found = StepIdentity::of(started).fingerprint(definition).map_err(|error| error.to_string())?;
    Ok(found == started.fingerprint)
}

/// Resolves a wire such as `read` or `read.rejects` to the index of a step and the hash of its output.
fn wired(instance: &FlowInstance, wire: &str) -> Option<(usize, ArtifactHash)> {
    let (step, output) = wire.split_once('.').unwrap_or((wire, MAIN_OUTPUT));
    // Search backwards, because it is usually the previous step.
    let index = instance.steps.iter().take(instance.current).rposition(|state| state.id == step)?;
    Some((index, instance.steps[index].output(output)?.hash))
}

/// Describes the component of a step that was changed after the event was written, if it can be identified.
fn changed_component(
    instance: &FlowInstance,
    started: &StepStarted,
    recorded: &RecordedStep,
    definition: DefinitionHash,
) -> String {
    let restored = restorations(instance, started, recorded);
    let fits = |(_, restored): &&(String, StepStarted)| bears_fingerprint(restored, definition).unwrap_or(false);
    let what = match restored.iter().find(fits) {
        Some((what, _)) => format!("{what} was changed after the event was written"),
        None => {
            let names: Vec<String> = started.params.keys().map(|name| format!("`{name}`")).collect();
            let params = if names.is_empty() { String::new() } else { format!(", one of {}", names.join(", ")) };
            format!("the fingerprint, an input{params} or another component was changed after the event was written")
        }
    };
    format!("the fingerprint of step `{}` does not follow from its components: {what}", started.step_id)
}

/// Returns copies of the event in which one component each is replaced by the value from the recorded definition or the
/// earlier steps, with a description of the component.
fn restorations(instance: &FlowInstance, started: &StepStarted, recorded: &RecordedStep) -> Vec<(String, StepStarted)> {
    let mut restored = Vec::new();
    let mut restore = |what: String, change: &dyn Fn(&mut StepStarted)| {
        let mut event = started.clone();
        change(&mut event);
        restored.push((what, event));
    };
    restore(format!("the version, {} here and {} when the run began,", started.version, recorded.version), &|event| {
        event.version = recorded.version;
    });
    restore(format!("the step type, `{}` here and `{}` when the run began,", started.uses, recorded.uses), &|event| {
        event.uses.clone_from(&recorded.uses);
    });
    for (port, wire) in &recorded.inputs {
        if let Some((_, hash)) = wired(instance, wire) {
            restore(format!("input `{port}`"), &|event| {
                event.inputs.insert(port.clone(), hash);
            });
        }
    }
    for port in started.inputs.keys().filter(|port| !recorded.inputs.contains_key(*port)) {
        restore(format!("input `{port}`"), &|event| {
            event.inputs.remove(port);
        });
    }
    for (name, value) in &started.params {
        let when =
            |then: &Value| format!("parameter `{name}`, {} here and {} when the run began,", short(value), short(then));
        match recorded.params.get(name) {
            Some(then) => {
                restore(when(then), &|event| {
                    event.params.insert(name.clone(), then.clone());
                });
                // The definition records only the text; the event also records the flow parameters that the text uses.
                if let (Some((cel, Some(params))), Value::String(recorded)) = (Expression::parts_of(value), then) {
                    let (here, then) = (short(&cel.into()), short(then));
                    restore(format!("expression `{name}`, {here} here and {then} when the run began,"), &|event| {
                        event.params.insert(name.clone(), Expression::value_of(recorded, params.clone()));
                    });
                }
            }
            None => {
                restore(format!("parameter `{name}`, {} here and absent when the run began,", short(value)), &|event| {
                    event.params.remove(name);
                })
            }
        }
    }
    for (name, then) in recorded.params.iter().filter(|(name, _)| !started.params.contains_key(*name)) {
        restore(format!("parameter `{name}`, absent here and {} when the run began,", short(then)), &|event| {
            event.params.insert(name.clone(), then.clone());
        });
    }
    restored
}

/// Formats a value for a message, truncated to 60 characters.
fn short(value: &Value) -> String {
    const MAX_CHARS: usize = 60;
    let text = canonical_json(value).unwrap_or_default();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
