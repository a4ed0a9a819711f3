//! Prints tables, styles and errors. Uses colour only on a terminal, and not if NO_COLOR is set.

use std::io::{self, IsTerminal as _, Write};

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::advice::Advice;
use super::args::Shared;
pub(super) use super::visible::escape;
use super::visible::{escape_block, with_styles_alone};
use crate::flow::FlowStatus;
use crate::manifest::{self, Diagnostic};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const ODD: Style = AnsiColor::Yellow.on_default();

/// Returns whether stderr accepts styles.
pub(super) fn stderr_is_styled() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Wraps `text` in `style`. Streams that do not support styles strip them.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns the style in which the status of a run is printed.
pub(super) fn status_style(status: FlowStatus) -> anstyle::Style {
    match status {
        FlowStatus::Completed => GOOD,
        FlowStatus::Failed => BAD,
        FlowStatus::Interrupted | FlowStatus::Waiting => ODD,
    }
}

/// An error writing results to stdout. A reader that has closed its end is not an error: see [`Reader::Gone`].
#[derive(Debug)]
pub(super) struct CannotPrint(pub(super) io::Error);

/// Whether the reader of stdout still has its end open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Present,
    Gone,
}

/// Returns whether the reader of stdout still has its end open, without writing to it. Knows about pipes and sockets on Unix;
/// other readers count as present.
pub(super) fn stdout_reader() -> Reader {
    #[cfg(unix)]
    {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let stdout = io::stdout();
        let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let is_gone = |polled: &PollFd<'_>| polled.revents().intersects(PollFlags::ERR | PollFlags::HUP);
        if poll(&mut polled, Some(&now)).is_ok() && polled.iter().any(is_gone) {
            return Reader::Gone;
        }
    }
    Reader::Present
}

/// Writes results to stdout. If the reader has closed its end, as `head` does, the command continues and its exit status
/// does not change.
pub(super) fn print(text: &str) -> Result<(), CannotPrint> {
    print_while_read(text).map(drop)
}

/// Writes one JSON value and a newline to stdout, like [`print`].
pub(super) fn print_json(value: &Value) -> Result<(), CannotPrint> {
    print_json_while_read(value).map(drop)
}

/// Writes results to stdout, for commands that stop once the reader is gone. On a terminal, escapes all control characters
/// except those of our own styles.
pub(super) fn print_while_read(text: &str) -> Result<Reader, CannotPrint> {
    let text = if io::stdout().is_terminal() { with_styles_alone(text) } else { text.into() };
    let mut stdout = anstream::stdout().lock();
    reader_after(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Writes one JSON value and a newline to stdout, like [`print_while_read`].
pub(super) fn print_json_while_read(value: &Value) -> Result<Reader, CannotPrint> {
    let mut text = serde_json::to_vec(value).map_err(|error| CannotPrint(error.into()))?;
    text.push(b'\n');
    print_data(&text)
}

/// Writes data to stdout byte for byte; on a terminal, escapes control characters.
pub(super) fn print_data(data: &[u8]) -> Result<Reader, CannotPrint> {
    let mut stdout = io::stdout().lock();
    let written = if stdout.is_terminal() {
        stdout.write_all(escape_block(&String::from_utf8_lossy(data)).as_bytes())
    } else {
        stdout.write_all(data)
    };
    reader_after(written.and_then(|()| stdout.flush()))
}

fn reader_after(written: io::Result<()>) -> Result<Reader, CannotPrint> {
    match written {
        Ok(()) => Ok(Reader::Present),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(CannotPrint(error)),
    }
}

/// Writes a message to stderr. Ignores a failed write, which could not be reported anywhere.
pub(super) fn say(text: &str) {
    let text = if io::stderr().is_terminal() { with_styles_alone(text) } else { text.into() };
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Writes a hint to stderr, unless its commands cannot work: see [`Advice::render`].
pub(super) fn advise(shared: &Shared, advice: &Advice) {
    if let Some(text) = advice.render(shared) {
        say(&text);
    }
}

/// Writes the diagnostics of a manifest to stderr.
pub(super) fn say_diagnostics(diagnostics: &[Diagnostic]) {
    if !diagnostics.is_empty() {
        say(&manifest::render(diagnostics, manifest::Style::Coloured));
    }
}

/// The writer for `tracing` messages: stderr, with control characters escaped on a terminal as in [`say`].
pub(super) struct Messages;

impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        if stderr.is_terminal() {
            stderr.write_all(with_styles_alone(&String::from_utf8_lossy(bytes)).as_bytes())?;
        } else {
            stderr.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Writes an error to stderr in the style of a compiler: the message, its causes, and a hint.
pub(super) fn print_error(message: &str, causes: &[String], help: Option<&str>) {
    print_error_with(message, causes, &[], help);
}

/// Writes an error like [`print_error`], with named notes about its subject.
pub(super) fn print_error_with(message: &str, causes: &[String], notes: &[(&str, String)], help: Option<&str>) {
    let mut text = format!("{}: {}", styled(BAD, "error"), escape(message));
    for cause in causes {
        text.push_str(&format!("\n  {} {}", styled(DIM, "because:"), escape(cause)));
    }
    for (name, note) in notes {
        text.push_str(&format!("\n  {} {}", styled(DIM, &format!("{name}:")), escape(note)));
    }
    if let Some(help) = help {
        text.push_str(&format!("\n  {} {help}", styled(BOLD, "help:")));
    }
    say(&text);
}

/// A table with headings. Each column is as wide as its widest cell on a terminal.
pub(super) struct Table {
    rows: Vec<Vec<(Style, String)>>,
}

impl Table {
    pub(super) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (DIM, (*heading).to_owned())).collect()] }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = (Style, String)>) {
        self.rows.push(cells.into_iter().map(|(style, cell)| (style, escape(&cell))).collect());
    }

    pub(super) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|(_, cell)| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let filled = row.iter().rposition(|(_, cell)| !cell.is_empty()).map_or(0, |last| last + 1);
            for (column, (style, cell)) in row[..filled].iter().enumerate() {
                text.push_str(&styled(*style, cell));
                if column + 1 < filled {
                    text.push_str(&" ".repeat(widths[column] - cell.width() + 2));
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_the_width_of_characters_on_a_terminal() {
        let mut table = Table::new(&["FLOW", "STEPS"]);
        for name in ["ab", "分子", "e\u{301}t", "👩‍🔬"] {
            table.row([(Style::new(), name.to_owned()), (Style::new(), "3".to_owned())]);
        }
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        let ends = text.lines().map(|line| line.trim_end_matches("STEPS").trim_end_matches('3').width());
        assert_eq!(ends.collect::<Vec<_>>(), [6; 5], "{text}");
    }
}
