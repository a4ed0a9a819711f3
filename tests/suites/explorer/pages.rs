//! Each page says what a command prints, and names that command.

use chem_tests::postgres_server::database;
use serde_json::Value;

use crate::harness::{Explorer, FLOW, HOSTILE, named, output, place, run, run_on};
use crate::program::Place;

#[test]
fn a_page_has_the_data_of_the_command_that_it_names() {
    compare_with_commands(&[]);
}

#[test]
fn a_page_over_postgresql_has_the_data_of_the_command_that_it_names() {
    if let Some(database) = database() {
        compare_with_commands(&["--store", &database.url()]);
    }
}

/// Compares every page with what its command prints, over the store that `store` names.
fn compare_with_commands(store: &[&str]) {
    let place = place();
    let (first, second) = (run_on(&place, store, "2"), run_on(&place, store, "5"));
    let explorer = Explorer::with(&place, &[&["ui"], store].concat());

    let mut listed = explorer.json("/runs.json")["runs"].as_array().unwrap().clone();
    listed.reverse();
    let mut expected = named(&place, &explorer.page("/runs")).as_array().unwrap().clone();
    // The letters of the events take a lookup of every event.
    for run in &mut expected {
        run["event_variants"] = Value::Null;
    }
    assert_eq!(listed, expected);

    let path = format!("/runs/{second}");
    let shown = explorer.json(&format!("{path}.json"));
    assert_eq!(shown, named(&place, &explorer.page(&path)));
    assert_eq!(shown, place.chem(&[&["show", &second, "--format", "json"], store].concat()).json());
    // Short ids and `@last` are names of runs, too.
    assert_eq!(explorer.json(&format!("/runs/{}.json", &second[..20])), shown);
    assert_eq!(explorer.json("/runs/@last.json"), shown);

    let path = format!("/runs/{second}/steps/keep");
    let step = explorer.json(&format!("{path}.json"));
    assert_eq!(step["why"], named(&place, &explorer.page(&path)));
    assert_eq!(step["why"]["against"], first.as_str());

    for wanted in [
        "record=3",
        "name=-plain",
        "smiles=OCC",
        "name=%3Cscript%3Edocument.title%3D%27broken%27%3C%2Fscript%3E",
        "row=1",
        "row=2&of=keep",
        "row=1&of=read.rejects",
    ] {
        let path = format!("/runs/{first}/trace?{wanted}");
        let traced = explorer.json(&path.replace('?', ".json?"));
        assert_eq!(traced, named(&place, &explorer.page(&path)), "{wanted}");
    }

    let path = format!("/compare?before={first}&after={second}");
    let compared = explorer.json(&path.replace('?', ".json?"));
    assert_eq!(compared, named(&place, &explorer.page(&path)));

    let path = format!("/artifacts/{}", output(&shown, "describe", "main"));
    let table = explorer.json(&format!("{path}.json"));
    assert_eq!(table["rows"], named(&place, &explorer.page(&path))["rows"]);
    assert_eq!(table["rows"].as_array().unwrap().len(), 6);

    let path = format!("/artifacts/{}", output(&shown, "table", "main"));
    let file = explorer.json(&format!("{path}.json"));
    assert_eq!(file, named(&place, &explorer.page(&path)));
}

#[test]
fn a_command_names_the_store_that_was_given() {
    let place = place();
    let id = run(&place, "2");
    std::fs::rename(place.path().join(".chem/store.db"), place.path().join("other.db")).unwrap();
    let explorer = Explorer::with(&place, &["ui", "--store", "sqlite:other.db"]);
    let page = explorer.page(&format!("/runs/{id}"));
    assert!(page.contains("--store sqlite:other.db</code>"), "{page}");
    assert_eq!(named(&place, &page)["flow_id"], id.as_str());
}

