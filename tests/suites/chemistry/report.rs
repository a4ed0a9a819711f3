//! The report: what it shows, that it is safe to open, and that its fingerprint covers what it says. Its controls are in
//! `instrument`.

use std::path::Path;
use std::sync::Arc;

use chem_runtime::chemistry::{FilterMolecules, ReadMolecules, WriteReport};
use chem_runtime::engine::FlowEngine;
use chem_runtime::event::FlowEventKind;
use chem_runtime::fingerprint::ContentHash;
use chem_runtime::manifest;
use chem_runtime::report::RunReport;
use chem_runtime::step::{Expression, Registry, Step as _, StepExt as _};
use chem_runtime::store::{EventStore, InMemoryEventStore};
use chem_tests::browser;
use serde_json::{Value, json};

/// Names that would do harm in a page that took them for more than text.
const HOSTILE: &str = "smiles,name,activity
CC(=O)Oc1ccccc1C(=O)O,\"<script>document.title='owned'</script><img src=x onerror=alert(1)>\",7
CCO,\"\"\" onmouseover=\"\"alert(1)\",6
c1ccccc1,</article></main><h1>gone</h1>,5
CCN,,4
CCCl,heavy &amp; dull,1
CCBr,javascript:alert(1),1
C1CC,<b>broken</b>,9
CN(C)(C)(C)C,five bonds,9
";

fn engine(store: Arc<dyn EventStore>, directory: &Path, limit: &str) -> FlowEngine {
    let read = json!({ "path": "a.csv", "numbers": ["activity"] });
    let read = ReadMolecules::from_params(read.as_object().unwrap()).unwrap();
    let title = Some("</title><script>document.title='owned'</script>".to_owned());
    let report = json!({ "path": "a.html", "title": title, "notes": "a <i>note</i>" });
    let report = WriteReport::from_params(report.as_object().unwrap()).unwrap();
    std::fs::write(directory.join("a.csv"), HOSTILE).unwrap();
    FlowEngine::on(store)
        .directory(directory)
        .first_step(read.named("read").unwrap())
        .add_step(FilterMolecules { r#where: Expression::new(limit).unwrap() }.named("active").unwrap())
        .add_step(report.named("report").unwrap())
        .build()
        .unwrap()
}

fn page(limit: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    engine(Arc::new(InMemoryEventStore::new()), directory.path(), limit).run_to_end().unwrap();
    std::fs::read_to_string(directory.path().join("a.html")).unwrap()
}

#[test]
fn the_page_tells_what_was_read_removed_and_refused_and_how_to_repeat_it() {
    let page = page("activity >= 4");
    for told in [
        "<li><strong>4</strong> molecules</li><li><strong>8</strong> read</li>",
        "<li><strong>2</strong> removed</li><li><strong>2</strong> refused</li>",
        "<strong>2 removed</strong>",
        "<bdi>heavy &amp;amp; dull</bdi>, <bdi>javascript:alert(1)</bdi>",
        "activity &gt;= 4",
        "2 records refused",
        "unclosed ring",
        "is greater than permitted",
        "uses: molecules.filter",
        "Histogram of activity: 4 molecules, from 4 to 7, median 5.5",
    ] {
        assert!(page.contains(told), "the page does not have {told}");
    }
    assert_eq!(page.matches("<article").count(), 4);
}

#[test]
fn the_page_says_of_how_many_removed_molecules_nothing_was_known() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(Arc::new(InMemoryEventStore::new()), directory.path(), "activity >= 4");
    std::fs::write(directory.path().join("a.csv"), "smiles,activity\nC,9\nCC,1\nCCC,\nCCCC,\n").unwrap();
    engine.run_to_end().unwrap();
    let page = std::fs::read_to_string(directory.path().join("a.html")).unwrap();
    assert!(page.contains("<strong>3 removed</strong>, 2 of them have no `activity`"), "{page}");
}

/// The page that a flow of these steps writes to `a.html`, beside these files.
fn page_of(steps: &str, files: &[(&str, &str)]) -> String {
    run_of(&format!("flow: told\nsteps:\n{steps}"), files).0
}

/// The page that the flow of a manifest writes to `a.html`, beside these files, and its run.
fn run_of(manifest: &str, files: &[(&str, &str)]) -> (String, RunReport) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let path = directory.path().join("flow.yaml");
    std::fs::write(&path, manifest).unwrap();
    let checked = manifest::load(&path, &[], Registry::linked().unwrap());
    let definition = checked.definition.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let builder = FlowEngine::on(InMemoryEventStore::new());
    let engine = builder.directory(directory.path()).definition(definition);
    let flow_id = engine.run_to_end_default_flow().unwrap();
    let run = RunReport::of(flow_id, &engine.events_for(flow_id).unwrap()).unwrap();
    (std::fs::read_to_string(directory.path().join("a.html")).unwrap(), run)
}

