//! Draws structures.

use std::collections::BTreeMap;

use cosmolkit::TopologyBlock;

use super::limits::MAX_DRAWN_ATOMS;
use super::{Structure, guarded};
use crate::records::on_workers;
use crate::step::Depictor;

/// The style in which the library marks bonds.
const MARK: &str = "stroke:#FFCC33";

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

/// A drawing, and where its atoms are.
pub(in crate::chemistry) struct Drawing {
    pub(in crate::chemistry) svg: String,
    /// The centres of the atoms in pixels, by their indices. The centre of an atom without bonds is that of its label.
    pub(in crate::chemistry) centres: BTreeMap<usize, (f64, f64)>,
}

impl Structure {
    /// Draws the structure like [`svg`](Self::svg), and says where the atoms are.
    ///
    /// # Errors
    /// Fails like [`svg`](Self::svg).
    pub(in crate::chemistry) fn drawing(&self, width: u32, height: u32) -> Result<Drawing, String> {
        // The library draws a line from centre to centre over a bond with this property, and tells nothing else of them.
        let mark = |topology: &mut TopologyBlock| {
            for bond in &mut topology.bonds {
                // Only an empty key is refused.
                let _ = bond.set_prop("_highlight", "1");
            }
        };
        let marked = self.reshaped(mark).ok_or("cannot be drawn")?.svg(width, height)?;
        let bonds: Vec<[usize; 2]> = self.bond_states().iter().map(|bond| bond.ends).collect();
        let (mut svg, mut centres) = (String::new(), BTreeMap::new());
        for line in marked.lines() {
            match marked_bond(line) {
                Some((bond, ends)) => {
                    centres.extend(bonds.get(bond).copied().unwrap_or_default().into_iter().zip(ends))
                }
                None => svg.extend([line, "\n"]),
            }
        }
        for (atom, centre) in svg.lines().filter_map(label) {
            centres.entry(atom).or_insert(centre);
        }
        Ok(Drawing { svg, centres })
    }
}

/// Returns the index of the bond that a line of a drawing marks, and its ends.
fn marked_bond(line: &str) -> Option<(usize, [(f64, f64); 2])> {
    let (bond, rest) = line.strip_prefix("<path class='bond-")?.split_once("' d='M ")?;
    let (points, style) = rest.split_once('\'')?;
    let (from, to) = points.split_once(" L ")?;
    let point = |text: &str| {
        let (x, y) = text.split_once(',')?;
        Some((x.parse().ok()?, y.parse().ok()?))
    };
    style.contains(MARK).then_some((bond.parse().ok()?, [point(from)?, point(to)?]))
}

/// Returns the atom of which a line of a drawing has a letter, and the centre of the letter.
fn label(line: &str) -> Option<(usize, (f64, f64))> {
    let value = |name: &str| line.split_once(name)?.1.split('\'').next();
    let (x, y): (f64, f64) = (value("<text x='")?.parse().ok()?, value(" y='")?.parse().ok()?);
    let size: f64 = value("font-size:")?.split("px").next()?.parse().ok()?;
    // Letters are about as wide and as high as 0.72 of their size.
    Some((value("class='atom-")?.parse().ok()?, (x + 0.36 * size, y - 0.36 * size)))
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
    #[test]
    fn a_drawing_says_where_its_atoms_are() {
        let of =
            |smiles: &str| on_workers(|| Structure::from_smiles(smiles).unwrap().drawing(280, 190).unwrap()).unwrap();
        for (smiles, atoms) in [("CC(=O)Oc1ccccc1C(=O)O", 13), ("[Na+].[Cl-]", 2), ("C[C@H](N)C(=O)O.Cl", 7), ("C", 1)]
        {
            let Drawing { svg, centres } = of(smiles);
            assert_eq!(centres.len(), atoms, "{smiles}: {centres:?}");
            let is_inside = |(x, y): &(f64, f64)| (0.0..280.0).contains(x) && (0.0..190.0).contains(y);
            assert!(centres.values().all(is_inside), "{smiles}: {centres:?}");
            assert!(!svg.contains(MARK), "{smiles}");
        }
        // A bond between two carbon atoms ends at their centres.
        let Drawing { svg, centres } = of("CC");
        let [(x, y), (to_x, to_y)] = [centres[&0], centres[&1]];
        assert!(svg.contains(&format!("d='M {x:.1},{y:.1} L {to_x:.1},{to_y:.1}'")), "{svg}");
    }
}
