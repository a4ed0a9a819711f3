//! Counts the atoms and bonds of a mol block.
//!
//! The chemistry library parses the block afterwards and must not find more than was counted here. This module therefore
//! joins lines, selects the version and numbers atoms exactly as the library does, and refuses what it cannot count.

use std::collections::HashMap;
use std::ops::Range;

/// The columns of the element symbol in the line of a V2000 atom.
pub(in crate::chemistry) const SYMBOL: Range<usize> = 31..34;

/// The columns of the z coordinate in the line of a V2000 atom.
const Z: Range<usize> = 20..30;

/// The atoms and bonds of a mol block.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::chemistry) struct Drawn {
    pub(in crate::chemistry) atoms: usize,
    /// The two atoms of each bond, from 0 in the order of the block.
    pub(super) bonds: Vec<[usize; 2]>,
    /// Whether each atom is a hydrogen, including `D` and `T`.
    hydrogens: Vec<bool>,
    /// The name of the first group of racemic or relative stereocentres.
    pub(in crate::chemistry) stereo_group: Option<String>,
    /// Whether the block is V3000 rather than V2000.
    pub(in crate::chemistry) v3000: bool,
    /// Whether the coordinates are three-dimensional: line 2 says so, or an atom has a z coordinate other than 0.
    pub(in crate::chemistry) is_3d: bool,
}

impl Drawn {
    /// Counts `block`.
    ///
    /// # Errors
    /// Fails if the block does not have the form that the library expects.
    pub(super) fn of(block: &str) -> Result<Self, String> {
        let mut lines = block.lines().skip(3);
        let counts = lines.next().ok_or("has no line 4, which counts the atoms and bonds of its mol block")?;
        let mut drawn = match is_v3000(counts) {
            Some(true) => of_v3000(&mut Entries { lines, number: 4 })?,
            Some(false) => of_v2000(counts, lines)?,
            None => return Err("has neither `V2000` nor `V3000` in columns 35 to 39 of line 4".to_owned()),
        };
        drawn.is_3d |= block.lines().nth(1).and_then(|line| line.get(20..22)) == Some("3D");
        Ok(drawn)
    }

    /// Returns the number of drawn hydrogens on each heavy atom, in the order of the block. Returns `None` if no hydrogen
    /// is drawn.
    pub(in crate::chemistry) fn drawn_hydrogens(&self) -> Option<Vec<usize>> {
        if !self.hydrogens.contains(&true) {
            return None;
        }
        let is_hydrogen = |atom: usize| self.hydrogens.get(atom).copied().unwrap_or_default();
        let mut bound = vec![0; self.atoms];
        for [one, other] in &self.bonds {
            bound[*one] += usize::from(is_hydrogen(*other));
            bound[*other] += usize::from(is_hydrogen(*one));
        }
        let heavy = bound.into_iter().enumerate().filter(|(atom, _)| !is_hydrogen(*atom));
        Some(heavy.map(|(_, hydrogens)| hydrogens).collect())
    }

    /// Counts the bonds that close a ring: those between atoms that earlier bonds already connect.
    pub(super) fn ring_closures(&self) -> usize {
        // A union-find forest over the atoms. Every bond refers to atoms in range.
        let mut parents: Vec<usize> = (0..self.atoms).collect();
        let mut closures = 0;
        for bond in &self.bonds {
            let [one, other] = bond.map(|atom| root(&parents, atom));
            closures += usize::from(one == other);
            parents[one] = other;
        }
        closures
    }
}

fn root(parents: &[usize], mut atom: usize) -> usize {
    while parents[atom] != atom {
        atom = parents[atom];
    }
    atom
}

/// Returns whether the text of a z coordinate is a number other than 0.
fn is_raised(z: Option<&str>) -> bool {
    z.and_then(|z| z.trim().parse::<f64>().ok()).is_some_and(|z| z != 0.0)
}

