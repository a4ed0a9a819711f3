use chem_runtime::engine::FlowEngine;
use chem_runtime::steps::demo::Seed;

fn main() {
    let _ = FlowEngine::new().first_step(Seed::default()).add_step(Seed::default());
}
