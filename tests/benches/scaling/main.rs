//! Plans a run past the machines that there are: `cargo bench -p chem-tests --bench scaling`.
//!
//! - `measure`: what a claim, a probe and an append cost on each store here, with one writer and with many.
//! - `model`: a simulation of workers that share the children of a run, with these costs, and with failures at a stated rate.
//!   It is deterministic: the same numbers and seed print the same table.
//!
//! `docs/scaling.md` explains the tables. Without a PostgreSQL server its costs are left out. `CHEM_BENCH_COSTS` set to
//! the costs that it prints takes these instead of measuring, and prints the same tables again.

mod measure;
mod model;

use model::{Outcome, Plan, simulate};

use crate::measure::Costs;

/// The run that the page plans.
const PLAN: Plan = Plan {
    rows: 10_000_000,
    row_s: 60.0,
    workers: 1_000,
    shard_rows: 10_000,
    append_every_s: 600.0,
    failure_h: 24.0,
    lapses_after_s: 60.0,
    restart_s: 300.0,
    poll_s: 0.5,
    seed: 19,
};

fn main() {
    let all = match std::env::var("CHEM_BENCH_COSTS") {
        Ok(text) => vec![("given".to_owned(), Costs::parse(&text))],
        Err(_) => measure::all(),
    };
    for (store, costs) in &all {
        println!("\n{store}: {costs}\n(`CHEM_BENCH_COSTS={}`)\n", costs.given());
        println!(
            "| plan | days | of them work | lost to failures | waiting for the store | store busy | claims | appends | probes | probes a second at the end | GB | files |"
        );
        println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        for (name, plan) in plans() {
            let Outcome { seconds, work, lost, waited, busy, claims, appends, probes, idle_probes_s, bytes, files } =
                simulate(&plan, costs);
            let capacity = seconds * plan.workers as f64;
            let share = |of: f64| format!("{:.2} %", 100.0 * of / capacity);
            println!(
                "| {name} | {:.2} | {} | {} | {} | {:.1} % | {claims} | {appends} | {probes} | {idle_probes_s:.0} | {:.1} | {files:.0} |",
                seconds / 86_400.0,
                share(work),
                share(lost),
                share(waited),
                100.0 * busy / seconds,
                bytes / 1e9
            );
        }
    }
}

/// Returns the plan, and what changes one number of it.
fn plans() -> Vec<(String, Plan)> {
    let mut plans = vec![("as stated".to_owned(), PLAN)];
    for shard_rows in [100, 500, 2_000] {
        plans.push((format!("{shard_rows} rows a shard"), Plan { shard_rows, ..PLAN }));
    }
    for append_every_s in [60.0, 3600.0] {
        plans.push((format!("an append every {append_every_s} s"), Plan { append_every_s, ..PLAN }));
    }
    for failure_h in [1.0, 4.0, 1e9] {
        let name = if failure_h > 1e6 { "no failures".to_owned() } else { format!("a failure every {failure_h} h") };
        plans.push((name, Plan { failure_h, ..PLAN }));
    }
    for workers in [4_000, 10_000] {
        plans.push((format!("{workers} workers, 500 rows a shard"), Plan { workers, shard_rows: 500, ..PLAN }));
    }
    for row_s in [1.0, 0.1] {
        let name = format!("{row_s} s a molecule, an append every 60 s");
        plans.push((name, Plan { row_s, append_every_s: 60.0, ..PLAN }));
    }
    plans
}