#[test]
fn a_run_shows_what_was_given_what_came_of_it_and_who_began_it() {
    let place = place();
    let id = run(&place, "2");
    let page = Explorer::of(&place).page(&format!("/runs/{id}"));
    for part in [
        "Molecules that are not too greasy.",
        "<dt>max_logp</dt><dd><code>2</code>",
        "<dt>Begun by</dt>",
        "leads.yaml",
        "read refused 1 of 7 records",
        "Wrote <code>out/leads.csv</code>",
        "<svg class=\"graph\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Four steps in a row have three wires.
    assert_eq!(page.matches("class=\"wire\"").count(), 3);
    assert_eq!(page.matches("class=\"part\"").count(), 4);
}

#[test]
fn a_failed_run_says_where_and_why_and_what_to_do() {
    let place = place();
    place.write("bad.yaml", &FLOW.replace("logp <= params.max_logp", "1 / (logp - logp) > params.max_logp"));
    place.chem(&["run", "bad.yaml", "-q"]).expect(1);
    let explorer = Explorer::of(&place);
    let id = explorer.json("/runs/@last.json")["flow_id"].as_str().unwrap().to_owned();
    let page = explorer.page("/runs/@last");
    assert!(page.contains("is divided by zero") && page.contains(&format!("chem retry {id}")), "{page}");
    let step = explorer.page("/runs/@last/steps/keep");
    assert!(step.contains("Failed at") && step.contains("is divided by zero"), "{step}");
    let pending = explorer.page("/runs/@last/steps/table");
    assert!(pending.contains("It has not started.") && pending.contains("not made yet"), "{pending}");
}

#[test]
fn an_interrupted_run_and_a_gate_name_the_command_that_goes_on() {
    let place = place();
    place.write(
        "gated.yaml",
        &FLOW.replace("    uses: table.write\n", "    uses: table.write\n    gate: { message: Go on? }\n"),
    );
    place.chem(&["run", "gated.yaml", "-q"]).expect(4);
    let page = Explorer::of(&place).page("/runs/@last");
    let (_, after) = page.split_once("Decide with <code>chem ").unwrap();
    let words: Vec<&str> = after.split("</code>").next().unwrap().split(' ').collect();
    place.chem(&words).expect(0);
    assert!(Explorer::of(&place).page("/runs/@last").contains("status completed"));
}

#[test]
fn runs_are_filtered_and_paged() {
    let place = Place::new();
    place.write(
        "demo.yaml",
        "flow: demo\nparams: { text: CO }\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }\n",
    );
    for index in 0..52 {
        place.chem(&["run", "demo.yaml", "--set", &format!("text=run-{index}-end"), "-q"]).expect(0);
    }
    let explorer = Explorer::of(&place);
    let all = |path: &str| -> Vec<Value> {
        let (mut path, mut runs) = (path.to_owned(), Vec::new());
        loop {
            let page = explorer.json(&path);
            runs.extend(page["runs"].as_array().unwrap().clone());
            match page["older"].as_str() {
                Some(older) => path = older.replace("/runs?", "/runs.json?"),
                None => return runs,
            }
        }
    };
    assert_eq!(explorer.json("/runs.json")["runs"].as_array().unwrap().len(), 50);
    let runs = all("/runs.json");
    assert_eq!(runs.len(), 52);
    let mut newest_first = place.chem(&["ls", "--all", "--format", "json"]).json().as_array().unwrap().clone();
    newest_first.reverse();
    let ids = |runs: &[Value]| runs.iter().map(|run| run["flow_id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&runs), ids(&newest_first));
    assert_eq!(all("/runs.json?text=RUN-7-END").len(), 1);
    assert_eq!(all("/runs.json?text=run-&status=completed&flow=demo").len(), 52);
    assert_eq!(all("/runs.json?status=failed").len(), 0);
    assert_eq!(all("/runs.json?flow=dem").len(), 0);
    assert!(explorer.page("/runs?flow=other").contains("No run matches."));
}

#[test]
fn empty_stores_and_wrong_addresses_say_what_to_do() {
    let place = place();
    // A store that was never written to is not there.
    let absent = place.chem(&["ui"]);
    assert!(absent.status != 0 && absent.stderr.contains("store"), "{absent:?}");
    let id = run(&place, "2");
    let explorer = Explorer::of(&place);
    let hash = output(&place.show(&id), "describe", "main");
    for (path, status, part) in [
        ("/runs/zzz".to_owned(), 404, "there is no run `zzz`"),
        (format!("/runs/{id}/steps/nothing"), 404, "has no step `nothing`"),
        ("/artifacts/zzz".to_owned(), 404, "there is no artifact `zzz`"),
        ("/nowhere".to_owned(), 404, "there is no page `/nowhere`"),
        ("/runs/%ff%fe".to_owned(), 404, "there is no page"),
        ("/runs/%3Cscript%3E".to_owned(), 404, "&lt;script&gt;"),
        ("/runs?status=odd".to_owned(), 422, "no run has the status `odd`"),
        ("/runs?before=x".to_owned(), 422, "before"),
        ("/compare".to_owned(), 422, "choose two runs"),
        (format!("/runs/{id}/trace?name=nothing"), 404, "nothing"),
        (format!("/runs/{id}/trace"), 422, "name a record"),
        (format!("/compare?before={id}&after=zzz"), 404, "there is no run `zzz`"),
        (format!("/artifacts/{hash}?sort=odd"), 422, "no column `odd`"),
        (format!("/artifacts/{hash}?where=logp+%3C"), 422, "role=\"alert\""),
        (format!("/artifacts/{hash}?where=odd+%3C+1"), 422, "`odd`"),
        (format!("/artifacts/{hash}?from=-1"), 422, "from"),
        ("/depict.svg?smiles=nonsense".to_owned(), 422, "nonsense"),
        ("/depict.svg".to_owned(), 422, "smiles"),
    ] {
        let answer = explorer.get(&path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.body.contains(part), "{path}: {}", answer.body);
        let json = explorer.get(&path.replacen('?', ".json?", 1));
        if !path.contains('?') {
            assert!(explorer.get(&format!("{path}.json")).json()["error"].is_string(), "{path}");
        } else if !path.starts_with("/depict") {
            assert!(json.json()["error"].is_string(), "{path}: {json:?}");
        }
    }
}

#[test]
fn a_record_is_traced_to_the_step_that_dropped_it_and_why() {
    let place = place();
    let id = run(&place, "2");
    let explorer = Explorer::of(&place);
    let page = explorer.page(&format!("/runs/{id}/trace?name={}", "%7B%7B%207%20*%207%20%7D%7D"));
    assert!(!page.contains("<strong>"), "acetic acid is kept: {page}");
    let page = explorer.page(&format!("/runs/{id}/trace?record=5"));
    for part in ["<strong>dropped</strong>", "by `keep`", "logp &lt;= params.max_logp", "max_logp 2"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // From a table that was opened from the run, each row leads there.
    let hash = output(&place.show(&id), "describe", "main");
    let table = explorer.page(&format!("/artifacts/{hash}?run={id}"));
    assert!(table.contains(&format!("href=\"/runs/{id}/trace?record=5\"")), "{table}");
    assert!(!explorer.page(&format!("/artifacts/{hash}")).contains("/trace?"));
}

#[test]
fn a_row_leads_back_to_its_records() {
    let place = place();
    let flow = "flow: grouped\nsteps:\n  - { id: read, uses: molecules.read, with: { path: library.csv } }\n  \
                - { id: groups, uses: table.aggregate, with: { by: [smiles], values: [count] } }\n";
    place.write("grouped.yaml", flow);
    let id = place.chem(&["run", "grouped.yaml", "--format", "json"]).json()["flow_id"].as_str().unwrap().to_owned();
    let explorer = Explorer::of(&place);
    // From the page of the step through its table.
    let hash = output(&place.show(&id), "groups", "main");
    let link = format!("/artifacts/{hash}?run={id}&amp;of=groups.main");
    assert!(explorer.page(&format!("/runs/{id}/steps/groups")).contains(&link), "{link}");
    let table = explorer.page(&format!("/artifacts/{hash}?run={id}&of=groups.main"));
    assert!(table.contains(&format!("href=\"/runs/{id}/trace?row=2&amp;of=groups.main\"")), "{table}");
    let page = explorer.page(&format!("/runs/{id}/trace?row=2&of=groups.main"));
    for part in ["row 2 of `groups`", "row 2 comes from ", "of `library.csv`", "/depict.svg?smiles="] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn what_came_from_outside_is_shown_as_what_it_is() {
    let place = place();
    let id = run(&place, "5");
    let explorer = Explorer::of(&place);
    let hash = output(&place.show(&id), "describe", "main");
    let page = explorer.page(&format!("/artifacts/{hash}"));
    for name in HOSTILE {
        assert!(!name.contains('<') || !page.contains(name), "{name}: {page}");
    }
    assert!(page.contains("&lt;script&gt;document.title=&#39;broken&#39;&lt;/script&gt;"), "{page}");
    assert!(page.contains("&amp;lt;not an entity&amp;gt;"), "{page}");
    let rows = explorer.json(&format!("/artifacts/{hash}.json"))["rows"].clone();
    assert_eq!(rows[0][0], HOSTILE[0]);
}

#[test]
fn a_value_of_a_megabyte_is_clipped_and_whole_as_data() {
    let place = Place::new();
    place.write("wide.csv", &format!("a,b\n{},1\nx,2\n", "y".repeat(1_000_000)));
    place.write("wide.yaml", "flow: wide\nsteps:\n  - { id: read, uses: table.read, with: { path: wide.csv } }\n");
    place.chem(&["run", "wide.yaml", "-q"]).expect(0);
    let explorer = Explorer::of(&place);
    let hash = output(&place.show("@last"), "read", "main");
    let page = explorer.page(&format!("/artifacts/{hash}"));
    assert!(page.len() < 10_000 && page.contains("… of 1000000 characters"), "{}", page.len());
    let rows = explorer.json(&format!("/artifacts/{hash}.json"))["rows"].clone();
    assert_eq!(rows[0][0].as_str().unwrap().len(), 1_000_000);
}
