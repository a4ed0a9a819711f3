//! `chem log`: prints the events of a run, or follows those of all runs.

use std::process::ExitCode;
use std::time::Duration;

use anstyle::Style;
use clap::Args;

use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BAD, BOLD, DIM, GOOD, ODD, Reader, styled};
use crate::cli::{runs, signals};
use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::report::{event_json, event_words};
use crate::step::CancelToken;
use crate::store::{Cursor, ErrorClass, EventLog, OpenMode, PersistenceError, RunFollower};
use crate::workbench;

/// How long one call to the store waits for events. Ctrl-C is checked between calls.
const WAIT: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(in crate::cli) struct LogArgs {
    /// The run: its id, the beginning of its id, or `@last` for the newest run.
    #[arg(value_name = "ID", required_unless_present = "follow")]
    pub id: Option<String>,
    /// Print events as they are appended: those of the run until it ends, or, without an ID, those of all runs until Ctrl-C.
    #[arg(short, long)]
    pub follow: bool,
    /// Continue after this cursor: the one that an earlier `--follow` printed when it ended, or the `cursor` of a line of its
    /// JSON.
    #[arg(long, value_name = "CURSOR", requires = "follow", conflicts_with = "id")]
    pub from: Option<Cursor>,
    /// Skip unreadable events, and report each on standard error.
    #[arg(long)]
    pub skip_unreadable: bool,
}

pub(in crate::cli) fn run(shared: &Shared, args: &LogArgs) -> Result<ExitCode, Failure> {
    match &args.id {
        Some(id) => one_run(shared, id, args),
        None => all_runs(shared, args.from.unwrap_or(Cursor::START), args.skip_unreadable),
    }
}

fn one_run(shared: &Shared, id: &str, args: &LogArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Read)?;
    let flow_id = workbench::find_run(store.as_ref(), id)?;
    let mut follower = RunFollower::new(store.as_ref(), flow_id);
    let mut wait = Duration::ZERO;
    loop {
        let events = match follower.read(wait) {
            Err(error) if error.class() == ErrorClass::Corrupt => {
                return one_by_one(shared, store.as_ref(), flow_id, follower.position(), args.skip_unreadable);
            }
            events => events?,
        };
        for event in &events {
            if print(shared, event, &line(event), None)? == Reader::Gone {
                return Ok(ExitCode::SUCCESS);
            }
        }
        if !args.follow || follower.has_ended() || output::stdout_reader() == Reader::Gone {
            return Ok(ExitCode::SUCCESS);
        }
        wait = WAIT;
    }
}

/// Prints the events of a run from the position `from`, some of which are unreadable. Stops at the first unreadable event,
/// or skips them all.
fn one_by_one(
    shared: &Shared,
    store: &dyn EventLog,
    flow_id: FlowId,
    from: u64,
    skip_unreadable: bool,
) -> Result<ExitCode, Failure> {
    for position in from..store.next_position(flow_id)? {
        let error = match store.read_event(flow_id, position) {
            Ok(Some(event)) => match print(shared, &event, &line(&event), None)? {
                Reader::Gone => return Ok(ExitCode::SUCCESS),
                Reader::Present => continue,
            },
            Ok(None) => PersistenceError::Corrupt { reason: format!("run {flow_id} has no event {position}") },
            Err(error) if error.class() == ErrorClass::Corrupt => error,
            Err(error) => return Err(error.into()),
        };
        if !skip_unreadable {
            let help = Advice::command(CommandName::Log, &[&flow_id, &"--skip-unreadable"]);
            let help = help.then(" prints the events after it");
            return Err(Failure::from(error).with_help(help));
        }
        output::say(&output::escape(&format!("skipped: {error}")));
    }
    Ok(ExitCode::SUCCESS)
}

fn all_runs(shared: &Shared, mut cursor: Cursor, skip_unreadable: bool) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Read)?;
    let stop = CancelToken::default();
    signals::stop_on_signals(stop.clone(), "");
    let ended = follow(shared, store.as_ref(), &stop, &mut cursor, skip_unreadable);
    let here =
        Advice::text("continue from here with ").then_command(CommandName::Log, &[&"--follow", &"--from", &cursor]);
    match ended {
        Ok(Reader::Gone) => Ok(ExitCode::SUCCESS),
        Ok(Reader::Present) => {
            output::advise(shared, &here);
            Ok(Status::Interrupted.into())
        }
        // A cursor that is not in the log already has its own hint, since it cannot be continued from.
        Err(failure) => Err(failure.or_help(here)),
    }
}

/// Prints the events after `cursor` as they arrive, until `stop` is cancelled or the reader is gone. Leaves `cursor` after
/// the last event printed.
fn follow(
    shared: &Shared,
    store: &dyn EventLog,
    stop: &CancelToken,
    cursor: &mut Cursor,
    skip_unreadable: bool,
) -> Result<Reader, Failure> {
    while !stop.is_cancelled() {
        // While no events arrive, no write could show that the reader is gone.
        if output::stdout_reader() == Reader::Gone {
            return Ok(Reader::Gone);
        }
        let followed = match store.follow(*cursor, 1000, WAIT) {
            Err(PersistenceError::Unreadable(unreadable)) if skip_unreadable => {
                output::say(&output::escape(&format!("skipped: {unreadable}")));
                *cursor = unreadable.after();
                continue;
            }
            Err(error @ PersistenceError::Unreadable(_)) => {
                let help = Advice::text("continue after it with ")
                    .then_command(CommandName::Log, &[&"--follow", &"--from", cursor, &"--skip-unreadable"]);
                return Err(Failure::from(error).with_help(help));
            }
            followed => followed?,
        };
        for (event, after) in followed.events.iter().zip(followed.cursors) {
            let line = format!("{} {}", styled(DIM, &event.flow_id.to_string()), line(event));
            if print(shared, event, &line, Some(after))? == Reader::Gone {
                return Ok(Reader::Gone);
            }
            *cursor = after;
        }
    }
    Ok(Reader::Present)
}

/// Prints an event. JSON includes the cursor after it, if one is given, for `--from`.
fn print(shared: &Shared, event: &FlowEvent, line: &str, after: Option<Cursor>) -> Result<Reader, Failure> {
    Ok(match shared.format {
        Format::Json => {
            let mut json = event_json(event)?;
            if let Some(after) = after {
                json["cursor"] = after.to_string().into();
            }
            output::print_json_while_read(&json)?
        }
        Format::Human => output::print_while_read(line)?,
    })
}

fn line(event: &FlowEvent) -> String {
    let (style, what) = (style(&event.kind), event_words(&event.kind));
    let ts = event.ts.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string();
    let place = format!("{:>5} {ts} {}", event.position, event.kind.letter());
    format!("{} {}\n", styled(DIM, &place), styled(style, &output::escape(&what)))
}

/// Returns the style of an event.
fn style(kind: &FlowEventKind) -> Style {
    match kind {
        FlowEventKind::FlowInitialized(_) | FlowEventKind::BranchCreated(_) | FlowEventKind::FlowCompleted(_) => BOLD,
        FlowEventKind::StepFinished(_) | FlowEventKind::StepReused(_) => GOOD,
        FlowEventKind::StepFailed(_) => BAD,
        FlowEventKind::RetryScheduled(_) | FlowEventKind::UserInteractionRequested(_) => ODD,
        FlowEventKind::UserInteractionProvided(it) => {
            if it.approved {
                GOOD
            } else {
                BAD
            }
        }
        FlowEventKind::StepStarted(_) | FlowEventKind::StepProgressed(_) | FlowEventKind::StepSignal(_) => DIM,
    }
}
