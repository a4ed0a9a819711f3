//! Functions of texts that split and lengthen them. The budget of the row is charged before they do.

use super::super::budget;
use super::super::value::Val;
use super::{Answer, patterns};

/// Replaces every occurrence of a text.
pub(super) fn replace(values: &[Val<'_>]) -> Option<Result<Answer, String>> {
    let [Val::Text(text), Val::Text(old), Val::Text(new)] = values else { return None };
    if old.is_empty() {
        return Some(Err("`replace`: the text to replace is empty".to_owned()));
    }
    let found = text.matches(old.as_ref()).count();
    let cost = budget::spend(found as u64)
        .and_then(|()| budget::spend_bytes(text.len().saturating_add(found.saturating_mul(new.len()))));
    Some(cost.map(|()| text_of(text.replace(old.as_ref(), new))))
}

/// Replaces every match of a pattern. `$1` and `${name}` in the replacement mean groups.
pub(super) fn replace_matches(values: &[Val<'_>]) -> Option<Result<Answer, String>> {
    let [Val::Text(text), Val::Text(pattern), Val::Text(new)] = values else { return None };
    Some(patterns::replace(text, pattern, new).map(text_of))
}

/// Returns a group of the first match of a pattern: the one that is named or numbered, else the first, or without groups
/// the whole match.
pub(super) fn extract(values: &[Val<'_>]) -> Option<Result<Answer, String>> {
    let (text, pattern, group) = match values {
        [Val::Text(text), Val::Text(pattern)] => (text, pattern, patterns::Group::First),
        [Val::Text(text), Val::Text(pattern), Val::Text(name)] => (text, pattern, patterns::Group::Named(name)),
        [Val::Text(text), Val::Text(pattern), Val::Number(number)] => match number.index() {
            Some(number) => (text, pattern, patterns::Group::Numbered(number)),
            None => return Some(Err(format!("`extract`: `{}` is not the number of a group", number.spelled()))),
        },
        _ => return None,
    };
    Some(patterns::extract(text, pattern, group).map(|found| found.map_or(Answer::Missing, text_of)))
}

/// Splits a text at every occurrence of a separator.
pub(super) fn split(values: &[Val<'_>]) -> Option<Result<Answer, String>> {
    let [Val::Text(text), Val::Text(separator)] = values else { return None };
    if separator.is_empty() {
        return Some(Err("`split`: the separator is empty".to_owned()));
    }
    let pieces = || text.split(separator.as_ref());
    let cost = budget::spend_bytes(text.len()).and_then(|()| budget::spend(pieces().count() as u64));
    let list = || Val::List(pieces().map(|piece| Val::Text(piece.to_owned().into())).collect());
    Some(cost.map(|()| Answer::Value(list())))
}

/// Joins the texts of a list, with a separator between them.
pub(super) fn join(values: &[Val<'_>]) -> Option<Result<Answer, String>> {
    let [Val::List(items), Val::Text(separator)] = values else { return None };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        let Val::Text(text) = item else { return None };
        texts.push(text.as_ref());
    }
    let bytes = texts.iter().map(|text| text.len() + separator.len()).sum();
    Some(budget::spend_bytes(bytes).map(|()| text_of(texts.join(separator))))
}

fn text_of(text: String) -> Answer {
    Answer::Value(Val::Text(text.into()))
}
