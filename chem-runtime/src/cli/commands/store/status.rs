//! `chem store status`: shows the version of the schema, and what takes up space.

use std::process::ExitCode;

use anstyle::Style;
use serde_json::{Value, json};

use super::versions;
use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BOLD, DIM, Table};
use crate::report::bytes;
use crate::store::schema::SchemaStatus;
use crate::store::{Contents, Largest, OpenMode, StoreSize, StoreUrl};

pub(super) fn run(shared: &Shared, url: &StoreUrl, largest: Option<usize>) -> Result<ExitCode, Failure> {
    let status = url.status()?;
    // A store with another schema version has other tables.
    let is_there = status.is_current() && !status.applied.is_empty();
    let store = if is_there { Some(url.open(OpenMode::Read)?) } else { None };
    let size = store.as_ref().map(|store| store.size()).transpose()?.flatten();
    let largest = match (&store, largest) {
        (Some(store), Some(limit)) => store.largest(limit)?,
        _ => None,
    };
    match shared.format {
        Format::Json => output::print_json(&json(url, &status, size.as_ref(), largest.as_ref()))?,
        Format::Human => {
            output::print(&format!("{}\n{}\n", output::escape(&url.to_string()), output::escape(&status.to_string())))?;
            if let Some(size) = &size {
                output::print(&format!("\n{}", size_text(size)))?;
            }
            if let Some(largest) = &largest {
                output::print(&format!("\n{}\n{}", flows_text(largest), runs_text(largest)))?;
            }
        }
    }
    if largest.is_none() && size.is_some_and(|size| size.runs > 0) {
        let largest = Advice::command(CommandName::Store, &[&"status", &"--largest"]);
        output::advise(shared, &largest.then(" reads the whole log and lists the largest flows and runs"));
    }
    Ok(if status.obstacle.is_some() { Status::Store.into() } else { ExitCode::SUCCESS })
}

fn size_text(size: &StoreSize) -> String {
    let runs = if size.runs == 1 { "1 run".to_owned() } else { format!("{} runs", grouped(size.runs)) };
    let mut table = Table::new(&["table", "rows", "size", "in indexes"]);
    for row in &size.tables {
        let about = if row.is_estimate { "about " } else { "" };
        table.row([
            (BOLD, row.name.clone()),
            (PLAIN, format!("{about}{}", grouped(row.rows))),
            (PLAIN, bytes(row.bytes)),
            (DIM, bytes(row.index_bytes)),
        ]);
    }
    format!("{runs} in {}\n{}", bytes(size.bytes()), table.render())
}

fn flows_text(largest: &Largest) -> String {
    let mut table = Table::new(&["flow", "runs", "size", "events", "artifacts"]);
    for row in &largest.flows {
        let name = (BOLD, row.flow.clone().unwrap_or("?".to_owned()));
        table.row([name, (PLAIN, grouped(row.runs))].into_iter().chain(cells(&row.contents)));
    }
    table.render()
}

fn runs_text(largest: &Largest) -> String {
    let mut table = Table::new(&["run", "flow", "size", "events", "artifacts"]);
    for row in &largest.runs {
        let flow = (PLAIN, row.flow.clone().unwrap_or("?".to_owned()));
        table.row([(BOLD, row.flow_id.to_string()), flow].into_iter().chain(cells(&row.contents)));
    }
    table.render()
}

const PLAIN: Style = Style::new();

fn cells(contents: &Contents) -> [(Style, String); 3] {
    let of = |count, size| format!("{} in {}", grouped(count), bytes(size));
    [
        (PLAIN, bytes(contents.bytes())),
        (DIM, of(contents.events, contents.event_bytes)),
        (DIM, of(contents.artifacts, contents.artifact_bytes)),
    ]
}

fn json(url: &StoreUrl, status: &SchemaStatus, size: Option<&StoreSize>, largest: Option<&Largest>) -> Value {
    let mut json = json!({
        "store": url.to_string(),
        "applied": versions(&status.applied),
        "pending": versions(&status.pending),
        "obstacle": status.obstacle,
    });
    if let Some(size) = size {
        json["runs"] = size.runs.into();
        json["bytes"] = size.bytes().into();
        let tables = size.tables.iter().map(|table| {
            json!({
                "table": table.name,
                "rows": table.rows,
                "rows_are_estimated": table.is_estimate,
                "bytes": table.bytes,
                "index_bytes": table.index_bytes,
            })
        });
        json["tables"] = tables.collect();
    }
    if let Some(largest) = largest {
        let flows = largest.flows.iter().map(|flow| {
            let mut json = contents_json(&flow.contents);
            json["flow"] = flow.flow.clone().into();
            json["runs"] = flow.runs.into();
            json
        });
        json["largest_flows"] = flows.collect();
        let runs = largest.runs.iter().map(|run| {
            let mut json = contents_json(&run.contents);
            json["flow_id"] = run.flow_id.to_string().into();
            json["flow"] = run.flow.clone().into();
            json
        });
        json["largest_runs"] = runs.collect();
    }
    json
}

fn contents_json(contents: &Contents) -> Value {
    json!({
        "bytes": contents.bytes(),
        "events": contents.events,
        "event_bytes": contents.event_bytes,
        "artifacts": contents.artifacts,
        "artifact_bytes": contents.artifact_bytes,
    })
}

/// Formats a count with a comma between groups of three digits.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes_are_told_in_few_digits() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let sizes = [0, 999, 1_000, 99_940, 99_960, 999_400, 999_600, 3_000_000_000, 5_000_000_000_000_000];
        let expected = ["0 B", "999 B", "1.0 kB", "99.9 kB", "100 kB", "999 kB", "1.0 MB", "3.0 GB", "5000.0 TB"];
        assert_eq!(sizes.map(bytes), expected);
    }
}