/// The manifest that a page shows, with the files filled in by their hashes, and writing to `a.html`.
fn manifest_in(page: &str, files: &[(&str, &str)]) -> String {
    let (_, shown) = page.rsplit_once("<pre><code>").unwrap();
    let (shown, _) = shown.split_once("</code></pre>").unwrap();
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let mut shown = entities.iter().fold(shown.to_owned(), |text, (entity, character)| text.replace(entity, character));
    for (name, text) in files {
        let comment = format!("\"FILE.csv\"  # its SHA-256 is {}", ContentHash::of(text.as_bytes()));
        assert!(shown.contains(&comment), "{shown}");
        shown = shown.replace(&comment, name);
    }
    shown.replace("path: report.html", "path: a.html")
}

/// A flow with a step before the report, `between`, that nothing of the report comes from.
fn flow_with(between: &str) -> String {
    format!(
        r#"
flow: told-again
params: {{ least: 0.3, called: m9 }}
steps:
  - {{ id: read, uses: molecules.read, with: {{ path: a.csv, numbers: [activity] }} }}
  - {{ id: join, uses: table.join, with: {{ on: [name], file: b.csv }} }}
  - {{ id: keep, uses: molecules.filter, with: {{ where: "activity >= params.least && name != params.called" }} }}
{between}
  - id: report
    uses: report.write
    inputs: {{ molecules: keep }}
    with:
      path: a.html
      title: "A \"title\" for $${{this}}: <all> \u202e of it"
      notes: "one\nand # two"
      properties: [dose, activity]
      plots: [dose]
      limit: 2
      group: record
      highlight: "C[CH3]"
"#
    )
}

const MEASURED: [(&str, &str); 2] = [
    ("a.csv", "name,smiles,activity\nm1,C,0.1\nm2,CC,0.5\nm3,CCC,0.7\nm4,CCCC,\nm5,CCCCC,0.9\n"),
    ("b.csv", "name,dose\nm1,1\nm2,2\nm3,3\nm4,4\nm5,5\n"),
];

#[test]
fn the_manifest_on_the_page_gives_the_same_fingerprints_and_the_same_page() {
    let (page, run) = run_of(&flow_with(""), &MEASURED);
    let shown = manifest_in(&page, &MEASURED);
    let value = manifest::Manifest::read(&manifest::Source::new("page.yaml", &shown)).unwrap();
    assert_eq!(serde_yaml::from_str::<manifest::Manifest>(&shown).unwrap(), value);
    let (page_again, run_again) = run_of(&shown, &MEASURED);
    assert_eq!(page_again, page);
    assert_eq!(run_again.flow_fingerprint, run.flow_fingerprint);
    for (again, step) in run_again.steps.iter().zip(&run.steps) {
        assert_eq!((&again.id, again.fingerprint, &again.outputs), (&step.id, step.fingerprint, &step.outputs));
    }
}

