//! What `#[step]` accepts, and what becomes of it. What it refuses is in `ui/step`.

mod hygiene;
mod kinds;
mod params;
