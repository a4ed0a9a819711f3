//! Prints the table of results.

/// One row of the table.
pub struct Line {
    /// The work that was measured.
    pub work: String,
    /// The result for the runtime or the store, with its unit.
    pub store: String,
    /// The baseline, with its unit.
    pub bare: String,
    /// The ratio of the two; which is the dividend depends on the measurement.
    pub ratio: f64,
    /// The required ratio, or `None` if there is none.
    pub target: Option<Target>,
}

/// A bound on a ratio.
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

/// Returns the round with the median ratio.
pub fn median(mut rounds: Vec<(f64, f64)>) -> (f64, f64) {
    rounds.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    rounds[rounds.len() / 2]
}