fn is_hydrogen(symbol: &str) -> bool {
    matches!(symbol, "H" | "D" | "T")
}

/// Returns whether a block with this counts line is V3000. A block that names no version is V2000. Returns `None` for any
/// other version.
fn is_v3000(counts: &str) -> Option<bool> {
    match counts.get(34..39) {
        _ if counts.len() <= 35 => Some(false),
        Some("V3000") => Some(true),
        Some("V2000") => Some(false),
        _ => None,
    }
}

fn of_v2000<'a>(counts: &str, lines: impl Iterator<Item = &'a str>) -> Result<Drawn, String> {
    let no_counts = || "has a line 4 that does not count the atoms and bonds of its mol block".to_owned();
    let count = |text: Option<&str>| text.and_then(leading_number).ok_or_else(no_counts);
    let (atoms, bonds) = (count(counts.get(..3))?, count(counts.get(3..6))?);
    let mut rows = lines.zip(5..);
    let (mut hydrogens, mut is_3d) = (Vec::new(), false);
    for (line, _) in rows.by_ref().take(atoms) {
        hydrogens.push(is_hydrogen(line.get(SYMBOL).unwrap_or_default().trim()));
        is_3d |= is_raised(line.get(Z));
    }
    let mut found = Vec::new();
    for _ in 0..bonds {
        let (line, number) =
            rows.next().ok_or_else(|| format!("counts {atoms} atoms and {bonds} bonds, and ends before the last"))?;
        let end = |text: Option<&str>| text.and_then(leading_number)?.checked_sub(1).filter(|atom| *atom < atoms);
        match (end(line.get(..3)), end(line.get(3..6))) {
            (Some(one), Some(other)) => found.push([one, other]),
            _ => return Err(no_bond(number, atoms)),
        }
    }
    Ok(Drawn { atoms, bonds: found, hydrogens, stereo_group: None, v3000: false, is_3d })
}

fn of_v3000<'a>(entries: &mut Entries<impl Iterator<Item = &'a str>>) -> Result<Drawn, String> {
    entries.expect("BEGIN CTAB")?;
    let counts = entries.next_entry()?.to_ascii_uppercase();
    let mut fields = counts.strip_prefix("COUNTS ").unwrap_or_default().split_whitespace().map(leading_number);
    let (Some(Some(atoms)), Some(Some(bonds))) = (fields.next(), fields.next()) else {
        return Err(format!("has line {} of its mol block, which is no `COUNTS` of atoms and bonds", entries.number));
    };
    let mut drawn =
        Drawn { atoms, bonds: Vec::new(), hydrogens: Vec::new(), stereo_group: None, v3000: true, is_3d: false };
    // Atoms have arbitrary numbers; a bond to a duplicate number means the first atom with it.
    let mut indices: HashMap<u32, usize> = HashMap::new();
    if atoms > 0 {
        entries.expect("BEGIN ATOM")?;
        for index in 0..atoms {
            let entry = entries.next_entry()?;
            let name = fields_of(&entry).next().and_then(plain_number);
            let name = name.ok_or_else(|| {
                format!("has line {} of its mol block, which is no atom with a number", entries.number)
            })?;
            indices.entry(name).or_insert(index);
            drawn.hydrogens.push(fields_of(&entry).nth(1).is_some_and(is_hydrogen));
            drawn.is_3d |= is_raised(fields_of(&entry).nth(4));
        }
        entries.expect("END ATOM")?;
    }
    if bonds > 0 {
        entries.expect("BEGIN BOND")?;
        for _ in 0..bonds {
            let entry = entries.next_entry()?;
            let numbers: Vec<Option<u32>> = fields_of(&entry).take(4).map(plain_number).collect();
            let index = |name: Option<u32>| indices.get(&name?).copied();
            let bond = match numbers[..] {
                [Some(_), Some(_), one, other] => index(one).zip(index(other)),
                _ => None,
            };
            let (one, other) = bond.ok_or_else(|| no_bond(entries.number, atoms))?;
            drawn.bonds.push([one, other]);
        }
        entries.expect("END BOND")?;
    }
    // Templates may follow the end of the connection table; they have their own atoms and bonds.
    let mut ended = false;
    while let Ok(entry) = entries.next_entry() {
        let entry = entry.trim_start().to_ascii_uppercase();
        ended |= entry.starts_with("END CTAB");
        if !ended && (entry.starts_with("BEGIN ATOM") || entry.starts_with("BEGIN BOND")) {
            return Err(format!(
                "has line {} of its mol block, where atoms or bonds begin that its `COUNTS` do not count",
                entries.number
            ));
        }
        if has_short_list(&entry) {
            return Err(format!("has line {} of its mol block, which lists fewer atoms than it says", entries.number));
        }
        if drawn.stereo_group.is_none() {
            drawn.stereo_group = stereo_group(&entry).map(str::to_owned);
        }
    }
    Ok(drawn)
}

