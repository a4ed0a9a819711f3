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

    /// Permits pages to run scripts, or forbids it.
    pub fn run_scripts(&mut self, run: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({"value": !run}));
    }

    /// Saves what a page offers for download into a directory.
    pub fn save_into(&mut self, directory: &Path) {
        let path = directory.display().to_string();
        self.call("Browser.setDownloadBehavior", json!({"behavior": "allow", "downloadPath": path}));
    }

    /// Clicks with the mouse in the middle of the first element that matches a selector.
    pub fn click(&mut self, selector: &str) {
        let at = self.locate(selector, 0.5);
        for kind in ["mousePressed", "mouseReleased"] {
            self.mouse(kind, at);
        }
    }

    /// Drags with the mouse over an element, between two shares of its width.
    pub fn drag(&mut self, selector: &str, from: f64, to: f64) {
        let (begin, end) = (self.locate(selector, from), self.locate(selector, to));
        self.mouse("mousePressed", begin);
        self.mouse("mouseMoved", ((begin.0 + end.0) / 2.0, begin.1));
        self.mouse("mouseMoved", end);
        self.mouse("mouseReleased", end);
    }

    /// Moves the mouse to a share of the width of an element.
    pub fn point_at(&mut self, selector: &str, share: f64) {
        let at = self.locate(selector, share);
        self.mouse("mouseMoved", at);
    }

    /// Replaces the text of a field: clicks it, selects what it has, and types.
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector);
        self.evaluate("document.activeElement.select()");
        if text.is_empty() {
            self.press("Backspace");
        } else {
            self.call("Input.insertText", json!({"text": text}));
        }
    }

    /// Presses a key, which goes to the element in focus.
    pub fn press(&mut self, key: &str) {
        let code = match key {
            "Backspace" => 8,
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            " " => 32,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => panic!("no code for the key {key}"),
        };
        let text = match key {
            "Enter" => "\r",
            " " => " ",
            _ => "",
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            self.call(
                "Input.dispatchKeyEvent",
                json!({"type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code}),
            );
        }
    }

    /// Scrolls an element into view, and returns a position in it: a share of its width, in the middle of its height.
    fn locate(&mut self, selector: &str, share: f64) -> (f64, f64) {
        let selector = Value::from(selector);
        // What comes into view may change its size and move the rest, so that the position is read two frames later.
        let at = self.evaluate(&format!(
            "(async () => {{ const it = document.querySelector({selector}); for (let turn = 0; turn < 2; turn += 1) {{ \
             it.scrollIntoView({{block: 'center', behavior: 'instant'}}); await new Promise((resolve) => \
             requestAnimationFrame(() => requestAnimationFrame(resolve))); }} const box = it.getBoundingClientRect(); \
             return [box.x + {share} * box.width, box.y + box.height / 2]; }})()"
        ));
        (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
    }

    fn mouse(&mut self, kind: &str, (x, y): (f64, f64)) {
        let pressed = i32::from(kind != "mouseReleased");
        self.call(
            "Input.dispatchMouseEvent",
            json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": pressed, "clickCount": 1}),
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
        // What was started may be a script that passes no signal on to the browser. It may also have ended by itself.
        let close = json!({"id": self.sent + 1, "method": "Browser.close"});
        let _ = self.socket.send(Message::text(close.to_string()));
        let asked = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) && asked.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
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
