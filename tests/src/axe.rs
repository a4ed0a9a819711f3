//! Checks pages with axe-core, the script that `CHEM_TEST_AXE` names: whether people can use them who see little, or who
//! use a keyboard or a screen reader.

use std::io::Write as _;
use std::sync::OnceLock;

use crate::browser::Browser;

/// The environment variable with the path of `axe.min.js`, from the package `axe-core`.
pub const TEST_AXE: &str = "CHEM_TEST_AXE";
/// The environment variable that, set to `1`, makes a missing script a failure.
pub const REQUIRE_AXE: &str = "CHEM_REQUIRE_AXE";

/// Returns what axe-core finds on the page that a browser shows: for each finding its severity, its rule, and the elements.
/// Returns nothing without the script, after printing a notice.
///
/// # Panics
/// If the script is missing and `CHEM_REQUIRE_AXE=1` requires it, or if it fails.
pub fn findings(browser: &mut Browser) -> Vec<String> {
    let Some(script) = script() else { return Vec::new() };
    // The page's own policy does not apply to what a debugger evaluates.
    browser.evaluate(&format!("{script};0"));
    let found = browser.evaluate(
        "axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => `${impact}: ${id}: \
         ${nodes.map(({ html }) => html.slice(0, 200)).join(' ')}`))",
    );
    serde_json::from_value(found).unwrap()
}

fn script() -> Option<&'static str> {
    static SCRIPT: OnceLock<Option<String>> = OnceLock::new();
    let script = SCRIPT.get_or_init(|| {
        let Some(path) = std::env::var_os(TEST_AXE) else {
            let hint = "get axe-core (`npm pack axe-core`), and set CHEM_TEST_AXE to its `axe.min.js`";
            assert!(std::env::var(REQUIRE_AXE).as_deref() != Ok("1"), "no axe-core to test with: {hint}");
            // Writes past the capture of the test harness, which would swallow the notice. Ignores a closed stderr.
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: THE CHECKS OF PAGES WITH AXE-CORE: {hint}\n");
            return None;
        };
        let text = std::fs::read_to_string(&path);
        Some(text.unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display())))
    });
    script.as_deref()
}