fn no_bond(line: usize, atoms: usize) -> String {
    format!("has line {line} of its mol block, which is no bond between two of its {atoms} atoms")
}

/// Reads the entries of a V3000 block: the text after `M  V30 `, joined with the next line if it ends in `-`.
struct Entries<I> {
    lines: I,
    /// The number of the last line that was read, from 1.
    number: usize,
}

impl<'a, I: Iterator<Item = &'a str>> Entries<I> {
    fn next_entry(&mut self) -> Result<String, String> {
        let mut entry = String::new();
        loop {
            self.number += 1;
            let line = self.lines.next().map(|line| line.strip_suffix('\r').unwrap_or(line));
            let part = line.and_then(|line| line.strip_prefix("M  V30 "));
            let part =
                part.ok_or_else(|| format!("has line {} of its mol block without `M  V30 ` before it", self.number))?;
            match part.strip_suffix('-') {
                Some(part) => entry.push_str(part),
                None => {
                    entry.push_str(part);
                    return Ok(entry);
                }
            }
        }
    }

    /// Reads an entry that must begin with `start`.
    fn expect(&mut self, start: &str) -> Result<(), String> {
        if self.next_entry()?.to_ascii_uppercase().starts_with(start) {
            Ok(())
        } else {
            Err(format!("has line {} of its mol block where `{start}` is expected", self.number))
        }
    }
}

fn fields_of(entry: &str) -> impl Iterator<Item = &str> {
    entry.trim().split([' ', '\t']).filter(|field| !field.is_empty())
}

/// Parses a number that consists of digits only. Quotes and brackets would span several fields.
fn plain_number(field: &str) -> Option<u32> {
    if field.bytes().all(|byte| byte.is_ascii_digit()) { field.parse().ok() } else { None }
}

/// Parses the number at the start of a text of digits, blanks and plus signs: 0 if there is none, saturated if it is too
/// large. Returns `None` if the text contains other characters.
fn leading_number(text: &str) -> Option<usize> {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'+')) {
        return None;
    }
    let text = text.trim_start_matches(' ');
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    Some(digits.fold(0, |number: usize, digit| number.saturating_mul(10).saturating_add(usize::from(digit - b'0'))))
}

/// Returns whether an entry, in capitals, lists fewer atoms than it declares: `ATOMS=(COUNT ATOM …)` with a count beyond
/// the length of the entry. The library would repeat the last atom that often.
fn has_short_list(entry: &str) -> bool {
    entry.split("ATOMS=(").skip(1).any(|list| {
        let digits = list.split(|symbol: char| !symbol.is_ascii_digit()).next().unwrap_or_default();
        leading_number(digits).is_some_and(|count| count > entry.len())
    })
}

