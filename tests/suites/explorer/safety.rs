//! Who is answered, and that nothing changes.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;

use crate::harness::{Explorer, place, run};
use crate::program::Place;

#[test]
fn only_who_has_the_address_is_answered_under_a_name_of_this_machine() {
    let place = place();
    run(&place, "2");
    let explorer = Explorer::of(&place);
    let (host, cookie) = (explorer.host().to_owned(), explorer.cookie.clone());
    let ask = |path: &str, headers: &[(&str, &str)]| explorer.ask("GET", path, headers).status;
    for path in [
        "/",
        "/runs",
        "/runs.json",
        "/explorer.css",
        "/explorer.js",
        "/depict.svg?smiles=C",
        "/?token=0",
        "/runs/@last/live?from=0",
    ] {
        assert_eq!(ask(path, &[("Host", &host)]), 401, "{path}");
    }
    assert_eq!(ask("/runs", &[("Host", &host), ("Cookie", &cookie)]), 200);
    assert_eq!(ask("/runs", &[("Host", "evil.example"), ("Cookie", &cookie)]), 421);
    assert_eq!(ask("/runs", &[("Cookie", &cookie)]), 421);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        assert_eq!(explorer.ask(method, "/runs", &[("Host", &host), ("Cookie", &cookie)]).status, 405, "{method}");
    }
    let another = Explorer::of(&place);
    assert_ne!(another.cookie.split_once('=').unwrap().1, cookie.split_once('=').unwrap().1);
    let named = Explorer::with(&place, &["ui", "--host", "lab.example"]);
    let headers = [("Host", "lab.example:80"), ("Cookie", named.cookie.as_str())];
    assert_eq!(named.ask("GET", "/runs", &headers).status, 200);
}

#[test]
fn every_answer_forbids_what_the_explorer_does_not_need() {
    let place = place();
    let id = run(&place, "2");
    let explorer = Explorer::of(&place);
    for path in ["/runs", "/nowhere", &format!("/runs/{id}.json"), "/explorer.js", "/compare"] {
        let answer = explorer.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    let picture = explorer.get("/depict.svg?smiles=CCO");
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/svg+xml")));
    assert!(picture.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
}

#[test]
fn nothing_in_the_store_changes() {
    fn content(directory: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            // SQLite's index of the log that was not checkpointed is made anew by each reader.
            if path.extension().is_none_or(|end| end != "db-shm") {
                all.insert(path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }
    let place = place();
    let ids = [run(&place, "2"), run(&place, "5")];
    let store = place.path().join(".chem");
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    content(&store, &mut before);
    let explorer = Explorer::of(&place);
    for path in
        ["/runs".to_owned(), format!("/runs/{}", ids[0]), format!("/compare?before={}&after={}", ids[0], ids[1])]
    {
        explorer.page(&path);
    }
    drop(explorer);
    content(&store, &mut after);
    before.retain(|_, bytes| !bytes.is_empty());
    after.retain(|_, bytes| !bytes.is_empty());
    assert_eq!(before, after);
}

#[test]
fn it_ends_on_request_and_says_what_is_wrong_with_an_address() {
    let place = place();
    run(&place, "2");
    for signal in ["-INT", "-TERM"] {
        let (status, said) = Explorer::of(&place).end(signal);
        assert_eq!(status, Some(0), "{signal}: {said}");
        assert!(said.contains("Ctrl-C ends the explorer") && !said.contains("warning"), "{said}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = place.chem(&["ui", "--listen", &address]).expect(2).stderr;
    assert!(said.contains(&format!("cannot listen on {address}")) && said.contains("--listen 127.0.0.1:0"), "{said}");
    place.chem(&["ui", "--listen", "nowhere"]).expect(2);
    let (_, said) = Explorer::with(&place, &["ui", "--listen", "0.0.0.0:0"]).end("-INT");
    assert!(said.contains("other machines can reach it"), "{said}");
}

#[test]
fn a_page_that_waits_for_news_does_not_keep_it_from_ending() {
    let place = Place::new();
    place.write("demo.yaml", "flow: demo\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n");
    place.chem(&["run", "demo.yaml", "-q"]).expect(0);
    let explorer = Explorer::of(&place);
    let (host, cookie) = (explorer.host().to_owned(), explorer.cookie.clone());
    let waiting = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(&host).unwrap();
        write!(stream, "GET /runs/@last/live?from=99 HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    // The answer to this comes after the explorer has accepted the connection above, or else that one is refused.
    explorer.page("/runs");
    let begun = std::time::Instant::now();
    assert_eq!(explorer.end("-INT").0, Some(0));
    assert!(begun.elapsed().as_secs() < 10);
    waiting.join().unwrap();
}

#[test]
fn a_confined_explorer_reads_no_text_outside_of_its_folder() {
    let place = place();
    std::fs::create_dir(place.path().join("sub")).unwrap();
    let id = run(&place, "2");
    let traced = |arguments: &[&str]| {
        let explorer = Explorer::with(&place, &[&["ui"], arguments].concat());
        explorer.json(&format!("/runs/{id}/trace.json?record=1"))["records"][0]["read"].clone()
    };
    assert!(traced(&[])["text"].is_string());
    assert!(traced(&["--confined"])["text"].is_string());
    let read = traced(&["--confined=sub"]);
    assert!(read["text"].is_null() && read["unread"].as_str().unwrap().contains("is confined"), "{read}");
}
