//! `chem diff PLAN RUN`: names how a run deviates from a plan.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BAD, BOLD, DIM, GOOD, styled};
use crate::cli::runs;
use crate::evidence::{PlanId, StatedPlan, stated_plans};
use crate::flow::replay;
use crate::store::EventStore;
use crate::workbench::deviations;

/// Compares the run called `run` with the plan called `plan`. A run that began before the plan was sealed deviates.
pub(super) fn run(shared: &Shared, store: &dyn EventStore, plan: &str, run: &str) -> Result<ExitCode, Failure> {
    let StatedPlan { id, plan, sealed } = find_plan(store, plan)?;
    let Some(sealed) = sealed else {
        let seal = Advice::command(CommandName::Seal, &[]).then(" seals it");
        return Err(Failure::usage(format!("{} is not sealed yet", id.short())).with_help(seal));
    };
    let (flow_id, events) = runs::find_run(store, run)?;
    let instance = replay(flow_id, &events)?;
    let later = sealed.runs_after(store)?;
    let is_later = later.contains(&flow_id);
    let found = deviations(&plan, &instance, &events, &later);
    match shared.format {
        Format::Json => output::print_json(&json!({
            "plan": id.to_string(),
            "flow": plan.flow,
            "by": plan.by,
            "stated": plan.time.to_string(),
            "sealed": sealed.ts.to_string(),
            "flow_id": flow_id,
            "begun": events.first().map(|event| event.ts.to_string()),
            "begun_after_seal": is_later,
            "deviations": found.iter().map(|one| one.to_json()).collect::<Vec<_>>(),
        }))?,
        Format::Human => {
            let mut text = format!("{} of {}\n", styled(BOLD, &id.short()), output::escape(&plan.flow));
            let stated = format!("stated by {} at {:.0}, sealed at {:.0}", plan.by, plan.time, sealed.ts);
            text.push_str(&format!("{}\n", styled(DIM, &output::escape(&stated))));
            let when = if is_later { "after" } else { "before" };
            let begun = events.first().map(|event| format!(" at {:.0}", event.ts)).unwrap_or_default();
            let style = if is_later { GOOD } else { BAD };
            text.push_str(&format!("run {flow_id} began{begun}, {} the plan was sealed\n\n", styled(style, when)));
            if found.is_empty() {
                text.push_str(&format!("{}\n", styled(GOOD, "no deviation")));
            }
            for one in &found {
                text.push_str(&format!("{} {}\n", styled(BAD, "deviates:"), output::escape(&one.text)));
            }
            output::print(&text)?;
        }
    }
    Ok(if is_later && found.is_empty() { ExitCode::SUCCESS } else { Status::RunFailed.into() })
}

fn find_plan(store: &dyn EventStore, name: &str) -> Result<StatedPlan, Failure> {
    let mut found: Vec<StatedPlan> = stated_plans(store)?;
    let known: Vec<String> = found.iter().map(|plan| plan.id.short()).collect();
    found.retain(|plan| plan.id.to_string().starts_with(name));
    match (found.pop(), found.is_empty()) {
        (Some(plan), true) => Ok(plan),
        (Some(_), false) => {
            Err(Failure::usage(format!("`{name}` could be several plans")).with_help("type more of it"))
        }
        (None, _) => {
            let help = match known.as_slice() {
                [] => Advice::command(CommandName::Seal, &[&"--plan", &"MANIFEST"]).then(" seals a plan"),
                known => Advice::text(format!("there are {}", known.join(", "))),
            };
            Err(Failure::usage(format!(
                "there is no plan `{name}`, that is `{}` and the beginning of a hash",
                PlanId::PREFIX
            ))
            .with_help(help))
        }
    }
}
