//! The report in the hands of a reader: each control of the page, used with the mouse and the keyboard of a real browser.

use std::path::Path;

use chem_runtime::engine::FlowEngine;
use chem_runtime::manifest;
use chem_runtime::step::Registry;
use chem_runtime::store::InMemoryEventStore;
use chem_tests::axe;
use chem_tests::browser::Browser;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Six molecules with a whole number that a script would round, a number that may be missing, and a text. Their names are
/// what a page or a spreadsheet might take for more than text.
const LIBRARY: [(&str, &str, &str, &str, &str); 6] = [
    ("CCO", "<script>document.title='owned'</script>", "9007199254740993", "0.5", "polar"),
    ("c1ccccc1", "\"'\" onmouseover=\"alert(1)", "3", "2.25", "ring"),
    ("CCCCCC", "=1+1", "9007199254740992", "", "chain"),
    ("CC(=O)O", "</template></article><h1>gone</h1>", "5", "-0.125", "polar"),
    ("C1CC1", "{{ 7 }}, \u{202e}evil\u{1b}[31m", "1", "1.1", "ring"),
    ("CCN", "-1.5", "4", "0.1", ""),
];

/// Writes the page of a flow that reads the library, with these parameters of the report.
fn written(params: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let line = |(smiles, name, whole, number, kind): &(&str, &str, &str, &str, &str)| {
        format!("{smiles},{},{whole},{number},{kind}\n", quoted(name))
    };
    let library: String = LIBRARY.iter().map(line).collect();
    std::fs::write(directory.path().join("a.csv"), format!("smiles,name,whole,number,kind\n{library}")).unwrap();
    run(
        directory.path(),
        &format!(
            "flow: instrument\nsteps:\n  - {{ id: read, uses: molecules.read, with: {{ path: a.csv, types: {{ whole: \
             integer, number: float }} }} }}\n  - {{ id: table, uses: table.write, with: {{ path: all.csv }} }}\n  - {{ id: \
             plain, uses: table.write, inputs: {{ table: read }}, with: {{ path: plain.csv, escape_formulas: true }} }}\n  - \
             {{ id: smiles, uses: molecules.write, inputs: {{ molecules: read }}, with: {{ path: all.smi }} }}\n  - {{ id: \
             report, uses: report.write, inputs: {{ molecules: read }}, with: {{ path: a.html{params} }} }}\n"
        ),
    );
    directory
}

fn run(directory: &Path, text: &str) {
    let path = directory.join("flow.yaml");
    std::fs::write(&path, text).unwrap();
    let checked = manifest::load(&path, &[], Registry::linked().unwrap());
    let definition = checked.definition.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let builder = FlowEngine::on(InMemoryEventStore::new());
    builder.directory(directory).definition(definition).run_to_end_default_flow().unwrap();
}

/// A browser that shows the page.
struct Reader {
    browser: Browser,
    directory: TempDir,
}

impl Reader {
    fn of(directory: TempDir) -> Option<Self> {
        let mut browser = Browser::start()?;
        browser.show_as(1200, 900, false);
        browser.save_into(directory.path());
        browser.visit(&format!("file://{}", directory.path().join("a.html").display()));
        Some(Self { browser, directory })
    }

    /// Returns the SMILES of the molecules that are shown, in their order.
    fn shown(&mut self) -> Vec<String> {
        let shown = self.browser.evaluate(
            "[...document.querySelectorAll('.card')].filter((card) => card.checkVisibility()).map((card) => \
             card.querySelector('code').textContent)",
        );
        serde_json::from_value(shown).unwrap()
    }

    /// Chooses the option with this text, with the arrow keys, in the field whose label begins with `label`.
    #[track_caller]
    fn choose(&mut self, label: &str, option: &str) {
        let field = format!(
            "[...document.querySelectorAll('label')].find((it) => \
             it.textContent.startsWith('{label}')).querySelector('select')"
        );
        let options = self.browser.evaluate(&format!("[...{field}.options].map((option) => option.textContent)"));
        let options: Vec<String> = serde_json::from_value(options).unwrap();
        let wanted = options.iter().position(|found| found == option).unwrap_or_else(|| panic!("{options:?}"));
        let chosen = self.browser.evaluate(&format!("{field}.focus(), {field}.selectedIndex"));
        let chosen = usize::try_from(chosen.as_u64().unwrap()).unwrap();
        for _ in 0..wanted.abs_diff(chosen) {
            self.browser.press(if wanted > chosen { "ArrowDown" } else { "ArrowUp" });
        }
        assert_eq!(self.browser.evaluate(&format!("{field}.selectedIndex")), wanted);
    }

