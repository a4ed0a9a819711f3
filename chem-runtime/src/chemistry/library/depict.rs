//! Structures as pictures.

use super::{Structure, guarded};

impl Structure {
    /// The structure drawn as an SVG of this size in pixels, on white; none if the library cannot draw it.
    pub fn svg(&self, width: u32, height: u32) -> Option<String> {
        guarded(|| self.0.to_svg(width, height).ok())?
    }
}
