//! Decodes text that is not UTF-8, in the encoding that a step's parameter `encoding` names.
//!
//! Decoding never replaces what it cannot decode: a file that is not in the named encoding is refused as a whole, because a
//! wrong encoding misreads every record and not only the one in which it shows.

use encoding_rs::{DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::cancel;
use crate::step::StepError;

/// The bytes that Windows-1252 does not assign to a character.
const NOT_WINDOWS_1252: [u8; 5] = [0x81, 0x8d, 0x8f, 0x90, 0x9d];

const BOM_UTF_8: &[u8] = b"\xef\xbb\xbf";
const BOM_UTF_16LE: &[u8] = b"\xff\xfe";
const BOM_UTF_16BE: &[u8] = b"\xfe\xff";

/// The encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Encoding {
    #[default]
    Utf8,
    /// ISO 8859-1, in which each byte is the character of the same number.
    Latin1,
    Windows1252,
    /// UTF-16 in the byte order that the byte order mark tells.
    Utf16,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    /// Returns the encoding that the parameter `encoding` names.
    pub(crate) fn of(name: Option<&str>) -> Self {
        match name {
            Some("latin1") => Self::Latin1,
            Some("windows-1252") => Self::Windows1252,
            Some("utf-16") => Self::Utf16,
            Some("utf-16le") => Self::Utf16Le,
            Some("utf-16be") => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }

    /// Returns whether `text` begins with a byte order mark of UTF-16.
    pub(super) fn is_marked_utf_16(text: &[u8]) -> bool {
        text.starts_with(BOM_UTF_16LE) || text.starts_with(BOM_UTF_16BE)
    }

    /// Converts `text`, the content of the file called `name`, to UTF-8 without a byte order mark. A file that is said to
    /// be UTF-8 may still contain other bytes: they spoil only their own record.
    ///
    /// # Errors
    /// Fails if the text is not in this encoding, or has the byte order mark of another one.
    pub(super) fn decode(self, name: &str, mut text: Vec<u8>) -> Result<Vec<u8>, StepError> {
        let mut decoder = Decoder::new(self, name);
        if self == Self::Utf8 {
            text.drain(..decoder.begin(&text)?);
            return Ok(text);
        }
        let mut decoded = Vec::new();
        decoder.push(&text, true, &mut decoded)?;
        cancel::check()?;
        Ok(decoded)
    }

    /// Converts `text`, the beginning of a file, which may end within a character; `None` if it is not in this encoding.
    pub(super) fn decode_beginning(self, mut text: Vec<u8>) -> Option<Vec<u8>> {
        if matches!(self, Self::Utf16 | Self::Utf16Le | Self::Utf16Be) {
            // Up to the last complete line: its line feed is one of the two bytes of a unit.
            let units = text.len() / 2;
            let is_line_feed = |unit: &usize| matches!(text[2 * unit..2 * unit + 2], [b'\n', 0] | [0, b'\n']);
            let lines = (0..units).rev().find(is_line_feed).map_or(0, |unit| 2 * unit + 2);
            text.truncate(lines);
        }
        self.decode("", text).ok()
    }
}

/// Decodes the text of a file that comes in pieces.
pub(super) struct Decoder<'n> {
    encoding: Encoding,
    name: &'n str,
    /// The beginning of the text, while a byte order mark may be incomplete; `None` afterwards.
    beginning: Option<Vec<u8>>,
    /// The decoder of UTF-16, after the byte order mark.
    utf_16: Option<encoding_rs::Decoder>,
    /// The number of lines so far.
    lines: usize,
}

impl<'n> Decoder<'n> {
    /// Starts with the text of the file called `name`.
    pub(super) fn new(encoding: Encoding, name: &'n str) -> Self {
        Self { encoding, name, beginning: Some(Vec::new()), utf_16: None, lines: 0 }
    }

