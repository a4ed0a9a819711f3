//! An artifact: the rows of a table, a window at a time, or another value as text.

use askama::Template;
use serde_json::{Value, json};

use super::frame::{Clipped, Frame, encoded, query, shown};
use super::reply::{Page, Refusal, Reply};
use super::view::{View, Wanted};
use super::{Asked, Explorer, PICTURE};
use crate::artifact::{Artifact, Column, ColumnType, TableRoot};
use crate::store::StoredArtifacts;
use crate::workbench::find_artifact;

/// The number of rows on a page.
const WINDOW: usize = 50;
/// The column from which structures are drawn.
const SMILES: &str = "smiles";
/// The column with the number of a record in its file.
const RECORD: &str = "record";
/// The longest value to show that is not a table, in characters.
const SHOWN: usize = 60_000;

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Query {
    /// The number of the first row to show, from 1.
    from: Option<usize>,
    sort: String,
    descending: bool,
    r#where: String,
    /// The run from whose page the table was opened.
    run: String,
    /// The output of that run which is the table, as `step.output`.
    of: String,
}

/// Shows the artifact called `hash`.
pub(super) fn page(explorer: &Explorer, asked: &Asked<'_>, hash: &str) -> Result<Reply, Refusal> {
    let artifact = find_artifact(explorer.store.as_ref(), hash)?;
    let short = artifact.hash().short();
    let title = format!("{} {short}", artifact.kind());
    if TableRoot::of(&artifact).is_err() {
        let frame = explorer.frame(asked, title, &["artifact", &short]);
        return Reply::page(&ValuePage::new(frame, &artifact)?, asked.form);
    }
    let given: Query = asked.query()?;
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let wanted = Wanted { sort: some(&given.sort), descending: given.descending, condition: some(&given.r#where) };
    let source = StoredArtifacts(explorer.store.as_ref());
    let frame = explorer.frame(asked, title, &["artifact", &short, "--rows"]);
    // What is wrong with a question is said above the table, so that it can be corrected.
    let (view, wrong) = match explorer.views.of(&artifact, &wanted, &source) {
        Err(refusal) if refusal.is_of_question() => {
            (explorer.views.of(&artifact, &Wanted::default(), &source)?, Some(refusal))
        }
        view => (view?, None),
    };
    let asked_for = AskedFor { wanted, run: some(&given.run), of: some(&given.of) };
    if let Some(refusal) = wrong {
        let page = TablePage::new(frame, &artifact, &view, 1, asked_for, Some(refusal.in_words()))?;
        return Reply::wrong_page(&page, asked.form);
    }
    Reply::page(&TablePage::new(frame, &artifact, &view, given.from.unwrap_or(1), asked_for, None)?, asked.form)
}

#[derive(Template)]
#[template(path = "table.html")]
struct TablePage {
    frame: Frame,
    hash: String,
    kind: String,
    heads: Vec<Head>,
    rows: Vec<Row>,
    /// The number of rows that meet the condition, and of all rows.
    count: (usize, usize),
    /// The numbers of the first and last row on the page, from 1.
    range: (usize, usize),
    links: Vec<(&'static str, String)>,
    wanted: Wanted,
    run: Option<String>,
    /// The output of the run which is the table.
    of: Option<String>,
    /// The address of the table without conditions.
    whole: String,
    wrong: Option<String>,
    is_drawn: bool,
    json: Value,
}

/// What the page shows, which its links keep.
struct AskedFor {
    wanted: Wanted,
    run: Option<String>,
    of: Option<String>,
}

struct Head {
    name: String,
    unit: Option<String>,
    /// What computed the column, for a title.
    provider: Option<String>,
    is_number: bool,
    /// The address that sorts by the column.
    href: String,
    /// `ascending`, `descending` or `none`, as browsers tell it.
    sorted: &'static str,
}

struct Row {
    /// The number of the row in the table, from 1.
    number: usize,
    /// The address that says what became of the record, or from which records the row comes if it has no number of its own;
    /// `None` if the run is not known.
    trace: Option<String>,
    /// The address of the drawing.
    picture: Option<String>,
    /// The cells, `None` where a value is missing.
    cells: Vec<(Option<Clipped>, bool)>,
}

impl TablePage {
    /// Returns whether the page is not simply the table.
    fn is_narrowed(&self) -> bool {
        self.wanted != Wanted::default()
    }

    fn new(
        frame: Frame,
        artifact: &Artifact,
        view: &View<'_>,
        from: usize,
        asked: AskedFor,
        wrong: Option<String>,
    ) -> Result<Self, Refusal> {
        let (count, all) = (view.rows(), view.all_rows());
        let first = from.clamp(1, count.max(1)) - 1;
        let (indices, table) = view.window(first, WINDOW)?;
        let columns = table.columns();
        let smiles = columns.iter().position(|column| &*column.name == SMILES && column.ty == ColumnType::Text);
        let drawn = |row: usize| {
            let smiles = table.data(smiles?)?.json(row);
            Some(format!("/depict.svg?smiles={}", encoded(smiles.as_str()?)))
        };
        let record = columns.iter().position(|column| &*column.name == RECORD && column.ty == ColumnType::Integer);
        let traced = |row: usize, number: usize| {
            let run = encoded(asked.run.as_deref()?);
            match (record, &asked.of) {
                (Some(record), _) => {
                    let record = table.data(record)?.json(row).as_u64()?;
                    Some(format!("/runs/{run}/trace?record={record}"))
                }
                (None, Some(of)) => Some(format!("/runs/{run}/trace?row={number}&of={}", encoded(of))),
                (None, None) => None,
            }
        };
        let cell = |row: usize, index: usize| {
            let value = table.data(index).map_or(Value::Null, |data| data.json(row));
            let is_number = columns.get(index).is_some_and(is_number);
            ((!value.is_null()).then(|| shown(&value)), is_number)
        };
        let rows = indices.iter().enumerate().map(|(row, index)| Row {
            number: index + 1,
            trace: traced(row, index + 1),
            picture: drawn(row),
            cells: (0..columns.len()).map(|index| cell(row, index)).collect(),
        });
        let json_rows: Vec<Value> = (0..table.rows()).map(|row| Value::Array(table.row(row))).collect();
        let json = json!({
            "hash": artifact.hash(),
            "kind": artifact.kind(),
            "columns": columns,
            "count": count,
            "all": all,
            "from": first + 1,
            "numbers": indices.iter().map(|index| index + 1).collect::<Vec<_>>(),
            "rows": json_rows,
            "error": wrong,
        });
        Ok(Self {
            hash: artifact.hash().to_string(),
            kind: artifact.kind().to_owned(),
            heads: columns.iter().map(|column| Head::new(column, &asked)).collect(),
            rows: rows.collect(),
            count: (count, all),
            range: (if count == 0 { 0 } else { first + 1 }, first + table.rows()),
            links: links(first, count, &asked),
            whole: asked.address_of(None, &Wanted::default()),
            is_drawn: smiles.is_some(),
            frame,
            wanted: asked.wanted,
            run: asked.run,
            of: asked.of,
            wrong,
            json,
        })
    }
}

impl Head {
    fn new(column: &Column, asked: &AskedFor) -> Self {
        let wanted = &asked.wanted;
        let name = column.name.to_string();
        let is_key = wanted.sort.as_deref() == Some(&*name);
        let descending = is_key && !wanted.descending;
        let next = Wanted { sort: Some(name.clone()), descending, condition: wanted.condition.clone() };
        let sorted = match (is_key, wanted.descending) {
            (false, _) => "none",
            (true, false) => "ascending",
            (true, true) => "descending",
        };
        let (unit, provider) = (column.unit.clone(), column.provider.clone());
        Self { name, unit, provider, is_number: is_number(column), href: asked.address_of(None, &next), sorted }
    }
}

fn is_number(column: &Column) -> bool {
    matches!(column.ty, ColumnType::Integer | ColumnType::Float)
}

impl AskedFor {
    /// Returns the query of the page that begins with the row `from`.
    fn address(&self, from: Option<usize>) -> String {
        self.address_of(from, &self.wanted)
    }

    /// Returns the query of the page of other rows that begins with the row `from`.
    fn address_of(&self, from: Option<usize>, wanted: &Wanted) -> String {
        let query = query(&[
            ("run", self.run.clone()),
            ("of", self.of.clone()),
            ("sort", wanted.sort.clone()),
            ("descending", wanted.descending.then(|| "true".to_owned())),
            ("where", wanted.condition.clone()),
            ("from", from.map(|from| from.to_string())),
        ]);
        if query.is_empty() { "?".to_owned() } else { query }
    }
}

/// Returns the links to the other pages of the table.
fn links(first: usize, count: usize, asked: &AskedFor) -> Vec<(&'static str, String)> {
    let mut links = Vec::new();
    if first > 0 {
        links.push(("First", asked.address(None)));
        links.push(("Previous", asked.address(Some(first.saturating_sub(WINDOW) + 1))));
    }
    if first + WINDOW < count {
        links.push(("Next", asked.address(Some(first + WINDOW + 1))));
        links.push(("Last", asked.address(Some(count - (count - 1) % WINDOW))));
    }
    links
}

impl Page for TablePage {
    fn json(&self) -> Value {
        self.json.clone()
    }
}

#[derive(Template)]
#[template(path = "value.html")]
struct ValuePage {
    frame: Frame,
    hash: String,
    kind: String,
    payload: Clipped,
    json: Value,
}

impl ValuePage {
    fn new(frame: Frame, artifact: &Artifact) -> Result<Self, Refusal> {
        let payload = artifact.payload()?;
        let pretty = serde_json::to_string_pretty(&payload).unwrap_or_else(|_| artifact.payload_text().to_owned());
        let (hash, kind) = (artifact.hash().to_string(), artifact.kind().to_owned());
        let json = json!({"hash": hash, "kind": kind, "payload": payload, "metadata": artifact.metadata()});
        Ok(Self { frame, hash, kind, payload: Clipped::at(pretty, SHOWN), json })
    }
}

impl Page for ValuePage {
    fn json(&self) -> Value {
        self.json.clone()
    }
}
