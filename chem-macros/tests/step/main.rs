//! What `#[step]` and `#[derive(Step)]` accept, and what becomes of it. What it refuses is in `ui/step`.

mod code;
mod hygiene;
mod kinds;
mod params;
mod structs;
