//! Runs a browser for tests: the Chromium that `CHEM_TEST_CHROMIUM` names, or else the first in `PATH`.
//!
//! [`document`] reads one page; a [`Browser`] goes from page to page, steered through Chromium's debugging protocol. The
//! suites decide what a page should contain.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// The environment variable with the path of the browser.
pub const TEST_CHROMIUM: &str = "CHEM_TEST_CHROMIUM";
/// The environment variable that, set to `1`, makes a missing browser a failure.
pub const REQUIRE_CHROMIUM: &str = "CHEM_REQUIRE_CHROMIUM";

/// The names of Chromium's program, by distribution and flavour.
const NAMES: [&str; 6] =
    ["chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// Returns the HTML of the page at `path` after its scripts have run. Its scripts may read other files. Returns `None` if
/// there is no browser, after printing a notice.
///
/// # Panics
/// If the browser fails, or if there is none and `CHEM_REQUIRE_CHROMIUM=1` requires one.
pub fn document(path: &Path) -> Option<String> {
    let browser = browser()?;
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(&browser)
        // Tests may run as root, and in a container with little shared memory.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--allow-file-access-from-files", "--virtual-time-budget=20000", "--window-size=1200,900"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--dump-dom", &format!("file://{}", path.display())])
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", browser.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} failed: {said}", browser.display());
    Some(String::from_utf8(output.stdout).unwrap())
}

/// How long to wait for an answer of the browser.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running browser with one page.
pub struct Browser {
    process: Child,
    _profile: TempDir,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    sent: u64,
    events: Vec<Value>,
}

/// What happened while a page was loaded.
#[derive(Debug, Default)]
pub struct Visit {
    /// The addresses that the page asked for, its own first.
    pub requests: Vec<String>,
    /// What the browser complained about: errors of scripts, violations of policies, and failed requests.
    pub complaints: Vec<String>,
}

impl Browser {
    /// Starts the browser; `None` if there is none, after printing a notice.
    ///
    /// # Panics
    /// If the browser fails, or if there is none and `CHEM_REQUIRE_CHROMIUM=1` requires one.
    pub fn start() -> Option<Self> {
        let browser = browser()?;
        let profile = tempfile::tempdir().unwrap();
        let mut process = Command::new(&browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--remote-debugging-port=0", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", browser.display()));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address =
            lines.by_ref().find_map(|line| Some(line.ok()?.strip_prefix("DevTools listening on ")?.to_owned()));
        let address = address.expect("the browser says where it listens");
        // A full pipe would stop the browser.
        std::thread::spawn(move || lines.for_each(drop));
        let host = address.strip_prefix("ws://").and_then(|rest| rest.split('/').next()).unwrap();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(&address, stream).unwrap();
        let mut browser = Self { process, _profile: profile, socket, session: None, sent: 0, events: Vec::new() };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let session = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Network", "Log", "Runtime"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Opens a page, and waits until it and what it contains are loaded.
    pub fn visit(&mut self, url: &str) -> Visit {
        self.events.clear();
        self.call("Page.navigate", json!({"url": url}));
        let begun = Instant::now();
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            assert!(begun.elapsed() < PATIENCE, "{url} is not loaded: {:?}", self.events);
            self.read();
        }
        self.since()
    }

    /// Returns what has happened since the last visit began.
    pub fn since(&mut self) -> Visit {
        // An answer comes after all events before it.
        self.evaluate("0");
        let mut visit = Visit::default();
        for event in &self.events {
            let params = &event["params"];
            match event["method"].as_str() {
                Some("Network.requestWillBeSent") => {
                    visit.requests.push(params["request"]["url"].as_str().unwrap().to_owned());
                }
                Some("Runtime.exceptionThrown") => visit.complaints.push(params.to_string()),
                Some("Runtime.consoleAPICalled") if params["type"] == "error" => {
                    visit.complaints.push(params.to_string())
                }
                Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                    visit.complaints.push(params["entry"].to_string());
                }
                _ => {}
            }
        }
        visit
    }

    /// Returns the value of an expression in the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", parameters);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression in the page is true.
    pub fn wait_until(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.evaluate(expression) != true {
            assert!(begun.elapsed() < PATIENCE, "{expression} does not become true");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sets the size of the page, and whether the user prefers dark colours.
    pub fn show_as(&mut self, width: u32, height: u32, dark: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = if dark { "dark" } else { "light" };
        self.call(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            if let Some(answer) = self.read() {
                assert_eq!(answer["error"], Value::Null, "{method}");
                return answer["result"].clone();
            }
        }
    }

    /// Reads a message: the answer to the last call, or an event.
    fn read(&mut self) -> Option<Value> {
        let Message::Text(text) = self.socket.read().unwrap() else { return None };
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["id"] == self.sent {
            return Some(message);
        }
        self.events.push(message);
        None
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(TEST_CHROMIUM) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|directory| NAMES.map(|name| directory.join(name)))
        .find(|program| program.is_file());
    if found.is_none() {
        let hint = "install Chromium (`chromium` or `chromium-headless-shell` in PATH), or set CHEM_TEST_CHROMIUM";
        assert!(std::env::var(REQUIRE_CHROMIUM).as_deref() != Ok("1"), "no browser to test with: {hint}");
        static SAID: OnceLock<()> = OnceLock::new();
        SAID.get_or_init(|| {
            // Writes past the capture of the test harness, which would swallow the notice. Ignores a closed stderr.
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: ALL TESTS THAT NEED A BROWSER: {hint}\n");
        });
    }
    found
}
