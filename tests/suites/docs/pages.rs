//! The tutorial and the README, followed to the letter.

use std::path::Path;

use chem_tests::outside::Outside;

use crate::console::follow;
use crate::generated::in_repository;

fn outside() -> Outside {
    Outside::with(Path::new(env!("CARGO_BIN_EXE_chem-alone")))
}

/// The part about PostgreSQL, which comes last, is left out where there is no server, which has then been said.
#[test]
fn the_tutorial_does_what_it_says() {
    let page = std::fs::read_to_string(in_repository("docs/tutorial.md")).unwrap();
    #[cfg(all(feature = "postgres", unix))]
    let database = chem_tests::postgres_server::database();
    follow(&page, outside(), |name, value| match name {
        #[cfg(all(feature = "postgres", unix))]
        "DATABASE_URL" => database.as_ref().map(|database| database.url()),
        #[cfg(not(all(feature = "postgres", unix)))]
        "DATABASE_URL" => None,
        _ => Some(value.to_owned()),
    });
}

#[test]
fn the_page_on_running_does_what_it_says() {
    let page = std::fs::read_to_string(in_repository("docs/running.md")).unwrap();
    follow(&page, outside(), |_, value| Some(value.to_owned()));
}

#[cfg(feature = "chemistry")]
mod readme {
    use super::*;
    use crate::console::{blocks, matches};

    /// A place with the data that the README's manifests read.
    fn with_flows() -> Outside {
        let outside = outside();
        for file in ["flows/oral-leads.yaml", "flows/data/approved-drugs.csv"] {
            outside.write(file, &std::fs::read_to_string(in_repository(file)).unwrap());
        }
        outside
    }

    /// Everything but the installation, which puts the program where it is here already. The name differs from that of the
    /// tutorial's project, which is built in the same directory at the same time.
    #[test]
    fn its_own_steps_build_and_pass_their_test() {
        let outside = outside();
        let commands = block("$ cargo install --path chem-runtime\n");
        let mut lines = commands.lines().skip(1).map(|line| line.strip_prefix("$ ").unwrap());
        assert_eq!(lines.next(), Some("chem new project lab"));
        outside.shell(".", "chem new project lab").well();
        assert_eq!(lines.next(), Some("cd lab"));

        let (step, test) = (block("use chem_runtime::prelude::*;\n"), block("#[test]\n"));
        outside.write("lab/src/main.rs", &format!("{step}\n{test}"));
        for command in lines {
            outside.shell("lab", command).well();
        }
    }

    /// The block of the README that begins with `beginning`.
    fn block(beginning: &str) -> String {
        let page = std::fs::read_to_string(in_repository("README.md")).unwrap();
        let found = blocks(&page).into_iter().find(|block| block.text.starts_with(beginning));
        found.unwrap_or_else(|| panic!("the README has no block that begins with `{beginning}`")).text
    }

    #[test]
    fn the_flow_of_the_first_page_prints_what_it_says() {
        let outside = with_flows();
        let said = outside.shell(".", "chem run flows/oral-leads.yaml").well();
        // The first two lines have the time and the run's id.
        let promised = block("oral-leads completed in");
        let promised: String = promised.split_inclusive('\n').skip(2).collect();
        assert!(matches(&format!("…\n{promised}"), &said.stdout), "{promised}\n---\n{}", said.stdout);
        let table = block("$ head -3 flows/out/oral-leads.csv\n");
        let (command, promised) = table.strip_prefix("$ ").unwrap().split_once('\n').unwrap();
        assert_eq!(outside.shell(".", command).well().stdout, promised);
    }

    #[test]
    fn its_manifest_runs_and_its_mistake_is_found() {
        let outside = with_flows();
        let manifest = block("flow: heavy-drugs\n");
        outside.write("heavy.yaml", &manifest);
        outside.shell(".", "chem check heavy.yaml").well();
        outside.shell(".", "chem run heavy.yaml --set min_weight=900").well();
        outside.write("heavy.yaml", &manifest.replace("molecules.filter", "molecules.filtr"));
        let said = outside.shell(".", "chem check heavy.yaml");
        let promised = block("error[E0401]");
        assert!(!said.good && matches(&promised, &said.stdout), "{promised}\n---\n{}", said.stdout);
    }
}
