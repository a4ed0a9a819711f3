//! A browser for tests: the Chromium that `CHEM_TEST_CHROMIUM` names, or else the first in `PATH`.
//!
//! What a page should be like is for the suites to know.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Names the program to use.
pub const TEST_CHROMIUM: &str = "CHEM_TEST_CHROMIUM";
/// Set to `1`, a missing browser is a failure.
pub const REQUIRE_CHROMIUM: &str = "CHEM_REQUIRE_CHROMIUM";

/// What Chromium is called, by distribution and by flavour.
const NAMES: [&str; 6] =
    ["chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// The document that the page at `path` has become once its scripts have run, as HTML. Its scripts may read other
/// files. `None` if there is no browser, which is then said.
///
/// # Panics
/// If the browser fails, or if there is none and `CHEM_REQUIRE_CHROMIUM=1` asks for one.
pub fn document(path: &Path) -> Option<String> {
    let browser = browser()?;
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(&browser)
        // A test may run as root, and in a container without much shared memory.
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
            // Written past the capture of the test harness, which would swallow it. Nothing can be done about an error
            // stream that is closed.
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: ALL TESTS THAT NEED A BROWSER: {hint}\n");
        });
    }
    found
}