    /// Decodes a piece of the text, which may end within a character unless it is the last one, and appends it to `out`.
    ///
    /// # Errors
    /// Fails if the text is not in the encoding, or has the byte order mark of another one.
    pub(super) fn push(&mut self, piece: &[u8], is_last: bool, out: &mut Vec<u8>) -> Result<(), StepError> {
        let Some(mut beginning) = self.beginning.take() else { return self.decode(piece, is_last, out) };
        beginning.extend_from_slice(piece);
        if beginning.len() < BOM_UTF_8.len() && !is_last {
            self.beginning = Some(beginning);
            return Ok(());
        }
        let mark = self.begin(&beginning)?;
        self.decode(&beginning[mark..], is_last, out)
    }

    /// Checks the byte order mark of a text with this beginning, and returns its length.
    fn begin(&mut self, text: &[u8]) -> Result<usize, StepError> {
        let (name, marked) = (self.name, Encoding::is_marked_utf_16(text));
        let mark = if text.starts_with(BOM_UTF_8) { BOM_UTF_8.len() } else { 0 };
        match self.encoding {
            Encoding::Utf8 if marked => {
                Err(StepError::new(format!("`{name}` is UTF-16 text; write `encoding: utf-16`")))
            }
            Encoding::Utf8 => Ok(mark),
            Encoding::Latin1 | Encoding::Windows1252 if marked || mark > 0 => {
                let found = if marked { "UTF-16" } else { "UTF-8" };
                let advice = if marked { "write `encoding: utf-16`" } else { "omit `encoding`" };
                Err(StepError::new(format!("`{name}` begins with the byte order mark of {found}; {advice}")))
            }
            Encoding::Latin1 | Encoding::Windows1252 => Ok(0),
            Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be => self.begin_utf_16(text),
        }
    }

    fn begin_utf_16(&mut self, text: &[u8]) -> Result<usize, StepError> {
        let name = self.name;
        let marks = [(BOM_UTF_16LE, UTF_16LE, "utf-16le"), (BOM_UTF_16BE, UTF_16BE, "utf-16be")];
        let marked = marks.iter().find(|(mark, ..)| text.starts_with(mark));
        let (mark, encoding) = match (self.encoding, marked) {
            (Encoding::Utf16, None) if text.is_empty() => (0, UTF_16LE),
            (Encoding::Utf16, None) => {
                return Err(StepError::new(format!(
                    "`{name}` does not begin with the byte order mark of UTF-16; write `encoding: utf-16le` or \
                     `encoding: utf-16be`, or omit `encoding` if the file is UTF-8"
                )));
            }
            (Encoding::Utf16Le, Some((.., other @ "utf-16be")))
            | (Encoding::Utf16Be, Some((.., other @ "utf-16le"))) => {
                return Err(StepError::new(format!(
                    "`{name}` begins with the byte order mark of `{other}`; write `encoding: utf-16`"
                )));
            }
            (_, Some((mark, encoding, _))) => (mark.len(), *encoding),
            (Encoding::Utf16Be, None) => (0, UTF_16BE),
            (_, None) => (0, UTF_16LE),
        };
        self.utf_16 = Some(encoding.new_decoder_without_bom_handling());
        Ok(mark)
    }

    fn decode(&mut self, piece: &[u8], is_last: bool, out: &mut Vec<u8>) -> Result<(), StepError> {
        match self.encoding {
            Encoding::Utf8 => out.extend_from_slice(piece),
            Encoding::Latin1 => out.extend_from_slice(encoding_rs::mem::decode_latin1(piece).as_bytes()),
            Encoding::Windows1252 => self.windows_1252(piece, out)?,
            Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be => self.decode_utf_16(piece, is_last, out)?,
        }
        Ok(())
    }

    fn windows_1252(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), StepError> {
        let lines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
        if let Some(at) = piece.iter().position(|byte| NOT_WINDOWS_1252.contains(byte)) {
            let line = self.lines + lines(&piece[..at]) + 1;
            return Err(StepError::new(format!(
                "line {line} of `{}` is not Windows-1252 text: it has the byte 0x{:02x}, which encodes no character; \
                 check `encoding`",
                self.name, piece[at]
            )));
        }
        self.lines += lines(piece);
        out.extend_from_slice(WINDOWS_1252.decode_without_bom_handling(piece).0.as_bytes());
        Ok(())
    }