#[test]
fn of_a_flow_with_another_sink_the_manifest_on_the_page_gives_the_same_results() {
    let sink = "  - { id: table, uses: table.write, with: { path: out.csv } }";
    let (page, run) = run_of(&flow_with(sink), &MEASURED);
    let (_, run_again) = run_of(&manifest_in(&page, &MEASURED), &MEASURED);
    for (again, step) in run_again.steps[..3].iter().zip(&run.steps) {
        assert_eq!((&again.id, &again.outputs), (&step.id, &step.outputs));
        assert_ne!(again.fingerprint, step.fingerprint);
    }
    let told = [
        "and no others. With the same files it gives the same results.",
        "if it had others, such as one that writes a table, the fingerprints differ",
    ];
    assert_tells(&page, &told);
}

#[test]
fn a_removed_molecule_without_a_value_may_be_gone_for_another_reason() {
    const STEPS: &str = r#"
  - { id: read, uses: molecules.read, with: { path: a.csv, numbers: [batch, lot] } }
  - { id: keep, uses: molecules.filter, with: { where: "batch > 4 && lot == 1" } }
  - { id: report, uses: report.write, with: { path: a.html } }
"#;
    let molecules = "smiles,batch,lot\nC,5,1\nCC,1,\nCCC,2,\nCCCC,3,1\nCCCCC,,1\n";
    let page = page_of(STEPS, &[("a.csv", molecules)]);
    assert_tells(&page, &["<strong>4 removed</strong>, 1 of them has no `batch`, 2 of them have no `lot`"]);
}

#[test]
fn small_values_are_not_shown_as_nothing() {
    const STEPS: &str = r#"
  - { id: read, uses: molecules.read, with: { path: a.csv, numbers: [ki] } }
  - { id: report, uses: report.write, with: { path: a.html } }
"#;
    let page = page_of(STEPS, &[("a.csv", "smiles,ki\nC,2.3e-9\nCC,0.00000125\nCCC,3.4e-5\n")]);
    let told = [
        "<dt>ki</dt><dd><bdi>2.3×10⁻⁹</bdi></dd>",
        "3 molecules, from 2.3×10⁻⁹ to 3.4×10⁻⁵, median 1.25×10⁻⁶",
        ">3.4×10⁻⁵</text>",
    ];
    assert_tells(&page, &told);
}

/// `m1` to `m12`, each with one carbon more than the one before.
fn chains() -> String {
    let chains: String = (1..=12).map(|carbons| format!("m{carbons},{}\n", "C".repeat(carbons))).collect();
    format!("name,smiles\n{chains}")
}

fn assert_tells(page: &str, told: &[&str]) {
    for told in told {
        assert!(page.contains(told), "the page does not have {told}");
    }
}

#[test]
fn rows_that_a_join_multiplies_do_not_hide_those_that_it_removes() {
    const STEPS: &str = r#"
  - { id: read, uses: molecules.read, with: { path: a.csv } }
  - { id: join, uses: table.join, with: { on: [name], file: assay.csv } }
  - { id: report, uses: report.write, with: { path: a.html } }
"#;
    let assay: String = (1..=6).map(|value| format!("m1,{value}\nm2,{value}\n")).collect();
    let (chains, assay) = (chains(), format!("name,activity\n{assay}"));
    let page = page_of(STEPS, &[("a.csv", chains.as_str()), ("assay.csv", assay.as_str())]);
    let names: Vec<String> = (3..=12).map(|carbons| format!("<bdi>m{carbons}</bdi>")).collect();
    let names = format!("<summary>What was removed</summary><p>{}</p>", names.join(", "));
    let told = [
        "<li><strong>12</strong> rows of 2 molecules</li><li><strong>12</strong> read</li><li><strong>10</strong> added</li>",
        "12 rows of 2 molecules, in the order of the table.",
        "Histogram of activity: 12 rows, from 1 to 6, median 3.5",
        "<li><strong>10</strong> removed</li><li><strong>0</strong> refused</li>",
        "<strong>10 removed</strong>, 10 added, as 2 molecules are in more rows than before",
        names.as_str(),
    ];
    assert_tells(&page, &told);
}

