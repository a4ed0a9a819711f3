//! Measures the CPU time that each stage of the work on a molecule takes.

use std::hint::black_box;

use chem_runtime::artifact::{ArtifactValue as _, Column, ColumnType, Table, Values};
use chem_runtime::chemistry::{Property, Structure};
use chem_runtime::records::on_workers;

use crate::{bare, library};

/// The number of molecules to measure. Their structures are kept in memory, some 55 kB each.
const SOME: usize = 1_000;
const ROUNDS: usize = 3;

/// Which of the flow and the bare loop does a stage.
const BOTH: &str = "both";
const FLOW: &str = "the flow";

/// Prints the time of each stage.
pub fn print() {
    println!("\n| stage | µs of a core per molecule | done by |\n|---|---|---|");
    on_workers(measure).unwrap();
}

fn measure() {
    let given: Vec<String> = library::lines(SOME).iter().map(|line| library::smiles(line).to_owned()).collect();
    let parsed =
        || -> Vec<Structure> { given.iter().filter_map(|smiles| Structure::from_smiles(smiles).ok()).collect() };
    let canonical: Vec<String> = parsed().iter().map(|structure| structure.canonical_smiles().unwrap()).collect();
    let described =
        || -> Vec<Structure> { canonical.iter().map(|smiles| Structure::from_canonical(smiles).unwrap()).collect() };

    say(
        "SMILES of the file to structure",
        each(|| &given, |smiles| drop(black_box(Structure::from_smiles(smiles)))),
        BOTH,
    );
    say("canonical SMILES", each(parsed, |structure| drop(black_box(structure.canonical_smiles()))), BOTH);
    let short = each(|| &canonical, |smiles| drop(black_box(Structure::from_canonical(smiles))));
    say("canonical SMILES to structure", short, FLOW);
    let (dear, cheap): (Vec<_>, Vec<_>) =
        bare::PROPERTIES.into_iter().partition(|name| ["logp", "rotatable_bonds"].contains(name));
    let compute = |names: &[&str]| {
        let properties: Vec<&Property> = names.iter().filter_map(|name| Property::named(name)).collect();
        each(described, |structure| properties.iter().for_each(|property| drop(black_box(property.of(structure)))))
    };
    for name in dear {
        say(&format!("`{name}`"), compute(&[name]), BOTH);
    }
    say("the other six properties", compute(&cheap), BOTH);
    say("canonical JSON and SHA-256 of a table of them", packing(&canonical), FLOW);
    say("all that a bare loop does", each(|| &given, |smiles| bare::describe(smiles)), "the bare loop");
}

fn say(stage: &str, micros: f64, whose: &str) {
    println!("| {stage} | {micros:.1} | {whose} |");
}

/// Returns the time that `work` takes per item, in µs: the minimum over the rounds. Each round creates its items anew.
fn each<I: IntoIterator>(items: impl Fn() -> I, work: impl Fn(&I::Item)) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let items: Vec<I::Item> = items().into_iter().collect();
        let begun = core_micros();
        items.iter().for_each(&work);
        (core_micros() - begun) / items.len() as f64
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// Returns the CPU time of this thread, in µs. It excludes other programs on the machine.
fn core_micros() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells the time that a thread took");
    stat.split_whitespace().next().unwrap_or_default().parse::<f64>().unwrap() / 1e3
}

fn packing(smiles: &[String]) -> f64 {
    let number = |scale: f64| Values::floats((0..smiles.len()).map(|row| (row as f64 * scale * 1e6).round() / 1e6));
    let words = || Values::texts(smiles.iter().map(|smiles| smiles.as_str()));
    let columns =
        [("name", words()), ("smiles", words())].map(|(name, data)| (Column::new(name, ColumnType::Text), data));
    let numbers = [0.12345, 0.02, 0.3, 0.004, 0.05, 0.6, 0.07, 0.008]
        .map(|scale| (Column::new(format!("n{scale}").as_str(), ColumnType::Float), number(scale)));
    let table = Table::new(columns.into_iter().chain(numbers)).unwrap();
    each(|| [&table], |table| drop(black_box(table.pack()))) / smiles.len() as f64
}
