//! Draws structures.

use super::limits::MAX_DRAWN_ATOMS;
use super::{Structure, guarded};
use crate::records::on_workers;
use crate::step::Depictor;

inventory::submit! { Depictor { svg: draw } }

/// Draws the structure of a SMILES, on a thread whose stack is deep enough.
fn draw(smiles: &str, width: u32, height: u32) -> Result<String, String> {
    let drawn = on_workers(|| Structure::from_smiles(smiles)?.svg(width, height));
    drawn.unwrap_or_else(|error| Err(error.to_string()))
}

impl Structure {
    /// Returns whether drawing it or computing a layout takes seconds: it has more than [`MAX_DRAWN_ATOMS`] atoms.
    pub fn is_slow_to_draw(&self) -> bool {
        self.0.num_atoms() > MAX_DRAWN_ATOMS
    }

    /// Draws the structure as an SVG of this size in pixels, on white.
    ///
    /// # Errors
    /// Fails if it has more than [`MAX_DRAWN_ATOMS`] atoms, or if the library cannot draw it.
    pub fn svg(&self, width: u32, height: u32) -> Result<String, String> {
        if self.is_slow_to_draw() {
            let atoms = self.0.num_atoms();
            return Err(format!("not drawn: it has {atoms} atoms, and {MAX_DRAWN_ATOMS} are the limit"));
        }
        guarded(|| self.0.to_svg(width, height).ok()).flatten().ok_or_else(|| "cannot be drawn".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_molecule_is_not_drawn() {
        let svg =
            |atoms: usize| on_workers(|| Structure::from_smiles(&"C".repeat(atoms)).unwrap().svg(280, 190)).unwrap();
        assert!(svg(30).unwrap().contains("<svg"));
        for atoms in [MAX_DRAWN_ATOMS + 1, 1_000] {
            assert_eq!(svg(atoms).unwrap_err(), format!("not drawn: it has {atoms} atoms, and 300 are the limit"));
        }
    }
}
