//! Reads the output of a program: its standard output in full, and its standard error line by line.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// The maximum size of the standard output: 2 GiB.
const MAX_OUTPUT: usize = 2 << 30;
/// The number of bytes kept from the end of the standard error.
pub(in crate::steps) const KEPT_ERRORS: usize = 8 << 10;
/// The maximum length of a log line in bytes. Longer lines of the standard error are split.
const MAX_LINE: usize = 64 << 10;

/// The complete content of an output stream.
pub(in crate::steps) enum Stream {
    /// The standard output, or the reason why it could not be read.
    Output(Result<Vec<u8>, String>),
    /// The end of the standard error.
    Errors(Vec<u8>),
}

/// Starts threads that write `input` to the program and read its output. Each stream is sent when it ends.
pub(in crate::steps) fn listen(child: &mut Child, name: &str, input: Vec<u8>) -> Receiver<Stream> {
    let (sender, streams) = channel();
    if let Some(mut stdin) = child.stdin.take() {
        // A program need not read all of its input: it closes its end, and writing fails.
        thread::spawn(move || stdin.write_all(&input).is_ok());
    }
    if let Some(stdout) = child.stdout.take() {
        let sender = sender.clone();
        thread::spawn(move || sender.send(Stream::Output(read_output(stdout))).is_ok());
    }
    if let Some(stderr) = child.stderr.take() {
        let name = name.to_owned();
        let log = move |line: &str| tracing::info!(program = name, "{line}");
        thread::spawn(move || sender.send(Stream::Errors(read_errors(stderr, log))).is_ok());
    }
    streams
}

fn read_output(stdout: impl Read) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let read = stdout.take(MAX_OUTPUT as u64 + 1).read_to_end(&mut text);
    match read {
        Err(error) => Err(format!("cannot be read from: {error}")),
        Ok(length) if length > MAX_OUTPUT => Err(format!("wrote more than {MAX_OUTPUT} bytes")),
        Ok(_) => Ok(text),
    }
}

/// Reads the standard error to its end, passes each line to `log`, and returns its last bytes.
pub(in crate::steps) fn read_errors(stderr: impl Read, log: impl Fn(&str)) -> Vec<u8> {
    let (mut stderr, mut kept, mut line) = (BufReader::new(stderr), Vec::new(), Vec::new());
    loop {
        let room = MAX_LINE - line.len();
        let read = (&mut stderr).take(room as u64).read_until(b'\n', &mut line);
        let is_end = matches!(read, Ok(0) | Err(_));
        // Split a long line between characters: a partial character moves to the next piece.
        let is_cut = line.len() == MAX_LINE && !line.ends_with(b"\n");
        let rest = if is_cut { line.split_off(whole(&line)) } else { Vec::new() };
        if !line.is_empty() {
            log(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            kept.append(&mut line);
        }
        line = rest;
        if kept.len() > 2 * KEPT_ERRORS + MAX_LINE || is_end {
            kept.drain(..end(&kept));
        }
        if is_end {
            return kept;
        }
    }
}

/// Returns the length of `text` without a partial character at its end.
fn whole(text: &[u8]) -> usize {
    let lead = text.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0);
    let length = match text.get(lead) {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf7) => 4,
        _ => return text.len(),
    };
    if text.len() - lead < length { lead } else { text.len() }
}

/// Returns the offset of the part of `text` to keep, at the start of a character.
fn end(text: &[u8]) -> usize {
    let from = text.len().saturating_sub(KEPT_ERRORS);
    from + text[from..].iter().take(4).take_while(|byte| from > 0 && **byte & 0xc0 == 0x80).count()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Reads a text in pieces of at most this many bytes.
    struct InPieces<'a>(&'a [u8], usize);

    impl Read for InPieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(self.0.len()).min(into.len());
            into[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn read_in_pieces(text: &str, size: usize) -> (Vec<String>, String) {
        let lines = RefCell::new(Vec::new());
        let kept = read_errors(InPieces(text.as_bytes(), size), |line| lines.borrow_mut().push(line.to_owned()));
        (lines.into_inner(), String::from_utf8(kept).unwrap())
    }

    #[test]
    fn lines_are_joined_from_any_pieces() {
        let text = format!("{}é\r\n\nlast", "x".repeat(5_000));
        let expected = [format!("{}é", "x".repeat(5_000)), String::new(), "last".to_owned()];
        for size in [1, 7, 4096, 1 << 20] {
            assert_eq!(read_in_pieces(&text, size), (expected.to_vec(), text.clone()), "{size}");
        }
    }

    #[test]
    fn characters_are_never_split() {
        for letter in ["é", "…", "𝄞"] {
            for shift in 0..4 {
                let text = format!("{}{}", "x".repeat(shift), letter.repeat(MAX_LINE));
                let (lines, kept) = read_in_pieces(&text, 4096);
                assert_eq!(lines.concat(), text);
                assert!(lines.iter().all(|line| line.len() <= MAX_LINE), "{letter}");
                assert!(text.ends_with(&kept) && (KEPT_ERRORS - 3..=KEPT_ERRORS).contains(&kept.len()));
            }
        }
    }

    #[test]
    fn invalid_utf8_is_logged_with_replacement_characters() {
        let lines = RefCell::new(Vec::new());
        read_errors(InPieces(b"a\xff\xfe\nb\xc3", 3), |line| lines.borrow_mut().push(line.to_owned()));
        assert_eq!(lines.into_inner(), ["a\u{fffd}\u{fffd}", "b\u{fffd}"]);
    }
}
