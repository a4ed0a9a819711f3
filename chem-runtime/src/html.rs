//! Escapes text for HTML. Names of molecules come from anywhere, and always stay text.

use std::fmt;

use askama::filters::Escaper;

/// The escaper that `askama.toml` names for the templates: it escapes every value they print.
///
/// Its output is safe between tags and in quoted attributes. Invisible characters, and those that change the direction
/// of the text around them, become U+FFFD.
#[derive(Clone, Copy)]
pub(crate) struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: fmt::Write>(&self, mut page: W, text: &str) -> fmt::Result {
        let mut start = 0;
        for (at, character) in text.char_indices() {
            let safe = match character {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                '\n' | '\t' => continue,
                hidden if is_hidden(hidden) => "\u{fffd}",
                _ => continue,
            };
            page.write_str(&text[start..at])?;
            page.write_str(safe)?;
            start = at + character.len_utf8();
        }
        page.write_str(&text[start..])
    }
}

/// Returns whether a character is invisible or changes the direction of the text around it.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escape(text: &str) -> String {
        let mut page = String::new();
        Html.write_escaped_str(&mut page, text).unwrap();
        page
    }

    #[test]
    fn hostile_text_stays_text() {
        assert_eq!(escape("<script>alert('1')</script>&"), "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;");
        assert_eq!(escape("\" onload=\"x"), "&quot; onload=&quot;x");
        assert_eq!(escape("a\u{202e}b\u{1b}c\0"), "a\u{fffd}b\u{fffd}c\u{fffd}");
    }

    #[test]
    fn no_template_prints_a_value_as_markup() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for directory in ["chemistry/report/templates", "explorer/templates"] {
            let templates = std::fs::read_dir(source.join(directory)).unwrap().map(|entry| entry.unwrap().path());
            let templates: Vec<_> =
                templates.filter(|path| path.extension().is_some_and(|kind| kind == "html")).collect();
            assert!(templates.len() > 1, "{templates:?}");
            for template in templates {
                let text = std::fs::read_to_string(&template).unwrap();
                // Templates may use no filter except `fmt`; `safe` and `escape` would select another escaper.
                let mut filters = text.split('|').skip(1);
                assert!(
                    filters.all(|filter| filter.starts_with("fmt(")),
                    "{} opts out of escaping",
                    template.display()
                );
            }
        }
    }
}