#[test]
fn of_a_molecule_in_several_rows_some_may_be_removed() {
    const STEPS: &str = r#"
  - { id: read, uses: molecules.read, with: { path: a.csv } }
  - { id: join, uses: table.join, with: { on: [name], file: assay.csv } }
  - { id: active, uses: molecules.filter, with: { where: "activity >= 4" } }
  - { id: report, uses: report.write, with: { path: a.html } }
"#;
    let assay = "name,activity\nm1,\nm1,1\nm1,4\nm1,5\nm2,1\nm2,\nm3,9\n";
    let page = page_of(STEPS, &[("a.csv", chains().as_str()), ("assay.csv", assay)]);
    let told = [
        "<li><strong>3</strong> rows of 2 molecules</li><li><strong>12</strong> read</li><li><strong>4</strong> added</li>",
        "<li><strong>13</strong> removed</li><li><strong>0</strong> refused</li>",
        "<strong>9 removed</strong>, 4 added, as 2 molecules are in more rows than before",
        "<strong>4 removed</strong>, 2 of them have no `activity`, 2 of them rows of molecules of which others went on",
        "<summary>What was removed</summary><p><bdi>m2</bdi></p>",
    ];
    assert_tells(&page, &told);
}

#[test]
fn the_head_counts_what_is_on_the_path_from_the_source_to_the_page() {
    const STEPS: &str = r#"
  - { id: read, uses: molecules.read, with: { path: a.csv } }
  - { id: once, uses: molecules.deduplicate }
  - { id: few, uses: molecules.sample, with: { count: 3 } }
  - { id: rest, uses: table.join, inputs: { left: once, right: few }, with: { on: [record], how: anti } }
  - { id: report, uses: report.write, with: { path: a.html } }
"#;
    let molecules = chains().replace(",CC\n", ",C\n").replace(",CCC\n", ",C\n").replace(",CCCC\n", ",C\n");
    let page = page_of(STEPS, &[("a.csv", molecules.as_str())]);
    let told = [
        "<li><strong>6</strong> molecules</li><li><strong>12</strong> read</li>",
        "<li><strong>6</strong> removed</li><li><strong>0</strong> refused</li>",
        // The other branch is told of below.
        "<strong>6 removed</strong>",
    ];
    assert_tells(&page, &told);
}

#[test]
fn what_a_step_on_the_way_refuses_is_not_removed_besides() {
    const STEPS: &str = r#"
  - { id: read, uses: molecules.read, with: { path: a.csv } }
  - { id: standard, uses: molecules.standardize, with: { operations: [canonical_tautomer] } }
  - { id: report, uses: report.write, with: { path: a.html } }
"#;
    let molecules = format!("{}long,{}\nbroken,C1CC\n", chains(), "C".repeat(151));
    let page = page_of(STEPS, &[("a.csv", molecules.as_str())]);
    let told = [
        "<li><strong>12</strong> molecules</li><li><strong>14</strong> read</li>",
        "<li><strong>0</strong> removed</li><li><strong>2</strong> refused</li>",
    ];
    assert_tells(&page, &told);
    assert!(!page.contains("What was removed"));
}

#[test]
fn names_stay_text_and_nothing_is_loaded() {
    let page = page("activity >= 0");
    let outside = ["src=\"http", "href=\"http", "url(", "@import"];
    // The page has one script of its own.
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (1, 1));
    let foreign = ["<b>broken", "<h1>gone", "onmouseover=\"alert", "<img src=x", "<i>note"];
    for never in outside.into_iter().chain(foreign) {
        assert!(!page.contains(never), "the page has {never}");
    }
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    let policy = policy.replace("&#39;", "'");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
}

