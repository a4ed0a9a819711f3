//! Shows the progress of a run on stderr: bars on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::CommandName;
use super::advice::Advice;
use super::args::Shared;
use super::output::{BAD, BOLD, DIM, GOOD, ODD, escape, say, styled};
use crate::engine::{Observer, RunsBecause, Unbelievable};
use crate::event::{EventAddress, FlowId, RetryScheduled, StepSignal, StepStarted};
use crate::flow::FlowInstance;
use crate::step::{Progress, StepId};

/// The maximum number of characters of a signal's data on the screen; the log has all of it.
const SIGNAL_WIDTH: usize = 160;

/// An observer that prints the engine's progress to stderr.
pub(super) struct Watcher {
    mode: Mode,
    /// How to find other damage in the store; empty if there is no way.
    check_store: String,
    bar: Mutex<ProgressBar>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Quiet,
    Lines,
    Bars,
}

impl Watcher {
    pub(super) fn new(shared: &Shared) -> Self {
        let check =
            Advice::text("; ").then_command(CommandName::Store, &[&"check", &"--deep"]).then(" checks the whole store");
        let check_store = check.render(shared).unwrap_or_default();
        let mode = match (shared.quiet, std::io::stderr().is_terminal()) {
            (true, _) => Mode::Quiet,
            (false, true) => Mode::Bars,
            (false, false) => Mode::Lines,
        };
        Self { mode, check_store, bar: Mutex::new(ProgressBar::hidden()) }
    }

    fn bar(&self) -> ProgressBar {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn line(&self, text: &str) {
        match self.mode {
            Mode::Quiet => {}
            Mode::Lines => say(text),
            Mode::Bars => self.bar().suspend(|| say(text)),
        }
    }
}

impl Progress for Watcher {
    fn step_progress(&self, _: &StepId, done: u64, total: Option<u64>) {
        if self.mode == Mode::Bars {
            let bar = self.bar();
            if bar.length() != total
                && let Some(total) = total
            {
                bar.set_length(total);
                bar.set_style(style("{spinner} {prefix} {bar:24} {human_pos}/{human_len}  {per_sec}  {eta} left"));
            }
            bar.set_position(done);
        }
    }
}

impl Observer for Watcher {
    fn step_starts(&self, instance: &FlowInstance, started: &StepStarted, resumed: bool) {
        let (number, count) = (started.step_index + 1, instance.steps().len());
        let again = if resumed { ", resumed" } else { "" };
        match self.mode {
            Mode::Quiet => {}
            Mode::Lines => {
                say(&format!("[{number}/{count}] {}: {}@{}{again}", started.step_id, started.uses, started.version))
            }
            Mode::Bars => {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                bar.set_style(style("{spinner} {prefix}  {elapsed}"));
                bar.set_prefix(format!("[{number}/{count}] {}", started.step_id));
                bar.enable_steady_tick(std::time::Duration::from_millis(120));
                *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
            }
        }
    }

    fn step_reused(&self, instance: &FlowInstance, started: &StepStarted, source: EventAddress) {
        let (number, count) = (started.step_index + 1, instance.steps().len());
        let source = if source.flow_id == instance.flow_id() {
            "from earlier in this run".to_owned()
        } else {
            format!("from run {}", source.flow_id)
        };
        match self.mode {
            Mode::Quiet => {}
            Mode::Lines => say(&format!("[{number}/{count}] {}: reused {source}", started.step_id)),
            Mode::Bars => {
                say(&format!("{} {}  {}", styled(GOOD, "✓"), started.step_id, styled(DIM, &format!("reused {source}"))))
            }
        }
    }

    fn code_changed(&self, started: &StepStarted, source: EventAddress) {
        let StepStarted { step_id, uses, version, .. } = started;
        code_changed(step_id, uses, *version, source.flow_id).iter().for_each(|line| self.line(line));
    }

    fn step_not_reused(&self, step: &StepId, because: &RunsBecause) {
        // `result_doubted` has already reported an unbelievable result.
        if because.is_alarming() && !matches!(because, RunsBecause::ResultUnbelievable(_)) {
            self.line(&format!("{}: step `{step}` runs again: {because}", styled(ODD, "warning")));
        }
    }

    fn result_doubted(&self, step: &StepId, doubted: &Unbelievable) {
        let text = escape(&format!("step `{step}`: {doubted}"));
        self.line(&format!("{}: {text}{}", styled(ODD, "warning"), self.check_store));
    }

    fn retry_scheduled(&self, retry: &RetryScheduled) {
        let allowed = retry.allowed.map(|allowed| format!(" of {allowed}")).unwrap_or_default();
        let begin = retry.not_before.map(|begin| format!(" not before {begin:.0}")).unwrap_or_default();
        let reason = escape(&retry.reason);
        self.line(&format!("  {} attempt {}{allowed}{begin}: {reason}", styled(BOLD, &retry.step_id), retry.attempt));
    }

    fn step_signals(&self, signal: &StepSignal) {
        let data = signal.data.to_string();
        let data = match data.char_indices().nth(SIGNAL_WIDTH) {
            Some((cut, _)) => format!("{}…", &data[..cut]),
            None => data,
        };
        self.line(&format!(
            "  {} {} {}",
            styled(BOLD, &signal.step_id),
            escape(&signal.signal),
            styled(DIM, &escape(&data))
        ));
    }

    fn step_ends(&self, step: &StepId, well: bool) {
        if self.mode == Mode::Bars {
            let bar = self.bar();
            let mark = if well { styled(GOOD, "✓") } else { styled(BAD, "✗") };
            let elapsed = crate::report::seconds(bar.elapsed().try_into().unwrap_or(jiff::SignedDuration::MAX));
            bar.finish_and_clear();
            say(&format!("{mark} {step}  {}", styled(DIM, &elapsed)));
        }
    }
}

/// Returns the lines of a warning that the result of a step, from the run `source`, was computed by other code under the same
/// version.
pub(super) fn code_changed(step_id: &str, uses: &str, version: u32, source: FlowId) -> [String; 2] {
    let (warning, help, next) = (styled(ODD, "warning"), styled(BOLD, "help:"), version + 1);
    [
        format!(
            "{warning}: step `{step_id}`: the code of `{uses}` has changed since run {source} computed this result, but its \
             version has not"
        ),
        format!("  {help} set `version = {next}` if its results differ, or run it again with `--refresh {step_id}`"),
    ]
}

fn style(template: &str) -> ProgressStyle {
    // The templates are the literals above; a malformed one would fall back to the plain bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
