//! Three steps built in Rust: the flow of `flows/demo.yaml`, with the same fingerprints.
//!
//!     cargo run -p chem-runtime --example demo

use chem_runtime::engine::{CoreEngineError, FlowEngine};
use chem_runtime::steps::demo::{Characters, Count, Seed};

fn main() -> Result<(), CoreEngineError> {
    let mut engine = FlowEngine::new()
        .first_step(Seed { text: "hello, flow".into() })
        .add_step(Characters {})
        .add_step(Count {})
        .build()?;
    engine.set_name("demo");
    engine.run_to_end()?;
    println!("events           {}", engine.event_variants()?);
    if let Some(count) = engine.last_step_output("count")? {
        println!("output of count  {}", count.payload_text());
    }
    if let Some(fingerprint) = engine.flow_fingerprint()? {
        println!("flow fingerprint {fingerprint}");
    }
    Ok(())
}
