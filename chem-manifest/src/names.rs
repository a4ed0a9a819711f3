//! Names in messages: the one that was probably meant, and lists of those that there are.

/// Names longer than this are not compared: nobody means a name by misspelling a paragraph.
const LONGEST: usize = 64;

/// The candidate that is nearest to `name`, if one is near enough to have been meant.
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

/// How far the two are apart, if that is near enough.
fn distance(name: &str, candidate: &str) -> Option<usize> {
    match (name.split_once('.'), candidate.split_once('.')) {
        // In `molecules.fliter` only the second half is in question, and in `filter` the first is left out.
        (Some((family, name)), Some((other_family, candidate))) if family == other_family => slips(name, candidate),
        (None, Some((_, candidate))) if candidate == name => Some(1),
        _ => slips(name, candidate),
    }
}

/// How many slips of the pen lie between the two, if not too many for their length.
fn slips(name: &str, candidate: &str) -> Option<usize> {
    let allowed = (name.chars().count() / 3).max(1);
    if candidate.len().abs_diff(name.len()) > 4 * allowed {
        return None;
    }
    let distance = strsim::osa_distance(name, candidate);
    (distance <= allowed).then_some(distance)
}

/// `a`, `b` and `c`; the first forty of them if there are more.
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
    fn a_slip_of_the_pen_is_recognised_and_another_name_is_not() {
        let known = ["molecules.read", "molecules.filter", "table.write"];
        for (written, meant) in [
            ("molecules.fliter", Some("molecules.filter")),
            ("Table.Write", Some("table.write")),
            ("filter", Some("molecules.filter")),
            ("molecules.dock", None),
            ("", None),
            (&"x".repeat(1000), None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }

    #[test]
    fn lists_read_as_they_are_spoken() {
        assert_eq!(listed(&["a"]), "`a`");
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert!(listed(&["x"; 42]).ends_with("`x` and 2 more"));
    }
}