#[test]
fn no_text_of_a_flow_or_a_file_becomes_markup() {
    // What an HTML parser would act on, or a reader would not see.
    const EVIL: &str = r#"<q>'&\""#;
    let column = format!("mass {EVIL}\u{202e}");
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let csv = format!(
        "smiles,name,{},{}\nCCO,{},7,1\nCCN,{},3,1\nC1CC,{},9,{}\n",
        quoted(&column),
        quoted(&format!("other {EVIL}")),
        quoted(&format!("kept {EVIL}")),
        quoted(&format!("removed {EVIL}")),
        quoted(&format!("refused {EVIL}")),
        quoted(&format!("cell {EVIL}")),
    );
    let text = |text: &str| Value::from(text).to_string();
    let condition = format!("row[{}] > params.least && name != params.called", text(&column));
    let manifest = format!(
        r#"
flow: evil
params: {{ least: 5, called: {called} }}
steps:
  - {{ id: read, uses: molecules.read, with: {{ path: a.csv, numbers: [{column}] }} }}
  - {{ id: keep, uses: molecules.filter, with: {{ where: {condition} }} }}
  - {{ id: report, uses: report.write, with: {{ path: a.html, title: {title}, notes: {notes} }} }}
"#,
        called = text(&format!("called {EVIL}")),
        column = text(&column),
        condition = text(&condition),
        title = text(&format!("title {EVIL}")),
        notes = text(&format!("notes {EVIL}")),
    );
    let page = run_of(&manifest, &[("a.csv", csv.as_str())]).0;
    assert!(!page.contains("<q>") && !page.contains('\u{202e}'));
    let safe = "&lt;q&gt;&#39;&amp;\\&quot;";
    for name in ["title", "notes", "kept", "removed", "refused", "mass", "other"] {
        assert!(page.contains(&format!("{name} {safe}")), "the page does not have {name} {safe}");
    }
}

#[test]
fn the_same_flow_writes_the_same_page_and_says_nothing_of_place_and_time() {
    let directory = tempfile::tempdir().unwrap();
    let write = || {
        engine(Arc::new(InMemoryEventStore::new()), directory.path(), "activity >= 4").run_to_end().unwrap();
        std::fs::read_to_string(directory.path().join("a.html")).unwrap()
    };
    let (one, other) = (write(), page("activity >= 4"));
    assert_eq!(one, other);
    assert!(!one.contains(&directory.path().display().to_string()));
}

#[test]
fn the_fingerprint_covers_what_the_page_tells_of_earlier_steps() {
    // Both conditions let the same molecules through, so only the history differs.
    let fingerprints = ["activity >= 4", "activity > 3.5"].map(|limit| {
        let directory = tempfile::tempdir().unwrap();
        let engine = engine(Arc::new(InMemoryEventStore::new()), directory.path(), limit);
        engine.run_to_end().unwrap();
        let events = engine.events().unwrap();
        let mut started = events.iter().filter_map(|event| match &event.kind {
            FlowEventKind::StepStarted(started) if started.step_id == "report" => Some(started.clone()),
            _ => None,
        });
        let started = started.next().unwrap();
        // What it was told is in the store, under the hash that the log has.
        let history =
            engine.event_store().read_artifact(started.inputs["history"]).unwrap().unwrap().payload().unwrap();
        assert_eq!(history["steps"][1]["params"]["where"], Value::from(limit));
        assert_eq!(history["steps"].as_array().unwrap().len(), 2);
        (started.inputs["molecules"], started.fingerprint)
    });
    assert_eq!(fingerprints[0].0, fingerprints[1].0);
    assert_ne!(fingerprints[0].1, fingerprints[1].1);
}

