//! The help texts of the commands.

use crate::harness::Place;

fn help(command: &str) -> String {
    Place::new().chem(&[command, "--help"]).expect(0).stdout
}

#[test]
fn the_global_options_have_a_heading_of_their_own() {
    let help = help("run");
    let (own, global) = help.split_once("\nGlobal options:\n").unwrap();
    for option in ["--store", "--format", "--quiet", "--verbose"] {
        assert!(!own.contains(&format!("{option} ")) && global.contains(option), "{option}: {help}");
    }
    assert!(own.contains("--set") && !global.contains("--set"), "{help}");
}

#[test]
fn an_option_is_shown_where_it_does_something() {
    let place = Place::new();
    for command in ["check", "steps", "schema", "new", "completions"] {
        assert!(!help(command).contains("--store"), "{command}");
    }
    assert!(help("manifest").contains("--store") && help("manifest").contains("--output"));
    assert!(help("ls").contains("--store") && help("store").contains("--store"));
    // The option is still accepted, since scripts pass it to every command.
    place.chem(&["steps", "--store", "sqlite:my.db"]).expect(0);
    place.chem(&["--store", "sqlite:my.db", "new", "flow", "it"]).expect(0);

    assert!(help("plan").contains("mermaid") && !help("run").contains("mermaid"));
    let refused = place.chem(&["plan", "demo.yaml", "--format", "svg"]).expect(2).stderr;
    assert!(refused.contains("human, json, dot, mermaid"), "{refused}");
    let refused = place.chem(&["run", "demo.yaml", "--format", "svg"]).expect(2).stderr;
    assert!(refused.contains("human, json]"), "{refused}");
}

#[test]
fn a_plan_does_not_promise_to_run() {
    assert!(!help("plan").contains("Run every step"));
}

#[test]
fn what_can_be_given_twice_says_which_counts() {
    for command in ["check", "run", "plan", "diff", "branch"] {
        let words: String = help(command).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("Can be given several times; the last value for a parameter counts"), "{command}");
    }
    assert!(help("diff").contains("If the second is a manifest"));
}
