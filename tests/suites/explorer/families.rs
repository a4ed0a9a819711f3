//! Families of runs, the log of a run, and what covers it.

use std::path::Path;
use std::process::Command;

use chem_tests::browser::Browser;
use serde_json::{Value, json};

use crate::harness::{Explorer, named, place as leads, run};
use crate::program::Place;

/// A flow that fails for one of the values that it is swept over.
const LETTERS: &str = "flow: letters
params: { text: CCO, times: 0 }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
  - { id: busy, uses: test.busy, with: { times: \"${params.times}\", tried: \"tried-${params.text}-${params.times}.txt\" } }
  - { id: count, uses: demo.characters }
";

/// Sweeps the flow over so many texts, one of whose runs fails.
fn swept(texts: usize) -> (Place, Value) {
    let place = Place::new();
    place.write("letters.yaml", LETTERS);
    let texts: Vec<String> = (1..=texts).map(|text| "C".repeat(text)).collect();
    let sweep = format!("text={}", texts.join(","));
    let command = [
        "run",
        "letters.yaml",
        "--sweep",
        "times=0,9",
        "--sweep",
        &sweep,
        "--collect-errors",
        "-q",
        "--format",
        "json",
    ];
    let run = place.chem(&command).json();
    (place, run)
}

fn id(run: &Value) -> &str {
    run["flow_id"].as_str().unwrap()
}

#[test]
fn a_family_is_seen_from_its_parent_from_each_child_and_in_the_list_of_runs() {
    let (place, run) = swept(60);
    let parent = id(&run);
    let children = run["children"].as_array().unwrap();
    assert_eq!(children.len(), 120);
    let explorer = Explorer::of(&place);

    let page = explorer.page(&format!("/runs/{parent}"));
    for part in ["60 completed", "60 failed", "All 120 children", "text=CC, times=0"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(explorer.json(&format!("/runs/{parent}.json")), named(&place, &page));
    assert_eq!(explorer.json(&format!("/runs/{parent}.json"))["children"], run["children"]);

    // The page of the children has all of them, page by page, and those with a status.
    let listed = |query: &str| explorer.json(&format!("/runs/{parent}/children.json{query}"))["children"].clone();
    let both = [listed("").as_array().unwrap().clone(), listed("?from=101").as_array().unwrap().clone()].concat();
    assert_eq!(&both, children);
    let failed: Vec<&Value> = children.iter().filter(|child| child["status"] == "failed").collect();
    assert_eq!(listed("?status=failed"), json!(failed));
    assert_eq!(listed("?status=running"), json!([]));
    assert_eq!(explorer.get(&format!("/runs/{parent}/children?status=gone")).status, 422);
    assert_eq!(named(&place, &explorer.page(&format!("/runs/{parent}/children")))["children"], run["children"]);

    let child = id(failed[3]);
    let page = explorer.page(&format!("/runs/{child}"));
    let step = format!("href=\"/runs/{parent}/steps/sweep\"");
    assert!(page.contains(&step) && page.contains("<dt>Given</dt>"), "{page}");

    // The list of runs folds the children into their parent, unless it is asked to list them.
    let page = explorer.page("/runs");
    assert!(page.contains("<summary>120 children</summary>") && page.contains("60 failed"), "{page}");
    assert_eq!(explorer.json("/runs.json")["runs"].as_array().unwrap().len(), 1);
    let all = explorer.json("/runs.json?children=listed&text=times%22:9");
    assert_eq!(all["runs"].as_array().unwrap().len(), 50);
    let (first, of) = (&all["runs"][0], id(&all["runs"][0]).to_owned());
    assert_eq!(first["child_of"]["parent"], parent);
    assert!(explorer.page("/runs?children=listed").contains(&of));
    let mut listed = named(&place, &explorer.page("/runs?children=listed&status=failed")).as_array().unwrap().clone();
    listed.retain(|run| run["child_of"]["given"]["times"] == 9);
    assert_eq!(listed.len(), 60);
}

/// A program that kills the `chem` that started it if it gets the row 13.
const DEADLY: &str = r#"rows=$(cat)
if echo "$rows" | grep -q '"n":13}'; then
  process=$PPID
  until grep -q '^chem' /proc/$process/comm; do process=$(cut -d' ' -f4 /proc/$process/stat); done
  kill -9 $process
  sleep 60
fi
echo "$rows" | sed 's/}$/, "one": 1}/'
"#;

#[test]
fn a_run_in_shards_shows_them_and_the_rows_that_were_set_apart() {
    let place = Place::new();
    let numbers: String = (1..=40).map(|n| format!("{n}\n")).collect();
    place.write("numbers.csv", &format!("n\n{numbers}")).write("score.sh", DEADLY).write(
        "cut.yaml",
        "flow: score\nsteps:\n  - { id: read, uses: table.read, with: { path: numbers.csv } }\n  - map:\n      over: read\n      \
         rows: 20\n      steps:\n        - id: score\n          uses: process.run\n          with: { command: [sh, \"{program}\"], \
         files: { program: score.sh }, version: \"1\", rows: true, types: { one: integer } }\n",
    );
    let mut begun = place.chem(&["run", "cut.yaml", "-q"]);
    for _ in 0..40 {
        if begun.status == 0 {
            break;
        }
        begun = place.chem(&["resume", "@last", "-q"]);
    }
    begun.expect(0);
    let explorer = Explorer::of(&place);
    let page = explorer.page("/runs/@last");
    assert!(page.contains("<li>score set apart row 13: processes died there again and again</li>"), "{page}");
    assert!(page.contains("<th scope=\"row\">score/0.9</th>"), "{page}");
    assert!(page.contains("<li>processes that died: "), "{page}");
    let named = named(&place, &page);
    assert_eq!(explorer.json("/runs/@last.json"), named);
    assert_eq!(explorer.json("/runs/@last/children.json")["count"], named["children"].as_array().unwrap().len());
}

#[test]
fn a_run_without_children_says_how_to_have_some() {
    let place = leads();
    let id = run(&place, "2");
    let explorer = Explorer::of(&place);
    assert!(explorer.page(&format!("/runs/{id}/children")).contains("The run has no children."));
    assert!(!explorer.page(&format!("/runs/{id}")).contains("id=\"children\""));
}

#[test]
fn the_log_of_a_run_is_read_page_by_page() {
    let (place, run) = swept(1);
    let id = id(&run).to_owned();
    let explorer = Explorer::of(&place);
    let printed = place.chem(&["log", &id, "--format", "json"]).json_lines();
    let page = explorer.page(&format!("/runs/{id}/log"));
    assert!(page.contains(" begins: 1 steps") && page.contains("complete: flow fingerprint"), "{page}");
    let log = explorer.json(&format!("/runs/{id}/log.json"));
    assert_eq!(log, json!({"events": printed, "count": printed.len()}));
    let from = explorer.json(&format!("/runs/{id}/log.json?from=2"));
    assert_eq!(from["events"], json!(printed[2..]));
    // A page behind the end is the last event.
    assert_eq!(explorer.json(&format!("/runs/{id}/log.json?from=999"))["events"], json!(printed[printed.len() - 1..]));
}

#[test]
fn a_log_of_many_events_has_pages_that_lead_to_one_another() {
    let place = Place::new();
    let steps: String = (0..120)
        .map(|step| {
            format!(
                "  - {{ id: s{step}, uses: demo.{} }}\n",
                if step == 0 { "seed, with: { text: CO }" } else { "characters" }
            )
        })
        .collect();
    place.write(
        "long.yaml",
        &format!(
            "flow: long\nsteps:\n{}",
            steps.replace("uses: demo.characters", "uses: demo.characters, inputs: { text: s0 }")
        ),
    );
    place.chem(&["run", "long.yaml", "-q"]).expect(0);
    let explorer = Explorer::of(&place);
    let count = explorer.json("/runs/@last/log.json")["count"].as_u64().unwrap();
    assert!(count > 200, "{count}");
    let (mut at, mut seen) = (String::from("/runs/@last/log"), Vec::new());
    loop {
        let log = explorer.json(&at.replace("/log", "/log.json"));
        seen.extend(log["events"].as_array().unwrap().iter().map(|event| event["position"].as_u64().unwrap()));
        let page = explorer.page(&at);
        let Some((before, _)) = page.split_once("\">Later</a>") else { break };
        at = before.rsplit_once("href=\"").unwrap().1.to_owned();
    }
    assert_eq!(seen, (0..count).collect::<Vec<_>>());
}

/// Makes a key, and returns its path.
fn key(place: &Place) -> String {
    let path = place.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status().unwrap();
    assert!(made.success());
    path.to_str().unwrap().to_owned()
}

fn change(store: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(store).unwrap();
    connection.execute_batch(&format!("DROP TRIGGER event_log_is_never_updated; {sql}")).unwrap();
}

#[test]
fn a_run_shows_the_seal_and_the_statements_that_cover_it_and_whether_it_is_as_sealed() {
    let place = leads();
    let (first, second) = (run(&place, "2"), run(&place, "5"));
    let key = key(&place);
    place.chem(&["sign", &first, "--meaning", "reviewed", "--key", &key]).expect(0);
    let explorer = Explorer::of(&place);
    let evidence = |id: &str| explorer.json(&format!("/runs/{id}.json"))["evidence"].clone();
    let events = place.chem(&["log", &first, "--format", "json"]).json_lines().len();
    // A run in an SQLite store is sealed when it ends: the first by the first checkpoint, and not by a later one.
    let (one, two) = (evidence(&first), evidence(&second));
    assert_eq!((&one["seal"]["events"], &one["seal"]["size"]), (&json!(events), &json!(events)));
    assert!(two["seal"]["size"].as_u64() > one["seal"]["size"].as_u64(), "{two}");
    assert_eq!((&one["seal"]["as_sealed"], &one["seal"]["signed"]), (&json!(true), &Value::Null));
    assert_eq!(
        (&one["statements"][0]["meaning"], &one["statements"][0]["as_stated"]),
        (&json!("reviewed"), &json!(true))
    );
    assert_eq!(two["statements"], json!([]));
    // A signed checkpoint covers all runs before it.
    place.chem(&["seal", "--key", &key]).expect(0);
    for id in [&first, &second] {
        assert!(evidence(id)["seal"]["signed"].is_string(), "{}", evidence(id));
    }
    let page = explorer.page(&format!("/runs/{first}"));
    assert!(page.contains(&format!("all {events} events are sealed since")) && page.contains("reviewed by"), "{page}");
    assert!(page.contains(&format!("<code>chem audit {first}</code>")), "{page}");

    change(
        &place.path().join(".chem/store.db"),
        &format!("UPDATE event_log SET ts = replace(ts, '20', '19') WHERE flow_id = '{first}' AND position = 3;
                  UPDATE event_log SET payload = json_set(payload, '$.flow', 'other') WHERE flow_id = '{first}' AND position = 0"),
    );
    let changed = evidence(&first);
    assert_eq!((&changed["seal"]["as_sealed"], &changed["statements"][0]["as_stated"]), (&json!(false), &json!(false)));
    assert_eq!(evidence(&second)["seal"]["as_sealed"], true);
    let page = explorer.page(&format!("/runs/{first}"));
    assert!(
        page.contains("an event of the run is not as it was sealed") && page.contains("class=\"problem\""),
        "{page}"
    );
}

#[test]
fn the_page_of_a_parent_follows_its_children() {
    let Some(mut browser) = Browser::start() else { return };
    let place = Place::new();
    place.write("in.csv", "x\n1\n").write(
        "waits.yaml",
        "flow: waits\nparams: { name: a }\nsteps:\n  - { id: read, uses: table.read, with: { path: in.csv } }\n  - id: wait\n    \
         uses: process.run\n    with:\n      command: [sh, -c, 'while [ ! -e \"go-$1\" ]; do sleep 0.05; done; cat', sh, \
         \"${params.name}\"]\n      version: sh@1\n      send: csv\n      receive: csv\n",
    );
    let mut run = place.spawn(&["run", "waits.yaml", "--sweep", "name=a,b"]);
    let parent = loop {
        let listed = place.chem(&["ls", "--format", "json"]);
        if listed.status == 0
            && let Some(parent) = listed.json()[0]["flow_id"].as_str()
        {
            break parent.to_owned();
        }
        assert!(run.try_wait().unwrap().is_none(), "the run ended before it was seen");
    };
    let explorer = Explorer::of(&place);
    browser.visit(&explorer.entrance);
    browser.visit(&format!("{}/runs/{parent}", explorer.base));
    let tally = "document.querySelector('.tally')?.textContent ?? ''";
    browser.wait_until(&format!("({tally}).includes('1 running')"));
    browser.evaluate("window.kept = true");
    place.write("go-a", "");
    browser.wait_until(&format!("({tally}).includes('1 completed')"));
    assert_eq!(browser.evaluate("document.querySelector('h1 .status').textContent"), "running");
    place.write("go-b", "");
    browser.wait_until(&format!("({tally}).includes('2 completed')"));
    browser.wait_until("document.querySelector('h1 .status').textContent === 'completed'");
    assert!(run.wait().unwrap().success());
    assert_eq!(browser.evaluate("window.kept && !document.querySelector('[data-live]')"), true);
    let visit = browser.since();
    assert!(visit.complaints.is_empty(), "{visit:?}");
}
