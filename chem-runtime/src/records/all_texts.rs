//! The short texts that readers of separated values are compared on.

/// Returns all texts of at most `length` of these characters.
pub(super) fn all_texts(characters: &str, length: usize) -> Vec<String> {
    let (mut all, mut longest) = (vec![String::new()], vec![String::new()]);
    for _ in 0..length {
        longest = longest.iter().flat_map(|text| characters.chars().map(move |next| format!("{text}{next}"))).collect();
        all.extend(longest.iter().cloned());
    }
    all
}