    /// Presses the button that says this.
    fn press_button(&mut self, text: &str) {
        self.mark("button", text);
        self.browser.click("[data-test]");
    }

    /// Marks the first element whose text begins with `text`.
    #[track_caller]
    fn mark(&mut self, tag: &str, text: &str) {
        let found = self.browser.evaluate(&format!(
            "(() => {{ document.querySelector('[data-test]')?.removeAttribute('data-test'); const it = \
             [...document.querySelectorAll('{tag}')].find((it) => it.textContent.trim().startsWith({})); \
             it?.setAttribute('data-test', ''); return it !== undefined; }})()",
            Value::from(text)
        ));
        assert_eq!(found, true, "no {tag} says {text}");
    }

    /// Returns what the status says.
    fn status(&mut self) -> String {
        self.browser.evaluate("document.querySelector('[role=status]').textContent").as_str().unwrap().to_owned()
    }

    /// Returns the content of a file that the page has saved, and removes it.
    fn saved(&mut self, name: &str) -> String {
        let path = self.directory.path().join(name);
        for _ in 0..600 {
            if let Ok(text) = std::fs::read_to_string(&path)
                && !text.is_empty()
            {
                std::fs::remove_file(&path).unwrap();
                return text;
            }
            // The browser writes the file when it likes.
            self.browser.evaluate("new Promise((resolve) => setTimeout(resolve, 50))");
        }
        panic!("{name} was not saved");
    }

