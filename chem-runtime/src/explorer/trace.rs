//! What became of a record in a run: where it was read, each step that it passed, and the step that dropped it.

use askama::Template;
use serde_json::Value;

use super::frame::{Frame, encoded};
use super::reply::{Page, Refusal, Reply};
use super::{Asked, Explorer, PICTURE};
use crate::flow::replay;
use crate::step::Registry;
use crate::workbench::{Ancestry, InWords, RecordTrace, Wanted, ancestry, trace};

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Query {
    name: String,
    record: Option<u64>,
    smiles: String,
    inchi_key: String,
    row: Option<u64>,
    of: String,
}

impl Query {
    /// Returns what is wanted, with the words of a command that name it.
    fn wanted(self) -> Result<(Wanted, Vec<String>), Refusal> {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let Self { name, record, smiles, inchi_key, .. } = self;
        if let Some(name) = some(name) {
            // A name may begin like an option.
            let dashes = name.starts_with('-').then(|| "--".to_owned());
            return Ok((Wanted::Name(name.clone()), dashes.into_iter().chain([name]).collect()));
        }
        if let Some(record) = record {
            return Ok((Wanted::Record(record), vec!["--record".to_owned(), record.to_string()]));
        }
        if let Some(smiles) = some(smiles) {
            return Ok((Wanted::Smiles(smiles.clone()), vec![format!("--smiles={smiles}")]));
        }
        match some(inchi_key) {
            Some(key) => Ok((Wanted::InchiKey(key.clone()), vec![format!("--inchi-key={key}")])),
            None => Err(Refusal::wrong("name a record: its `name`, `record`, `smiles` or `inchi_key`; or a `row`")),
        }
    }

    /// Returns the row that is to be followed back and the step that has it, with the words of a command that name them.
    fn row(&self) -> Option<(u64, Option<String>, Vec<String>)> {
        let row = self.row?;
        let of = Some(self.of.clone()).filter(|of| !of.is_empty());
        let named = of.iter().flat_map(|of| ["--of".to_owned(), of.clone()]);
        Some((row, of.clone(), ["--row".to_owned(), row.to_string()].into_iter().chain(named).collect()))
    }
}

/// Follows a record through the run called `id`, or a row of a result back to its records.
pub(super) fn page(explorer: &Explorer, asked: &Asked<'_>, id: &str) -> Result<Reply, Refusal> {
    let query = asked.query::<Query>()?;
    let (flow_id, events) = explorer.run(id)?;
    let instance = replay(flow_id, &events)?;
    let store = explorer.store.as_ref();
    let registry = Registry::linked().map_err(|error| Refusal::failed(error.to_string()))?;
    let directory = instance.initialized().and_then(|it| it.environment.directory.clone()).unwrap_or_default();
    let files = explorer.files(&directory);
    let (records, more, json, named) = match query.row() {
        Some((row, of, named)) => {
            let found = ancestry(store, registry, &instance, &events, &files, of.as_deref(), row)?;
            (vec![Followed::back(&found, found.place())], found.more, found.to_json(), named)
        }
        None => {
            let (wanted, named) = query.wanted()?;
            let trace = trace(store, registry, &instance, &events, &files, &wanted)?;
            (trace.records.iter().map(Followed::new).collect(), trace.more, trace.to_json(), named)
        }
    };
    let run = flow_id.to_string();
    let command: Vec<&str> = ["trace", &run].into_iter().chain(named.iter().map(String::as_str)).collect();
    let flow = instance.initialized().map_or("?", |begun| begun.flow.as_str()).to_owned();
    let page = TracePage {
        frame: explorer.frame(asked, format!("A record of {flow}"), &command),
        run,
        flow,
        records,
        more,
        json,
    };
    Reply::page(&page, asked.form)
}

#[derive(Template)]
#[template(path = "trace.html")]
struct TracePage {
    frame: Frame,
    run: String,
    flow: String,
    records: Vec<Followed>,
    more: usize,
    json: Value,
}

/// A record with the steps that it reached.
struct Followed {
    place: String,
    /// The address of the drawing.
    picture: Option<String>,
    steps: Vec<Reached>,
}

struct Reached {
    step: String,
    href: String,
    uses: String,
    words: InWords,
}

impl Followed {
    /// Returns the way of a row back to its records.
    fn back(Ancestry { steps, sources, values, .. }: &Ancestry, place: String) -> Self {
        let later = steps.iter().map(|step| reached(&step.step, &step.uses, step.words()));
        let read = sources.iter().map(|origin| {
            let words = InWords { end: None, text: format!("{}: {}", origin.place(), origin.words().plain()) };
            reached(&origin.step, &origin.uses, words)
        });
        let smiles = values.get("smiles").and_then(Value::as_str);
        Self { place, picture: smiles.map(depicted), steps: later.chain(read).collect() }
    }

    fn new(RecordTrace { origin, steps }: &RecordTrace) -> Self {
        let read = reached(&origin.step, &origin.uses, origin.words());
        let later = steps.iter().map(|step| reached(&step.step, &step.uses, step.words()));
        let smiles = origin.values.get("smiles").and_then(Value::as_str).filter(|_| origin.rejected.is_none());
        Self {
            place: origin.place(),
            picture: smiles.map(depicted),
            steps: std::iter::once(read).chain(later).collect(),
        }
    }
}

fn reached(step: &str, uses: &str, words: InWords) -> Reached {
    Reached { step: step.to_owned(), href: format!("steps/{}", encoded(step)), uses: uses.to_owned(), words }
}

/// Returns the address of the drawing of a molecule.
fn depicted(smiles: &str) -> String {
    format!("/depict.svg?smiles={}", encoded(smiles))
}

impl Page for TracePage {
    fn json(&self) -> Value {
        self.json.clone()
    }
}
