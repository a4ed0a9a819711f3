//! How a linked library draws structures. The core links no chemistry, and the command line draws through this.

/// A library that draws structures.
pub struct Depictor {
    /// Draws the structure of a SMILES as an SVG with this width and height in pixels, or says why it cannot.
    pub svg: fn(&str, u32, u32) -> Result<String, String>,
}

inventory::collect!(Depictor);

impl Depictor {
    /// Returns the library that is linked, if there is one.
    pub fn linked() -> Option<&'static Self> {
        inventory::iter::<Depictor>().next()
    }
}