    fn expected(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    /// Checks that the page asked for nothing and that the browser complained about nothing.
    #[track_caller]
    fn end(mut self) {
        let visit = self.browser.since();
        assert!(visit.complaints.is_empty(), "{visit:?}");
        let page = format!("file://{}", self.directory.path().join("a.html").display());
        let own = |url: &&String| **url == page || url.starts_with("data:image/svg+xml,") || url.starts_with("blob:");
        let outside: Vec<&String> = visit.requests.iter().filter(|url| !own(url)).collect();
        assert!(outside.is_empty(), "{outside:?}");
        assert_eq!(self.browser.evaluate("document.title"), "instrument");
    }
}

#[test]
fn molecules_are_searched_sorted_and_grouped() {
    let Some(mut reader) = Reader::of(written("")) else { return };
    let all = ["CCO", "c1ccccc1", "CCCCCC", "CC(=O)O", "C1CC1", "CCN"];
    assert_eq!(reader.shown(), all);
    assert_eq!(reader.status(), "6 of 6 shown, 0 selected.");

    reader.choose("Sort by", "number");
    // A missing value comes last in both directions.
    assert_eq!(reader.shown(), ["CC(=O)O", "CCN", "CCO", "C1CC1", "c1ccccc1", "CCCCCC"]);
    reader.mark("label", "descending");
    reader.browser.click("[data-test] input");
    assert_eq!(reader.shown(), ["c1ccccc1", "C1CC1", "CCO", "CCN", "CC(=O)O", "CCCCCC"]);
    // Neighbours above 2^53 are told apart.
    reader.choose("Sort by", "whole");
    assert_eq!(reader.shown()[..2], ["CCO", "CCCCCC"]);

    reader.choose("Group by", "kind");
    assert_eq!(reader.shown(), ["CCO", "CC(=O)O", "c1ccccc1", "C1CC1", "CCCCCC", "CCN"]);
    let headings = reader.browser.evaluate("[...document.querySelectorAll('.group')].map((it) => it.textContent)");
    assert_eq!(headings, json!(["kind polar 2", "kind ring 2", "kind chain 1", "kind (none) 1"]));

    reader.browser.fill("input[type=search]", "SCRIPT");
    assert_eq!(reader.shown(), ["CCO"]);
    let headings = "[...document.querySelectorAll('.group')].filter((it) => it.checkVisibility()).length";
    assert_eq!(reader.browser.evaluate(headings), 1);
    assert_eq!(reader.status(), "1 of 6 shown, 0 selected.");
    reader.press_button("Reset");
    assert_eq!(reader.shown(), all);
    reader.end();
}

#[test]
fn a_range_is_typed_or_dragged_in_a_histogram() {
    let Some(mut reader) = Reader::of(written(", plots: [number]")) else { return };
    let (from, to) = ("[aria-label='number: from']", "[aria-label='number: to']");
    reader.browser.fill(from, "0.1");
    // Both ends belong to the range, and a missing value to none.
    assert_eq!(reader.shown(), ["CCO", "c1ccccc1", "C1CC1", "CCN"]);
    reader.browser.press("Tab");
    assert_eq!(reader.browser.evaluate("document.activeElement.ariaLabel"), "number: to");
    reader.browser.fill(to, "1.1");
    assert_eq!(reader.shown(), ["CCO", "C1CC1", "CCN"]);
    reader.browser.fill(from, "");
    assert_eq!(reader.shown(), ["CCO", "CC(=O)O", "C1CC1", "CCN"]);
    let width = "document.querySelector('rect.range').getBoundingClientRect().width";
    assert!(reader.browser.evaluate(width).as_f64().unwrap() > 10.0);

    reader.browser.drag("#plots svg", 0.5, 1.0);
    assert_eq!(reader.shown(), ["c1ccccc1", "C1CC1"]);
    let value = reader.browser.evaluate(&format!("Number(document.querySelector(\"{from}\").value)"));
    assert!((0.8..1.1).contains(&value.as_f64().unwrap()), "{value}");
    reader.browser.click("#plots svg");
    assert_eq!(reader.shown().len(), 6);
    assert_eq!(reader.browser.evaluate(width), 0);
    reader.end();
}

#[test]
fn what_is_saved_is_what_the_steps_write() {
    let Some(mut reader) = Reader::of(written("")) else { return };
    reader.press_button("Save 6 shown as CSV");
    let (all, found) = (reader.expected("all.csv"), reader.saved("molecules.csv"));
    assert_eq!(found, all);
    assert!(all.contains("9007199254740993") && all.contains("\n=1+1,"), "{all}");

    reader.mark("label", "without formulas");
    reader.browser.click("[data-test] input");
    reader.press_button("Save 6 shown as CSV");
    let (plain, found) = (reader.expected("plain.csv"), reader.saved("molecules.csv"));
    assert_eq!(found, plain);
    assert!(plain.contains("\n'=1+1,") && plain.contains("\n-1.5,"), "{plain}");

    reader.press_button("Save 6 shown as SMILES");
    assert_eq!(reader.saved("molecules.smi"), reader.expected("all.smi"));

    // What is selected is saved in the order of the page, whether it is shown or not.
    reader.browser.click(".card[data-row='4'] .pick input");
    reader.browser.evaluate("document.querySelector(\".card[data-row='1'] .pick input\").focus()");
    reader.browser.press(" ");
    assert_eq!(reader.status(), "6 of 6 shown, 2 selected.");
    reader.browser.fill("input[type=search]", "script");
    reader.press_button("Save 2 selected as SMILES");
    let lines: Vec<&str> = LIBRARY.iter().map(|molecule| molecule.0).collect();
    let saved = reader.saved("molecules.smi");
    let smiles: Vec<&str> = saved.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(smiles, [lines[1], lines[4]]);
    reader.press_button("Select none");
    assert_eq!(reader.status(), "1 of 6 shown, 0 selected.");
    reader.press_button("Select all shown");
    assert_eq!(reader.status(), "1 of 6 shown, 1 selected.");
    reader.end();
}

#[test]
fn a_name_that_a_smiles_file_cannot_hold_is_left_out_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.csv"), "smiles,name\nCC,\"two\nlines\"\nCCC,|1| a |2|\nCCCC,\nC,x\n")
        .unwrap();
    run(
        directory.path(),
        "flow: instrument\nsteps:\n  - { id: read, uses: molecules.read, with: { path: a.csv } }\n  - { id: smiles, uses: \
         molecules.write, with: { path: all.smi } }\n  - { id: report, uses: report.write, inputs: { molecules: read }, \
         with: { path: a.html } }\n",
    );
    let Some(mut reader) = Reader::of(directory) else { return };
    reader.press_button("Save 4 shown as SMILES");
    assert_eq!(reader.saved("molecules.smi"), reader.expected("all.smi"));
    let said = reader.status();
    assert!(
        said.ends_with("2 molecules are left out: a SMILES file cannot hold the name. Save as CSV instead."),
        "{said}"
    );
    reader.end();
}