    fn decode_utf_16(&mut self, piece: &[u8], is_last: bool, out: &mut Vec<u8>) -> Result<(), StepError> {
        let Some(decoder) = &mut self.utf_16 else { return Ok(()) };
        let begin = out.len();
        let most = decoder.max_utf8_buffer_length_without_replacement(piece.len()).unwrap_or(usize::MAX);
        out.resize(begin.saturating_add(most), 0);
        let (result, _, written) = decoder.decode_to_utf8_without_replacement(piece, &mut out[begin..], is_last);
        out.truncate(begin + written);
        if result == DecoderResult::InputEmpty {
            return Ok(());
        }
        Err(StepError::new(format!(
            "`{}` is not UTF-16 text: it has an odd number of bytes, or half of a surrogate pair; check `encoding`",
            self.name
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoding: &str, text: &[u8]) -> Result<String, String> {
        let decoded = Encoding::of(Some(encoding)).decode("a.csv", text.to_vec()).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(decoded).unwrap())
    }

    fn utf_16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn bytes_are_the_characters_of_the_named_encoding() {
        assert_eq!(decoded("latin1", b"25 \xb0C\x80").as_deref(), Ok("25 °C\u{80}"));
        assert_eq!(decoded("windows-1252", b"25 \xb0C \x80\x96").as_deref(), Ok("25 °C €–"));
        let text = "µ,𝄞\r\n";
        for (encoding, bytes) in [
            ("utf-16", utf_16(&format!("\u{feff}{text}"), u16::to_le_bytes)),
            ("utf-16", utf_16(&format!("\u{feff}{text}"), u16::to_be_bytes)),
            ("utf-16le", utf_16(text, u16::to_le_bytes)),
            ("utf-16le", utf_16(&format!("\u{feff}{text}"), u16::to_le_bytes)),
            ("utf-16be", utf_16(text, u16::to_be_bytes)),
            ("utf-16", Vec::new()),
        ] {
            let expected = if bytes.is_empty() { "" } else { text };
            assert_eq!(decoded(encoding, &bytes).as_deref(), Ok(expected), "{encoding} {bytes:?}");
        }
    }

    #[test]
    fn another_encoding_than_the_named_one_is_refused() {
        let (le, be) = (utf_16("\u{feff}a", u16::to_le_bytes), utf_16("\u{feff}a", u16::to_be_bytes));
        for (encoding, text, why) in [
            ("utf-8", &le[..], "write `encoding: utf-16`"),
            ("latin1", &le, "the byte order mark of UTF-16; write `encoding: utf-16`"),
            ("windows-1252", b"\xef\xbb\xbfa", "the byte order mark of UTF-8; omit `encoding`"),
            ("windows-1252", b"a\nb\x81", "line 2 of `a.csv` is not Windows-1252 text: it has the byte 0x81"),
            ("utf-16", b"a,b\n", "write `encoding: utf-16le` or `encoding: utf-16be`"),
            ("utf-16le", &be, "the byte order mark of `utf-16be`"),
            ("utf-16be", &le, "the byte order mark of `utf-16le`"),
            ("utf-16le", b"a\0b", "odd number of bytes"),
            ("utf-16le", b"\x34\xd8a\0", "half of a surrogate pair"),
        ] {
            let reason = decoded(encoding, text).unwrap_err();
            assert!(reason.contains("`a.csv`") && reason.contains(why), "{encoding}: {reason}");
        }
    }

    #[test]
    fn the_beginning_of_a_file_may_end_within_a_character() {
        let whole = utf_16("\u{feff}a,𝄞\nb", u16::to_le_bytes);
        let lines = "a,𝄞\n".as_bytes();
        assert_eq!(Encoding::Utf16.decode_beginning(whole[..whole.len() - 1].to_vec()).as_deref(), Some(lines));
        assert_eq!(Encoding::Utf16.decode_beginning(whole[..9].to_vec()).as_deref(), Some(&b""[..]));
        assert_eq!(Encoding::Utf8.decode_beginning(whole), None);
    }
}
