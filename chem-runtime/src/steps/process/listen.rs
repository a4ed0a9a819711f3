//! What a program says: its standard output in full, and its standard error line by line.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A program may write so many bytes, 2 GiB.
const MAX_OUTPUT: usize = 2 << 30;
/// So much of the end of its standard error is kept.
pub(super) const KEPT_ERRORS: usize = 8 << 10;
/// A line of its standard error that is longer is logged in pieces.
const MAX_LINE: usize = 64 << 10;

/// What the threads that listen to a program tell.
pub(super) enum Heard {
    Output(Result<Vec<u8>, String>),
    Errors(Vec<u8>),
}

/// Starts the threads that feed the program and listen to it.
pub(super) fn listen(child: &mut Child, name: &str, input: Vec<u8>) -> Receiver<Heard> {
    let (tell, heard) = channel();
    if let Some(mut stdin) = child.stdin.take() {
        // A program need not read all that it is given: it closes its end, and writing fails.
        thread::spawn(move || stdin.write_all(&input).is_ok());
    }
    if let Some(stdout) = child.stdout.take() {
        let tell = tell.clone();
        thread::spawn(move || tell.send(Heard::Output(read_output(stdout))).is_ok());
    }
    if let Some(stderr) = child.stderr.take() {
        let name = name.to_owned();
        let log = move |line: &str| tracing::info!(program = name, "{line}");
        thread::spawn(move || tell.send(Heard::Errors(read_errors(stderr, log))).is_ok());
    }
    heard
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

/// The end of what the program says on its standard error, each line of which goes to `log`.
fn read_errors(stderr: impl Read, log: impl Fn(&str)) -> Vec<u8> {
    let (mut stderr, mut kept, mut line) = (BufReader::new(stderr), Vec::new(), Vec::new());
    loop {
        let room = MAX_LINE - line.len();
        let read = (&mut stderr).take(room as u64).read_until(b'\n', &mut line);
        let is_end = matches!(read, Ok(0) | Err(_));
        // Of a line that is too long, what is certainly whole: a character that is cut begins the next piece.
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

/// How many bytes of `text` are whole characters: all but the beginning of one at its end.
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

/// Where the part of `text` that is kept begins: between characters.
fn end(text: &[u8]) -> usize {
    let from = text.len().saturating_sub(KEPT_ERRORS);
    from + text[from..].iter().take(4).take_while(|byte| from > 0 && **byte & 0xc0 == 0x80).count()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Gives a text in pieces of `size` bytes.
    struct InPieces<'a>(&'a [u8], usize);

    impl Read for InPieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(self.0.len()).min(into.len());
            into[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn heard(text: &str, size: usize) -> (Vec<String>, String) {
        let lines = RefCell::new(Vec::new());
        let kept = read_errors(InPieces(text.as_bytes(), size), |line| lines.borrow_mut().push(line.to_owned()));
        (lines.into_inner(), String::from_utf8(kept).unwrap())
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        let text = format!("{}é\r\n\nlast", "x".repeat(5_000));
        let expected = [format!("{}é", "x".repeat(5_000)), String::new(), "last".to_owned()];
        for size in [1, 7, 4096, 1 << 20] {
            assert_eq!(heard(&text, size), (expected.to_vec(), text.clone()), "{size}");
        }
    }

    #[test]
    fn no_character_is_cut_in_a_long_line_or_at_the_beginning_of_what_is_kept() {
        for letter in ["é", "…", "𝄞"] {
            for shift in 0..4 {
                let text = format!("{}{}", "x".repeat(shift), letter.repeat(MAX_LINE));
                let (lines, kept) = heard(&text, 4096);
                assert_eq!(lines.concat(), text);
                assert!(lines.iter().all(|line| line.len() <= MAX_LINE), "{letter}");
                assert!(text.ends_with(&kept) && (KEPT_ERRORS - 3..=KEPT_ERRORS).contains(&kept.len()));
            }
        }
    }

    #[test]
    fn what_is_no_text_is_logged_all_the_same() {
        let lines = RefCell::new(Vec::new());
        read_errors(InPieces(b"a\xff\xfe\nb\xc3", 3), |line| lines.borrow_mut().push(line.to_owned()));
        assert_eq!(lines.into_inner(), ["a\u{fffd}\u{fffd}", "b\u{fffd}"]);
    }
}