#[test]
fn a_molecule_is_enlarged_and_hostile_text_stays_text() {
    let Some(mut reader) = Reader::of(written("")) else { return };
    reader.browser.evaluate("document.querySelector('.enlarge').focus()");
    reader.browser.press("Enter");
    let name = "document.querySelector('dialog[open] h2').textContent";
    assert_eq!(reader.browser.evaluate(name), LIBRARY[0].1);
    reader.browser.wait_until("document.querySelector('dialog img').naturalWidth === 280");
    for (_, name_of, ..) in &LIBRARY[1..] {
        reader.browser.press("ArrowRight");
        let shown = name_of.replace(['\u{202e}', '\u{1b}'], "\u{fffd}");
        assert_eq!(reader.browser.evaluate(name), shown);
    }
    // There is no molecule after the last.
    reader.press_button("Next");
    assert_eq!(reader.browser.evaluate(name), "-1.5");
    let values = reader.browser.evaluate("[...document.querySelectorAll('dialog dd')].map((it) => it.textContent)");
    assert_eq!(values, json!(["-1.5", "CCN", "6", "4", "0.1", "–"]));
    reader.browser.press("Escape");
    assert_eq!(reader.browser.evaluate("document.querySelector('dialog').open"), false);
    assert_eq!(reader.browser.evaluate("document.querySelectorAll('h1').length"), 1);
    reader.end();
}

#[test]
fn a_cell_of_a_megabyte_is_cut_where_it_is_shown_and_saved_whole() {
    let directory = tempfile::tempdir().unwrap();
    let cell = "<b>x\"".repeat(200_000);
    let text = format!("smiles,name,note\nCC,x,\"{}\"\n", cell.replace('"', "\"\""));
    std::fs::write(directory.path().join("a.csv"), text).unwrap();
    run(
        directory.path(),
        "flow: instrument\nsteps:\n  - { id: read, uses: molecules.read, with: { path: a.csv } }\n  - { id: table, uses: \
         table.write, with: { path: all.csv } }\n  - { id: report, uses: report.write, inputs: { molecules: read }, with: { \
         path: a.html } }\n",
    );
    let Some(mut reader) = Reader::of(directory) else { return };
    reader.browser.click(".enlarge");
    let value = reader.browser.evaluate("[...document.querySelectorAll('dialog dd')].at(-1).textContent");
    assert!(value.as_str().unwrap().ends_with("… (1000000 characters)"), "{value}");
    reader.browser.press("Escape");
    reader.press_button("Save 1 shown as CSV");
    assert!(reader.saved("molecules.csv") == reader.expected("all.csv"));
    reader.end();
}

#[test]
fn two_columns_are_plotted_and_a_dot_opens_its_molecule() {
    let Some(mut reader) = Reader::of(written("")) else { return };
    reader.choose("Across", "number");
    reader.choose("Up", "record");
    let label = reader.browser.evaluate("document.querySelector('#scatter svg').getAttribute('aria-label')");
    assert_eq!(label, "record against number. 5 of the 6 molecules shown have both values.");
    let dots = "document.querySelector('.dots.now').getAttribute('d').split('M').length - 1";
    assert_eq!(reader.browser.evaluate(dots), 5);
    reader.browser.click(".card[data-row='0'] .pick input");
    let picked = dots.replace("now", "picked");
    assert_eq!((reader.browser.evaluate(dots), reader.browser.evaluate(&picked)), (json!(4), json!(1)));

    // A line over the plot, at the height of the dot of the first molecule, tells the mouse where to go.
    let share = reader.browser.evaluate(
        "(() => { const svg = document.querySelector('#scatter svg'); const box = svg.getBoundingClientRect(); const dot = \
         svg.querySelector('.picked').getAttribute('d').slice(1, -2).split(' '); const spot = document.createElement('div'); \
         spot.id = 'spot'; spot.style.cssText = `position: absolute; pointer-events: none; height: 2px; left: ${box.left + \
         scrollX}px; width: ${box.width}px; top: ${box.top + scrollY + (dot[1] / 400) * box.height - 1}px`; \
         document.body.append(spot); return dot[0] / 720; })()",
    );
    let share = share.as_f64().unwrap();
    reader.browser.point_at("#spot", share);
    let said = reader.browser.evaluate("document.querySelector('#scatter .lead').textContent");
    assert_eq!(said, "<script>document.title='owned'</script>: number 0.5, record 1");
    assert_eq!(reader.browser.evaluate("document.querySelector('dialog').open"), false);
    reader.browser.drag("#spot", share, share);
    assert_eq!(reader.browser.evaluate("document.querySelector('dialog[open] h2').textContent"), LIBRARY[0].1);
    reader.end();
}

