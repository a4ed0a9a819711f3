//! A store with runs, and an explorer over it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Child;

use serde_json::Value;

use crate::program::Place;

/// A flow that drops molecules, and refuses one record of each kind.
pub const FLOW: &str = r#"flow: leads
description: Molecules that are not too greasy.
params:
  max_logp: 2
steps:
  - id: read
    uses: molecules.read
    with: { path: library.csv }
  - id: describe
    uses: molecules.describe
    with: { properties: [molecular_weight, logp] }
  - id: keep
    uses: molecules.filter
    with: { where: "logp <= params.max_logp" }
  - id: table
    uses: table.write
    with: { path: out/leads.csv }
"#;

/// Names that a page must show as what they are.
pub const HOSTILE: [&str; 5] = [
    "<script>document.title='broken'</script>",
    "\"><img src=x onerror=\"document.title='broken'\">",
    "'; document.title='broken'; '",
    "{{ 7 * 7 }}",
    "&lt;not an entity&gt;",
];

/// An explorer that runs. It ends with the test.
pub struct Explorer {
    child: Child,
    /// The scheme, host and port.
    pub base: String,
    /// The address that lets a browser in.
    pub entrance: String,
    pub cookie: String,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Returns the value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Explorer {
    /// Starts `chem ui` in a place, and lets the test in.
    pub fn of(place: &Place) -> Self {
        Self::with(place, &["ui"])
    }

    pub fn with(place: &Place, arguments: &[&str]) -> Self {
        let mut child = place.spawn(arguments);
        let mut entrance = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut entrance).unwrap();
        let entrance = entrance.trim().to_owned();
        let base = entrance.split("/?").next().unwrap().to_owned();
        let mut explorer = Self { child, base, entrance, cookie: String::new() };
        let path = explorer.entrance.strip_prefix(&explorer.base).unwrap().to_owned();
        let answer = explorer.get(&path);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/runs")), "{answer:?}");
        explorer.cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        explorer
    }

    /// Returns the host and port.
    pub fn host(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }

    /// Asks for a page as the browser does that was let in.
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("Host", self.host()), ("Cookie", &self.cookie)])
    }

    /// Asks for a page that exists.
    #[track_caller]
    pub fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.page(path)).unwrap()
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = TcpStream::connect(self.host()).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(stream, "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.replace("\r\n", "\n"), body: body.to_owned() }
    }

    /// Sends a signal, and returns the exit status and what was said on stderr.
    pub fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Explorer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a place with a library of molecules and the flow.
pub fn place() -> Place {
    let place = Place::new();
    let smiles = ["CCO", "c1ccccc1", "CCCCCCCC", "CC(=O)O", "CCCCCCCCCCCC", "C1CC1", "nonsense"];
    let mut library = "name,smiles,note\n".to_owned();
    for (index, smiles) in smiles.iter().enumerate() {
        let name = HOSTILE.get(index).copied().unwrap_or("-plain").replace('"', "\"\"");
        library.push_str(&format!("\"{name}\",{smiles},\n"));
    }
    place.write("library.csv", &library).write("leads.yaml", FLOW);
    place
}

/// Runs the flow with a value for its limit, and returns the id of the run.
pub fn run(place: &Place, max_logp: &str) -> String {
    run_on(place, &[], max_logp)
}

/// Runs the flow on the store that `store` names.
pub fn run_on(place: &Place, store: &[&str], max_logp: &str) -> String {
    let set = format!("max_logp={max_logp}");
    let command = ["run", "leads.yaml", "--set", &set, "-q", "--format", "json"];
    let run = place.chem(&[&command, store].concat()).expect(0).json();
    run["flow_id"].as_str().unwrap().to_owned()
}

/// Returns the hash of an output of a step, from the JSON of a run.
pub fn output(run: &Value, step: &str, name: &str) -> String {
    let step = run["steps"].as_array().unwrap().iter().find(|it| it["id"] == step).unwrap();
    let output = step["outputs"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap();
    output["hash"].as_str().unwrap().to_owned()
}

/// Runs the command that a page names, and returns its JSON.
pub fn named(place: &Place, page: &str) -> Value {
    let (_, after) = page.split_once("The same on the command line: <code>chem ").unwrap();
    let (command, _) = after.split_once("</code>").unwrap();
    let unescaped = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let command = unescaped.iter().fold(command.to_owned(), |text, (from, to)| text.replace(from, to));
    // A shell reads the quotes, as that of the reader does. Arguments may begin like options, so the format comes first.
    let script = format!("set -- {command}; printf '%s\\0' \"$@\"");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = ["--format", "json"].into_iter().chain(words.trim_end_matches('\0').split('\0')).collect();
    place.chem(&words).json()
}
