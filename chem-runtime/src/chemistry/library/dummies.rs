//! Rewrites the dummy atoms of mol blocks (`R`, `R#`, `*` and R groups) for the library.
//!
//! The library parses `R` and `*`, although it writes them itself, and all R groups as queries, and `R#` as an atom without
//! an element. RDKit parses R group 1 as the isotope 1 of a dummy atom, `[1*]`, and so does this module.

use std::borrow::Cow;

use crate::chemistry::limits::{Drawn, SYMBOL};

/// The number of lines before the atoms of a V2000 block.
const HEADER_LINES: usize = 4;

/// Rewrites the dummy atoms of `block` as `R#` and their R groups as isotopes.
///
/// # Errors
/// Fails if an R group does not belong to a dummy atom, or if a bond ends at several atoms.
pub(super) fn with_dummies<'a>(block: &'a str, drawn: &Drawn) -> Result<Cow<'a, str>, String> {
    if drawn.v3000 { of_v3000(block) } else { of_v2000(block, drawn.atoms) }
}

fn is_dummy(symbol: &str) -> bool {
    symbol == "*"
        || symbol.strip_prefix('R').is_some_and(|rest| rest == "#" || rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns whether the library parses the symbol as a query.
fn is_query(symbol: &str) -> bool {
    matches!(symbol, "R" | "*")
}

fn no_dummy(atom: &str) -> String {
    format!("has an R group at atom {atom}, which is not an `R#`")
}

fn of_v2000(block: &str, atoms: usize) -> Result<Cow<'_, str>, String> {
    let rows = HEADER_LINES..HEADER_LINES + atoms;
    let symbol = |line: &str| line.get(SYMBOL).unwrap_or_default().trim().to_owned();
    let is_group = |line: &str| line.starts_with("M  RGP");
    let queries = block.lines().skip(rows.start).take(atoms).any(|line| is_query(&symbol(line)));
    if !queries && !block.lines().skip(rows.end).any(is_group) {
        return Ok(Cow::Borrowed(block));
    }
    let symbols: Vec<String> = block.lines().skip(rows.start).take(atoms).map(symbol).collect();
    let mut text = String::with_capacity(block.len());
    for (at, line) in block.split_inclusive('\n').enumerate() {
        match (line.get(..SYMBOL.start), line.get(SYMBOL.end..)) {
            (Some(before), Some(after)) if rows.contains(&at) && is_query(&symbol(line)) => {
                text.extend([before, "R# ", after]);
            }
            _ if at >= rows.end && is_group(line) => {
                let entries = line.get(9..).unwrap_or_default();
                for atom in entries.split_whitespace().step_by(2) {
                    let symbol = atom.parse().ok().and_then(|atom: usize| symbols.get(atom.checked_sub(1)?));
                    if !symbol.is_some_and(|symbol| is_dummy(symbol)) {
                        return Err(no_dummy(atom));
                    }
                }
                text.extend(["M  ISO", &line[6..]]);
            }
            _ => text.push_str(line),
        }
    }
    Ok(Cow::Owned(text))
}

fn of_v3000(block: &str) -> Result<Cow<'_, str>, String> {
    let (mut text, mut changed) = (String::with_capacity(block.len()), false);
    let (mut entry, mut lines, mut in_atoms) = (String::new(), String::new(), false);
    for line in block.split_inclusive('\n') {
        let Some(part) = line.strip_prefix("M  V30 ") else {
            text.push_str(line);
            continue;
        };
        lines.push_str(line);
        let part = part.trim_end_matches(['\n', '\r']);
        if let Some(part) = part.strip_suffix('-') {
            entry.push_str(part);
            continue;
        }
        entry.push_str(part);
        let capitals = entry.trim().to_ascii_uppercase();
        if capitals.contains("ENDPTS=(") {
            return Err("has a bond that ends at several atoms (`ENDPTS`), which a SMILES does not say".to_owned());
        }
        in_atoms = (in_atoms || capitals.starts_with("BEGIN ATOM")) && !capitals.starts_with("END ATOM");
        match in_atoms.then(|| dummy_of_v3000(&entry)).transpose()?.flatten() {
            Some(dummy) => {
                text.extend(["M  V30 ", &dummy, "\n"]);
                changed = true;
            }
            None => text.push_str(&lines),
        }
        entry.clear();
        lines.clear();
    }
    text.push_str(&lines);
    Ok(if changed { Cow::Owned(text) } else { Cow::Borrowed(block) })
}

/// Rewrites the entry of an atom; `None` if it needs no change.
fn dummy_of_v3000(entry: &str) -> Result<Option<String>, String> {
    let mut fields = entry.split_whitespace();
    let (Some(atom), Some(symbol)) = (fields.next(), fields.next()) else { return Ok(None) };
    let mut rest = fields.collect::<Vec<_>>().join(" ");
    let group = rest.to_ascii_uppercase().find("RGROUPS=(");
    if let Some(start) = group {
        if !is_dummy(symbol) {
            return Err(no_dummy(atom));
        }
        let list = rest[start..].split(')').next().unwrap_or_default();
        let numbers: Vec<&str> = list["RGROUPS=(".len()..].split_whitespace().collect();
        let ["1", label] = numbers[..] else {
            return Err(format!("has atom {atom} in several R groups, of which a SMILES says one"));
        };
        rest = rest.replacen(&format!("{list})"), &format!("MASS={label}"), 1);
    }
    let changed = group.is_some() || is_query(symbol);
    let symbol = if is_query(symbol) { "R#" } else { symbol };
    Ok(changed.then(|| format!("{atom} {symbol} {rest}")))
}