#[test]
fn the_dots_of_a_plot_are_reached_by_the_keyboard() {
    let Some(mut reader) = Reader::of(written("")) else { return };
    reader.choose("Across", "number");
    reader.choose("Up", "record");
    let said = |reader: &mut Reader| {
        reader.browser.evaluate("document.querySelector('#scatter .lead').textContent").as_str().unwrap().to_owned()
    };
    // The plot is the next stop behind its two fields.
    reader.browser.press("Tab");
    assert_eq!(reader.browser.evaluate("document.activeElement.className"), "plot");
    let mut told = Vec::new();
    for key in ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "ArrowDown"] {
        reader.browser.press(key);
        told.push(said(&mut reader).rsplit_once(": ").unwrap().1.to_owned());
    }
    // From left to right by the first column, and from the top to the bottom by the second.
    let expected = [(-0.125, 4), (0.1, 6), (0.5, 1), (0.1, 6), (0.1, 6), (1.1, 5), (-0.125, 4)];
    assert_eq!(told, expected.map(|(number, record)| format!("number {number}, record {record}")));
    let ring =
        "(() => { const ring = document.querySelector('.at').getBoundingClientRect(); return ring.width > 0; })()";
    assert_eq!(reader.browser.evaluate(ring), true);
    let findings = axe::findings(&mut reader.browser);
    assert!(findings.is_empty(), "{findings:#?}");
    reader.browser.press("Enter");
    assert_eq!(reader.browser.evaluate("document.querySelector('dialog[open] h2').textContent"), LIBRARY[3].1);
    reader.browser.press("Escape");
    assert_eq!(reader.browser.evaluate("document.activeElement.className"), "plot");
    reader.end();
}

#[test]
fn without_scripts_the_page_shows_the_same_without_controls() {
    let directory = written(", group: kind, highlight: \"[OX2H]\"");
    let Some(mut browser) = Browser::start() else { return };
    browser.show_as(1200, 900, false);
    browser.run_scripts(false);
    let visit = browser.visit(&format!("file://{}", directory.path().join("a.html").display()));
    assert!(visit.complaints.is_empty(), "{visit:?}");
    assert_eq!(browser.evaluate("document.querySelectorAll('button, input, select, dialog').length"), 0);
    assert_eq!(
        browser.evaluate("[...document.querySelectorAll('.card')].filter((it) => it.checkVisibility()).length"),
        6
    );
    let headings = browser.evaluate("[...document.querySelectorAll('.group')].map((it) => it.textContent)");
    assert_eq!(headings, json!(["kind polar 2", "kind ring 2", "kind chain 1", "kind (none) 1"]));
    let lead = browser.evaluate("document.querySelector('#molecules .lead').textContent").to_string();
    assert!(lead.contains("The pattern [OX2H] is highlighted; it occurs in 2 of 6."), "{lead}");
    assert_eq!(browser.evaluate("getComputedStyle(document.querySelector('.card')).display"), "flex");
    let marked = "[...document.images].filter((image) => decodeURIComponent(image.src).includes('#FFD54F')).length";
    assert_eq!(browser.evaluate(marked), 2);
}

#[test]
fn the_page_passes_axe_at_each_width_and_in_both_schemes() {
    let Some(mut reader) = Reader::of(written(", plots: [number], group: kind")) else { return };
    for (width, dark) in [(1600, false), (1600, true), (360, false), (360, true)] {
        reader.browser.show_as(width, 900, dark);
        reader.browser.fill("[aria-label='number: from']", "0.1");
        for enlarged in [false, true] {
            if enlarged {
                reader.browser.click(".card:not([hidden]) .enlarge");
            }
            let findings = axe::findings(&mut reader.browser);
            assert!(findings.is_empty(), "at {width}, dark {dark}, enlarged {enlarged}: {findings:#?}");
            let fits = "document.documentElement.scrollWidth <= innerWidth";
            assert_eq!(reader.browser.evaluate(fits), true, "at {width}");
        }
        reader.browser.press("Escape");
    }
    reader.end();
}
