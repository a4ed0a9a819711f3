//! Names in messages: suggestions for misspelt names, and lists of names.

/// The longest name that is compared, in bytes: a longer text is not a misspelt name.
const LONGEST: usize = 64;

/// Returns the candidate nearest to `name`, if one is near enough to be a misspelling.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name && candidate.len() <= LONGEST)
        .filter_map(|candidate| Some((distance(&lower, &candidate.to_lowercase())?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns the distance between the two, or `None` if they are too far apart.
fn distance(name: &str, candidate: &str) -> Option<usize> {
    match (name.split_once('.'), candidate.split_once('.')) {
        // In `molecules.fliter` only the second half is compared; in `filter` the family is missing.
        (Some((family, name)), Some((other_family, candidate))) if family == other_family => typos(name, candidate),
        (None, Some((_, candidate))) if candidate == name => Some(1),
        _ => typos(name, candidate),
    }
}

/// Returns the edit distance between the two, or `None` if it is too large for their length.
fn typos(name: &str, candidate: &str) -> Option<usize> {
    let allowed = (name.chars().count() / 3).max(1);
    if candidate.len().abs_diff(name.len()) > 4 * allowed {
        return None;
    }
    let distance = strsim::osa_distance(name, candidate);
    (distance <= allowed).then_some(distance)
}

/// Formats names as "`a`, `b` and `c`", or the first forty and the number of the others.
pub fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 40;
    let quoted: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        all if names.len() > SHOWN => format!("{} and {} more", all.join(", "), names.len() - SHOWN),
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        all => all.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_recognised_and_another_name_is_not() {
        let known = ["molecules.read", "molecules.filter", "table.write"];
        for (name, expected) in [
            ("molecules.fliter", Some("molecules.filter")),
            ("Table.Write", Some("table.write")),
            ("filter", Some("molecules.filter")),
            ("molecules.dock", None),
            ("", None),
            (&"x".repeat(1000), None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(&["a"]), "`a`");
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert!(listed(&["x"; 42]).ends_with("`x` and 2 more"));
    }
}