#[test]
fn a_column_that_cannot_be_shown_is_one_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    for (key, value, words) in [
        ("properties", "mass", ["`mass`", "`activity`"]),
        ("plots", "name", ["`name`", "`activity`"]),
        ("group", "activity", ["`activity`", "`record`"]),
    ] {
        let params = json!({ "path": "b.html", key: if key == "group" { json!(value) } else { json!([value]) } });
        let report = WriteReport::from_params(params.as_object().unwrap()).unwrap();
        std::fs::write(directory.path().join("a.csv"), HOSTILE).unwrap();
        let read = crate::bench::read("a.csv", &[("numbers", json!(["activity"]))]);
        let molecules = crate::bench::run(&read, directory.path(), &[]).unwrap().remove(0);
        let said = crate::bench::run(&report, directory.path(), &[("molecules", &molecules)]).unwrap_err().to_string();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!directory.path().join("b.html").exists());
    }
}

/// Opens the report in a frame and says what a reader would see. Its own script may run, and so may that of the report.
const LOOK: &str = r#"<!doctype html><title>look</title>
<iframe id="report" src="a.html" width="1200" height="900"></iframe><pre id="seen"></pre>
<script>
window.onload = async () => {
  const frame = document.getElementById("report"), page = frame.contentDocument, seen = {};
  await Promise.all([...page.images].map((image) => image.decode().catch(() => null)));
  const all = (selector) => [...page.querySelectorAll(selector)];
  seen.title = page.title;
  seen.headings = all("h1").map((heading) => heading.textContent);
  seen.names = all(".card h3").map((heading) => heading.textContent);
  seen.pictures = [...page.images].filter((image) => image.complete && image.naturalWidth === 280 && image.alt).length;
  seen.bars = all("rect.now").filter((bar) => bar.getBoundingClientRect().height > 1).length;
  seen.dangling = all("a").map((link) => link.getAttribute("href")).filter((href) => !page.querySelector(href));
  seen.loaded = frame.contentWindow.performance.getEntriesByType("resource")
    .map((resource) => resource.name).filter((name) => !name.startsWith("data:"));
  seen.scripts = page.scripts.length;
  seen.handlers = all("*").filter((element) => [...element.attributes].some((at) => at.name.startsWith("on"))).length;
  const widths = {};
  for (const width of [1200, 700, 380]) {
    frame.width = width;
    const root = page.documentElement;
    widths[width] = root.scrollWidth <= root.clientWidth;
  }
  seen.fits = widths;
  seen.small = all("p, dd, dt, h3, li, td").filter((element) =>
    element.textContent.trim() && parseFloat(frame.contentWindow.getComputedStyle(element).fontSize) < 11).length;
  document.getElementById("seen").textContent = "SEEN" + JSON.stringify(seen) + "END";
};
</script>"#;

#[test]
fn a_browser_shows_it_whole_and_runs_no_name() {
    let directory = tempfile::tempdir().unwrap();
    engine(Arc::new(InMemoryEventStore::new()), directory.path(), "activity >= 4").run_to_end().unwrap();
    std::fs::write(directory.path().join("look.html"), LOOK).unwrap();
    let Some(document) = browser::document(&directory.path().join("look.html")) else { return };
    let seen = document.split("<pre id=\"seen\">SEEN").nth(1).and_then(|rest| rest.split("END</pre>").next());
    let seen = seen.unwrap_or_else(|| panic!("the page was not looked at: {document}"));
    let seen = seen.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let seen: Value = serde_json::from_str(&seen).unwrap();
    let expected = json!({
        "title": "</title><script>document.title='owned'</script>",
        "headings": ["</title><script>document.title='owned'</script>"],
        "names": [
            "<script>document.title='owned'</script><img src=x onerror=alert(1)>",
            "\" onmouseover=\"alert(1)",
            "</article></main><h1>gone</h1>",
            "CCN",
        ],
        "pictures": 4,
        "bars": 4,
        "dangling": [],
        "loaded": [],
        "scripts": 1,
        "handlers": 0,
        "fits": { "1200": true, "700": true, "380": true },
        "small": 0,
    });
    assert_eq!(seen, expected);
}
