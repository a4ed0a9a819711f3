use chem_runtime::engine::FlowEngine;
use chem_runtime::steps::demo::{Characters, Seed};

fn main() {
    let _ = FlowEngine::new().first_step(Seed::default()).add_source(Characters {});
}
