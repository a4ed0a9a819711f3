//! A walk through all pages in a real browser.

use chem_tests::axe;
use chem_tests::browser::Browser;

use crate::harness::{Explorer, output, place, run};

/// A flow to sweep.
const LETTERS: &str = "flow: letters
params: { text: CO }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
";

#[test]
fn every_page_keeps_its_policy_fits_the_screen_and_passes_axe() {
    let Some(mut browser) = Browser::start() else { return };
    let place = place();
    let (first, second) = (run(&place, "2"), run(&place, "5"));
    place.write("letters.yaml", LETTERS);
    let sweep = place.chem(&["run", "letters.yaml", "--sweep", "text=C,<b>CC</b>", "-q", "--format", "json"]);
    let swept = sweep.json()["flow_id"].as_str().unwrap().to_owned();
    let explorer = Explorer::of(&place);
    let hash = output(&place.show(&first), "describe", "main");
    let file = output(&place.show(&first), "table", "main");
    browser.visit(&explorer.entrance);
    for (width, dark) in [(1600, false), (1600, true), (360, false), (360, true)] {
        browser.show_as(width, 900, dark);
        for path in [
            "/runs".to_owned(),
            "/runs?status=failed".to_owned(),
            "/runs?children=listed".to_owned(),
            format!("/runs/{first}"),
            format!("/runs/{first}/log"),
            format!("/runs/{swept}"),
            format!("/runs/{swept}/children"),
            format!("/runs/{second}/steps/keep"),
            format!("/artifacts/{hash}"),
            format!("/artifacts/{hash}?sort=logp&descending=true&where=logp+%3C+9"),
            format!("/artifacts/{hash}?run={first}"),
            format!("/runs/{first}/trace?record=5"),
            format!("/artifacts/{file}"),
            format!("/compare?before={first}&after={second}"),
        ] {
            let visit = browser.visit(&format!("{}{path}", explorer.base));
            assert!(visit.complaints.is_empty(), "{path}: {visit:?}");
            let outside: Vec<&String> = visit.requests.iter().filter(|url| !url.starts_with(&explorer.base)).collect();
            assert!(outside.is_empty(), "{path}: {outside:?}");
            // The names of the molecules would change the title if they were run.
            assert_ne!(browser.evaluate("document.title"), "broken", "{path}");
            assert_eq!(
                browser.evaluate("document.documentElement.scrollWidth <= innerWidth"),
                true,
                "{path} at {width}"
            );
            let broken = "[...document.images].filter((image) => image.complete && !image.naturalWidth).length";
            assert_eq!(browser.evaluate(broken), 0, "{path}");
            let unnamed = "[...document.querySelectorAll('input:not([type=hidden]), select')].filter(\
                           (field) => !field.labels.length && !field.ariaLabel).length";
            assert_eq!(browser.evaluate(unnamed), 0, "{path}: a field has no label");
            let findings = axe::findings(&mut browser);
            assert!(findings.is_empty(), "{path} at {width}, dark {dark}: {findings:#?}");
        }
    }
}

#[test]
fn from_the_list_of_runs_to_a_comparison_and_to_the_structure_of_a_molecule() {
    let Some(mut browser) = Browser::start() else { return };
    let place = place();
    run(&place, "2");
    run(&place, "5");
    let explorer = Explorer::of(&place);
    browser.visit(&explorer.entrance);
    browser.evaluate("document.querySelectorAll('[name=before]')[1].click()");
    browser.evaluate("document.querySelectorAll('[name=after]')[0].click()");
    browser.evaluate("document.querySelector('form[action=\"/compare\"] button').click()");
    browser.wait_until("location.pathname === '/compare' && document.readyState === 'complete'");
    let text = browser.evaluate("document.querySelector('main').innerText");
    assert!(text.as_str().unwrap().contains("The runs diverge at keep: parameter max_logp 2 → 5"), "{text}");
    browser.evaluate("document.querySelector('.records img').scrollIntoView()");
    browser.wait_until("document.querySelector('.records img').naturalWidth > 0");
}
