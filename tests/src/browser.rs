//! Runs a browser for tests: the Chromium that `CHEM_TEST_CHROMIUM` names, or else the first in `PATH`.
//!
//! The suites decide what a page should contain.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

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
