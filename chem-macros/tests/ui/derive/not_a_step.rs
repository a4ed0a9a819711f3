use chem_runtime::engine::FlowEngine;

struct Rows;

fn main() {
    let _ = FlowEngine::new().first_step(Rows);
}
