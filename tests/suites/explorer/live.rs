//! A run that goes on: its page asks for news and shows them.

use chem_tests::browser::Browser;

use crate::harness::Explorer;
use crate::program::Place;

/// Returns the positions and kinds of the events in an answer to an `EventSource`.
fn news(text: &str) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    for block in text.split("\n\n") {
        let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        if let (Some(id), Some(data)) = (line("id: "), line("data: ")) {
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            found.push((id.parse().unwrap(), data["event_type"].as_str().unwrap().to_owned()));
        }
    }
    found
}

#[test]
fn news_continue_after_the_last_event_that_the_browser_knows() {
    let place = Place::new();
    place.write("demo.yaml", "flow: demo\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n  - { id: count, uses: demo.characters }\n");
    place.chem(&["run", "demo.yaml", "-q"]).expect(0);
    let explorer = Explorer::of(&place);
    let events = place.chem(&["log", "@last", "--format", "json"]).json_lines();
    let all = news(&explorer.page("/runs/@last/live?from=0"));
    let expected: Vec<(u64, String)> = events
        .iter()
        .map(|event| (event["position"].as_u64().unwrap(), event["event_type"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(all, expected);
    assert_eq!(news(&explorer.page("/runs/@last/live?from=2")), expected[2..]);
    let headers = [("Host", explorer.host()), ("Cookie", &explorer.cookie), ("Last-Event-ID", "2")];
    let later = explorer.ask("GET", "/runs/@last/live?from=0", &headers);
    assert_eq!(later.header("content-type"), Some("text/event-stream"));
    assert_eq!(news(&later.body), expected[3..]);
}

#[test]
fn a_page_follows_its_run_to_the_end() {
    let Some(mut browser) = Browser::start() else { return };
    let place = Place::new();
    place.write("in.csv", "x\n1\n").write(
        "waits.yaml",
        "flow: waits\nsteps:\n  - { id: read, uses: table.read, with: { path: in.csv } }\n  - id: wait\n    \
         uses: process.run\n    with:\n      command: [sh, -c, 'while [ ! -e go ]; do sleep 0.05; done; cat']\n      \
         version: sh@1\n      send: csv\n      receive: csv\n",
    );
    let mut run = place.spawn(&["run", "waits.yaml"]);
    // The store is there once the run has begun.
    while place.chem(&["show", "@last"]).status != 0 {
        assert!(run.try_wait().unwrap().is_none(), "the run ended before it was seen");
    }
    let explorer = Explorer::of(&place);
    browser.visit(&explorer.entrance);
    browser.visit(&format!("{}/runs/@last", explorer.base));
    assert_eq!(browser.evaluate("document.querySelector('h1 .status').textContent"), "running");
    browser.evaluate("window.kept = true");
    place.write("go", "");
    browser.wait_until("document.querySelector('h1 .status').textContent === 'completed'");
    assert!(run.wait().unwrap().success());
    // The page was not loaded again, and it has stopped asking.
    assert_eq!(browser.evaluate("window.kept && !document.querySelector('[data-live]')"), true);
    let visit = browser.since();
    assert!(visit.complaints.is_empty(), "{visit:?}");
    assert!(visit.requests.iter().any(|url| url.contains("/live?from=")), "{visit:?}");
}
