use chem_runtime::engine::FlowEngine;
use chem_runtime::steps::demo::Characters;

fn main() {
    let _ = FlowEngine::new().first_step(Characters {});
}
