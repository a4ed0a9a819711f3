//! Text as HTML. Names of molecules come from anywhere: whatever they hold, they stay text.

use serde_json::Value;

/// So many characters of one value are shown.
pub(super) const SHOWN: usize = 240;

/// `text` as it may stand between tags and in quoted attributes. Characters that would not be seen, and those that
/// would turn the text around them about, become U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(character),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            hidden if hidden.is_control() => safe.push('\u{fffd}'),
            _ => safe.push(character),
        }
    }
    safe
}

/// A picture as the address of an image. An image cannot run a script and cannot load anything.
pub(super) fn data_uri(svg: &str) -> String {
    let mut uri = String::with_capacity(svg.len() + svg.len() / 4);
    uri.push_str("data:image/svg+xml,");
    for byte in svg.bytes() {
        match byte {
            b'\n' | b'\r' | b'\t' => uri.push(' '),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'.' | b',' | b'-' | b'=' | b':' | b';' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// A value as a reader wants to see it; nothing if it is missing.
pub(super) fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Number(whole) if !whole.is_f64() => Some(whole.to_string()),
        Value::Number(float) => float.as_f64().map(number),
        Value::String(text) => Some(clipped(text, SHOWN)),
        other => Some(clipped(&other.to_string(), SHOWN)),
    }
}

/// `number` with as many decimals as one looks at.
pub(super) fn number(number: f64) -> String {
    let decimals = match number.abs() {
        huge if huge >= 1e15 => return format!("{number:e}"),
        large if large >= 1000.0 => 0,
        large if large >= 100.0 => 1,
        large if large >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.replace('-', "\u{2212}") }
}

/// The name of a column as words.
pub(super) fn words(name: &str) -> String {
    escape(&clipped(&name.replace('_', " "), SHOWN))
}

/// `count` of things that are called `one` or `many`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// At most `most` characters of `text`.
pub(super) fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        assert_eq!(escape("<script>alert('1')</script>&"), "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;");
        assert_eq!(escape("\" onload=\"x"), "&quot; onload=&quot;x");
        assert_eq!(escape("a\u{202e}b\u{1b}c\0"), "a\u{fffd}b\u{fffd}c\u{fffd}");
        assert_eq!(data_uri("<svg a='#fff'>é%\"</svg>\n").find(['<', '>', '\'', '"', '#', 'é', '\n']), None);
    }

    #[test]
    fn numbers_have_the_decimals_that_one_looks_at() {
        let cases = [(180.159, "180.2"), (-1.5, "\u{2212}1.5"), (0.123_456, "0.123"), (2.0, "2"), (-0.0001, "0")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(123_456.7), "123457");
        assert_eq!(shown(&json!(null)), None);
        assert_eq!(shown(&json!(100)).unwrap(), "100");
        assert_eq!(shown(&json!("x".repeat(300))).unwrap().chars().count(), 241);
    }
}