/// Returns the collection of racemic or relative stereocentres that an entry, in capitals, begins: the groups `STERACn`
/// and `STERELn` of the CTfile formats. Centres in `STEABS` have the configuration that is drawn.
fn stereo_group(entry: &str) -> Option<&str> {
    let group = entry.strip_prefix("MDLV30/")?.split_whitespace().next()?;
    (group.starts_with("STERAC") || group.starts_with("STEREL")).then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V3000: &str = "t\n\n\n  0  0  0     0  0            999 V3000\n";

    fn v2000(atoms: usize, bonds: &[[usize; 2]]) -> String {
        let rows: String = bonds.iter().map(|[one, other]| format!("{one:3}{other:3}  1  0\n")).collect();
        let counts = format!("{atoms:3}{:3}", bonds.len());
        format!("t\n\n\n{counts}  0  0  0  0  0  0  0  0999 V2000\n{}{rows}M  END\n", "    C\n".repeat(atoms))
    }

    /// A V3000 block whose atoms are numbered from `first`, with `more` after its bonds.
    fn v3000(first: usize, atoms: usize, bonds: &[[usize; 2]], more: &str) -> String {
        let rows: String = (first..first + atoms).map(|number| format!("M  V30 {number} C 0 0 0 0\n")).collect();
        let bond = |(at, [one, other]): (usize, &[usize; 2])| format!("M  V30 {} 1 {one} {other}\n", at + 1);
        let bonds: String = bonds.iter().enumerate().map(bond).collect();
        let counted = bonds.lines().count();
        format!(
            "{V3000}M  V30 BEGIN CTAB\nM  V30 COUNTS {atoms} {counted} 0 0 0\nM  V30 BEGIN ATOM\n{rows}M  V30 END ATOM\n\
             M  V30 BEGIN BOND\n{bonds}M  V30 END BOND\n{more}M  V30 END CTAB\nM  END\n"
        )
    }

    const TRIANGLE: [[usize; 2]; 4] = [[1, 2], [2, 3], [1, 3], [4, 5]];

    #[test]
    fn the_bonds_of_a_mol_block_are_counted_in_both_formats() {
        for block in [v2000(5, &TRIANGLE), v3000(1, 5, &TRIANGLE, "")] {
            let drawn = Drawn::of(&block).unwrap();
            assert_eq!((drawn.atoms, &drawn.bonds[..]), (5, &TRIANGLE.map(|bond| bond.map(|atom| atom - 1))[..]));
            assert_eq!(drawn.ring_closures(), 1);
        }
    }

    #[test]
    fn a_block_is_3d_if_it_says_so_or_an_atom_is_above_the_plane() {
        let (flat, flat_3000) = (v2000(1, &[]), v3000(1, 2, &[[1, 2]], ""));
        let at = |x: &str, z: &str| flat.replacen("    C\n", &format!("{x:>10}    0.0000{z:>10} C   0  0\n"), 1);
        for (block, is_3d) in [
            (flat.clone(), false),
            (flat_3000.clone(), false),
            (at("1.2000", "0.0000"), false),
            (at("1.2000", "-0.5000"), true),
            (flat_3000.replace("C 0 0 0 0", "C 1.2 -0.5 0.0 0"), false),
            (flat_3000.replace("C 0 0 0 0", "C 0 0 1e-3 0"), true),
            (flat.replacen("t\n\n", "t\n     RDKit          3D\n", 1), true),
            (flat.replacen("t\n\n", "t\n     RDKit          2D\n", 1), false),
        ] {
            assert_eq!(Drawn::of(&block).unwrap().is_3d, is_3d, "{block}");
        }
    }

    #[test]
    fn entries_are_joined_and_read_in_any_case() {
        let block = v3000(1001, 5, &TRIANGLE.map(|bond| bond.map(|atom| atom + 1000)), "");
        let split = block
            .replace("COUNTS 5", "cou-\nM  V30 nts 5")
            .replace("V30 1 1 1001 1002\n", "V30 1 1 10-\nM  V30 01 1002\n")
            .replace("V30 2 1", "V30 2 -\nM  V30 1");
        assert_ne!(split, block);
        for block in [block.clone(), split, block.replace('\n', "\r\n")] {
            let drawn = Drawn::of(&block).unwrap();
            assert_eq!((drawn.atoms, drawn.bonds.len(), drawn.ring_closures()), (5, 4, 1), "{block}");
        }
    }

    #[test]
    fn the_version_is_read_from_its_columns() {
        let block = v2000(5, &TRIANGLE);
        assert!(!Drawn::of(&block.replacen("t\n", "V3000\n", 1)).unwrap().v3000);
        assert!(!Drawn::of(&block.replace("  0999 V2000", "V3000")).unwrap().v3000);
        for wrong in [block.replace("999 V2000", "999V2000 "), block.replace("V2000", "V4000")] {
            assert!(Drawn::of(&wrong).unwrap_err().contains("columns 35 to 39"), "{wrong}");
        }
    }

    #[test]
    fn a_stereo_group_is_found_in_every_notation() {
        for line in
            ["MDLV30/STERAC1 ATOMS=(1 1)", "MDLV30/STERA-\nM  V30 C1 ATOMS=(1 1)", " mdlv30/sterac1 ATOMS=(1 1)"]
        {
            let group = format!("M  V30 BEGIN COLLECTION\nM  V30 {line}\nM  V30 END COLLECTION\n");
            let drawn = Drawn::of(&v3000(1, 5, &TRIANGLE, &group)).unwrap();
            assert_eq!(drawn.stereo_group.as_deref(), Some("STERAC1"), "{line}");
        }
        let absolute = "M  V30 BEGIN COLLECTION\nM  V30 MDLV30/STEABS ATOMS=(1 1)\nM  V30 END COLLECTION\n";
        assert_eq!(Drawn::of(&v3000(1, 5, &TRIANGLE, absolute)).unwrap().stereo_group, None);
    }

    #[test]
    fn blocks_that_cannot_be_counted_are_refused() {
        let good = v3000(1, 5, &TRIANGLE, "");
        let short = "M  V30 BEGIN COLLECTION\nM  V30 MDLV30/STEABS ATOMS=(4000000000 1)\nM  V30 END COLLECTION\n";
        for (block, why) in [
            (String::new(), "line 4"),
            ("\n\n\n 1\n".to_owned(), "line 4"),
            ("\n\n\n  x  0\n".to_owned(), "line 4"),
            (v2000(5, &[[0, 1]]), "no bond"),
            (v2000(5, &[[1, 6]]), "no bond"),
            (V3000.to_owned() + "M  V30 \n", "`BEGIN CTAB`"),
            (good.replace("M  V30 COUNTS", "M  V30 \nM  V30 COUNTS"), "`COUNTS`"),
            (good.replace("COUNTS 5", "COUNTS x"), "`COUNTS`"),
            (good.replace("COUNTS 5", "COUNTS 4"), "`END ATOM`"),
            (good.replace("COUNTS 5", "COUNTS 6"), "no atom"),
            (good.replace("COUNTS 5", "COUNTS 99999999999999999999999"), "no atom"),
            (good.replace("COUNTS 5 4", "COUNTS 5 3"), "`END BOND`"),
            (good.replace("COUNTS 5 4", "COUNTS 5 0"), "do not count"),
            (good.replace("V30 4 1 4 5", "V30 4 1 4 6"), "no bond"),
            (good.replace("V30 4 1 4 5", "V30 4 1 4"), "no bond"),
            (good.replace("V30 4 1 4 5", "V30 4 1 (4 5)"), "no bond"),
            (good.replace("M  V30 END ATOM", "END ATOM"), "`M  V30 `"),
            (v3000(1, 5, &TRIANGLE, short), "fewer atoms"),
        ] {
            let refused = Drawn::of(&block);
            assert!(refused.as_ref().is_err_and(|reason| reason.contains(why)), "{why}: {block}: {refused:?}");
        }
    }
}
