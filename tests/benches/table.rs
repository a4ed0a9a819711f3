//! The table of results.

/// One line of it.
pub struct Line {
    /// What was done.
    pub work: String,
    /// What the store did, with its unit.
    pub store: String,
    /// What it is compared with.
    pub bare: String,
    /// How the two stand.
    pub ratio: f64,
    /// What is asked for; nothing of what is there to be compared with.
    pub target: Option<Target>,
}

/// What is asked of a ratio.
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

pub fn head() {
    println!("| work | store | compared with | ratio | target | met |");
    println!("|---|---|---|---|---|---|");
}

pub fn print(line: &Line) {
    let said = |met| if met { "yes" } else { "no" };
    let (target, met) = match line.target {
        Some(Target::AtLeast(least)) => (format!("≥ {least}"), said(line.ratio >= least)),
        Some(Target::AtMost(most)) => (format!("≤ {most}"), said(line.ratio <= most)),
        None => ("none".to_owned(), ""),
    };
    let Line { work, store, bare, ratio, .. } = line;
    println!("| {work} | {store} | {bare} | {ratio:.2} | {target} | {met} |");
}

/// The round whose ratio is in the middle.
pub fn median(mut rounds: Vec<(f64, f64)>) -> (f64, f64) {
    rounds.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    rounds[rounds.len() / 2]
}
