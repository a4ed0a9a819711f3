//! Writes a JSON value in one of its many spellings.

use serde_json::Value;

/// `value` as JSON text, with keys in any order, and white space, escapes and forms of numbers as `seed` has it.
pub(crate) fn respell(value: &Value, seed: u64) -> String {
    let mut speller = Speller { state: seed | 1, out: String::new() };
    speller.value(value);
    speller.out
}

struct Speller {
    state: u64,
    out: String,
}

impl Speller {
    /// A number below `bound` (xorshift64).
    fn pick(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % bound as u64) as usize
    }

    fn one_of(&mut self, choices: &[&str]) {
        let choice = choices[self.pick(choices.len())];
        self.out.push_str(choice);
    }

    fn space(&mut self) {
        self.one_of(&["", "", "", " ", "\n\t", "\r\n"]);
    }

    fn value(&mut self, value: &Value) {
        self.space();
        match value {
            Value::Null | Value::Bool(_) => self.out.push_str(&value.to_string()),
            Value::Number(number) => {
                let text = match number.as_i64() {
                    // Beyond 2^53 an integer with a point would be read as a float, which is another value.
                    Some(integer) if integer.unsigned_abs() <= 1 << 53 => self.integer(integer),
                    _ if number.is_f64() => self.float(number.as_f64().unwrap()),
                    _ => number.to_string(),
                };
                self.out.push_str(&text);
            }
            Value::String(text) => self.text(text),
            Value::Array(items) => self.list('[', items.iter().map(|item| (None, item)).collect(), ']'),
            Value::Object(members) => {
                self.list('{', members.iter().map(|(key, item)| (Some(key), item)).collect(), '}')
            }
        }
        self.space();
    }

    fn list(&mut self, open: char, mut items: Vec<(Option<&String>, &Value)>, close: char) {
        self.out.push(open);
        self.space();
        let mut first = true;
        while !items.is_empty() {
            // An array keeps its order, an object has none.
            let at = if items[0].0.is_some() { self.pick(items.len()) } else { 0 };
            let (key, item) = items.remove(at);
            self.out.push_str(if std::mem::take(&mut first) { "" } else { "," });
            if let Some(key) = key {
                self.space();
                self.text(key);
                self.space();
                self.out.push(':');
            }
            self.value(item);
        }
        self.out.push(close);
    }

    fn integer(&mut self, integer: i64) -> String {
        if integer == 0 {
            return ["0", "-0", "0.0", "-0.00", "0e7", "0E-3"][self.pick(6)].to_owned();
        }
        match self.pick(6) {
            0 => format!("{integer}.0"),
            1 => format!("{integer}e0"),
            2 => format!("{integer}.00E+0"),
            3 => format!("{integer}0e-1"),
            4 if integer % 10 == 0 => format!("{}e1", integer / 10),
            _ => integer.to_string(),
        }
    }

    fn float(&mut self, float: f64) -> String {
        match self.pick(5) {
            0 => format!("{float:e}"),
            1 => format!("{float:E}"),
            // All digits: the shortest ones, filled up with zeros, would be another integer.
            2 if float.fract() == 0.0 => format!("{float:.0}"),
            2 => format!("{float}"),
            // More digits than the shortest form has, which are those of the same float.
            3 => format!("{float:.25e}"),
            _ => serde_json::to_string(&float).unwrap(),
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' | '\0'..='\u{1f}' => self.escape(character),
                '/' => self.one_of(&["/", "\\/"]),
                _ if self.pick(4) == 0 => self.escape(character),
                _ => self.out.push(character),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, character: char) {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let text = if self.pick(2) == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
            self.out.push_str(&text);
        }
    }
}
