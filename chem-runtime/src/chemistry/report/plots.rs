//! Draws distributions as histograms: the molecules of the report in front of those for which the values were computed.

use super::value::{counted, number_apart, words};
use crate::artifact::{Column, ColumnType, Values};

/// The size of a plot. Its bars rest on `BASE`; the baseline of the labels is at `LABELS`.
pub(super) const WIDTH: f64 = 360.0;
pub(super) const HEIGHT: f64 = 136.0;
pub(super) const BASE: f64 = 108.0;
pub(super) const LABELS: f64 = 127.0;
const TOP: f64 = 8.0;

/// The room for the three labels below the bars, in characters.
const ROOM: usize = 30;

/// The approximate number of bars.
const BARS: f64 = 24.0;

/// Returns the values of a numeric column without the missing ones, or `None` if the column is not numeric.
pub(super) fn numbers(data: &Values) -> Option<Vec<f64>> {
    match data {
        Values::Integer(values) => Some(values.iter().flatten().map(|value| value as f64).collect()),
        Values::Float(values) => Some(values.iter().flatten().collect()),
        Values::Text(_) | Values::Boolean(_) => None,
    }
}

/// A histogram in the coordinates of its SVG, [`WIDTH`] by [`HEIGHT`].
pub(super) struct Plot {
    /// The index of the column in the table.
    pub(super) column: usize,
    /// The values at the left and at the right end, as text that reads back to them.
    pub(super) from: String,
    pub(super) to: String,
    /// Whether each bar is one whole number.
    pub(super) each: bool,
    pub(super) name: String,
    pub(super) unit: Option<String>,
    pub(super) summary: String,
    /// The bars, from the back to the front.
    pub(super) bars: Vec<Bar>,
    /// The labels below the left end, the middle and the right end; an empty label is left out.
    pub(super) ticks: [String; 3],
}

/// A bar: its upper left corner, its size, and its CSS class, which sets the colour.
pub(super) struct Bar {
    pub(super) class: &'static str,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Builds a histogram of `now`, the values of a column with its index, in front of one of `before` if given, or returns `None` if there are no values or their
/// range is not finite. `one` and `many` name what has the values.
pub(super) fn histogram(
    (index, column): (usize, &Column),
    now: &[f64],
    before: Option<&[f64]>,
    (one, many): (&str, &str),
) -> Option<Plot> {
    let scale = Scale::over(column.ty, before.unwrap_or(now).iter().chain(now))?;
    let counts = |values: &[f64]| {
        let mut counts = vec![0_usize; scale.bars];
        for value in values {
            counts[scale.bar_of(*value)] += 1;
        }
        counts
    };
    let (front, back) = (counts(now), before.map(counts).unwrap_or_default());
    let most = front.iter().chain(&back).copied().max().unwrap_or(1).max(1);
    let width = WIDTH / scale.bars as f64;
    let bar = |class, index: usize, count: usize| {
        let height = (BASE - TOP) * count as f64 / most as f64;
        Bar { class, x: index as f64 * width + 0.5, y: BASE - height, width: (width - 1.0).max(0.5), height }
    };
    let bars = [("before", back), ("now", front)].into_iter().flat_map(|(class, counts)| {
        let bars = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
        bars.map(move |(index, count)| bar(class, index, count))
    });
    let summary = match median(now) {
        Some((least, median, greatest)) => {
            let all = counted(now.len(), one, many);
            let whole = column.ty == ColumnType::Integer;
            let said = |value| said(value, whole, least.abs().max(greatest.abs()), (greatest - least) / 100.0);
            format!("{all}, from {} to {}, median {}", said(least), said(greatest), said(median))
        }
        None => format!("no {one} has a value"),
    };
    Some(Plot {
        column: index,
        from: scale.from.to_string(),
        to: scale.end().to_string(),
        each: scale.each,
        name: words(&column.name),
        unit: column.unit.as_ref().map(ToString::to_string),
        summary,
        bars: bars.collect(),
        ticks: scale.ticks(),
    })
}

/// Renders `value` so that it differs from values of about the given size that are `apart` from it. Renders whole
/// numbers in full, as on a card.
fn said(value: f64, whole: bool, size: f64, apart: f64) -> String {
    if whole && value.fract() == 0.0 && value.abs() < 1e12 {
        return value.to_string().replace('-', "\u{2212}");
    }
    // Equal values need no extra digits.
    number_apart(value, size, if apart > 0.0 { apart } else { size })
}

/// Returns the minimum, the median and the maximum.
fn median(values: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    Some((first, below + (above - below) / 2.0, last))
}

/// Bars of equal width that begin and end at round numbers.
#[derive(Debug, PartialEq)]
struct Scale {
    from: f64,
    step: f64,
    bars: usize,
    /// Whether the values are whole numbers.
    whole: bool,
    /// Whether each bar covers one whole number.
    each: bool,
}

impl Scale {
    fn over<'a>(ty: ColumnType, values: impl Iterator<Item = &'a f64>) -> Option<Self> {
        let (least, greatest) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), value| {
            (least.min(*value), greatest.max(*value))
        });
        if !(greatest - least).is_finite() {
            return None;
        }
        let whole = ty == ColumnType::Integer;
        // Values that differ too little to tell apart share a bar.
        let smallest = if whole { 1.0 } else { (least.abs().max(greatest.abs()) * 1e-9).max(f64::MIN_POSITIVE) };
        let rough = ((greatest - least) / BARS).max(smallest);
        let power = 10_f64.powf(rough.log10().floor());
        let round = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power);
        let step = round.into_iter().find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(rough);
        let from = (least / step).floor() * step;
        // If each whole number has a bar, the maximum needs one, too.
        let each = whole && step < 1.5;
        let bars = ((greatest - from) / step - 1e-9).ceil() as usize + usize::from(each);
        Some(Self { from, step, bars: bars.max(1), whole, each })
    }

    fn bar_of(&self, value: f64) -> usize {
        (((value - self.from) / self.step).floor() as usize).min(self.bars - 1)
    }

    fn end(&self) -> f64 {
        self.from + self.step * self.bars as f64
    }

    /// Returns the labels below the left end, the middle and the right end; empty where there is no room or no number.
    fn ticks(&self) -> [String; 3] {
        let (from, end) = (self.from, if self.each { self.end() - 1.0 } else { self.end() });
        let middle = (from + end) / 2.0;
        let said = |value: f64| said(value, self.whole, from.abs().max(end.abs()), self.step / 2.0);
        if self.bars == 1 {
            return [said(from), String::new(), String::new()];
        }
        let [first, between, last] = [from, middle, end].map(said);
        let long = [&first, &between, &last].into_iter().map(|label| label.chars().count()).sum::<usize>() > ROOM;
        let none = long || (self.each && middle.fract() != 0.0);
        [first, if none { String::new() } else { between }, last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_begin_and_end_at_round_numbers() {
        let over = |ty, values: &[f64]| Scale::over(ty, values.iter());
        let weights = over(ColumnType::Float, &[151.2, 498.7]).unwrap();
        assert_eq!((weights.from, weights.step, weights.end()), (140.0, 20.0, 500.0));
        assert_eq!(
            over(ColumnType::Integer, &[0.0, 7.0]),
            Some(Scale { from: 0.0, step: 1.0, bars: 8, whole: true, each: true })
        );
        assert_eq!(over(ColumnType::Integer, &[3.0]).unwrap().bars, 1);
        assert_eq!(over(ColumnType::Float, &[]), None);
        for values in
            [[0.0, 0.0], [-1e-300, 1e-300], [0.0, 1e-320], [1e300, 1.000_000_1e300], [-1e15, 1e-15], [0.1, 0.3]]
        {
            let scale = over(ColumnType::Float, &values).unwrap();
            assert!((1..=40).contains(&scale.bars), "{values:?}: {scale:?}");
            assert!(values.iter().all(|value| scale.bar_of(*value) < scale.bars));
        }
        assert_eq!(over(ColumnType::Float, &[-f64::MAX, f64::MAX]), None);
    }

    #[test]
    fn every_value_is_in_a_bar() {
        let column = Column::new("a<b", ColumnType::Float).with_unit("g/mol");
        let called = ("molecule", "molecules");
        let plot = histogram((0, &column), &[1.0, 2.0, 2.0], Some(&[1.0, 2.0, 2.0, 9.0]), called).unwrap();
        assert_eq!((plot.name.as_str(), plot.summary.as_str()), ("a<b", "3 molecules, from 1 to 2, median 2"));
        let bars: Vec<&str> = plot.bars.iter().map(|bar| bar.class).collect();
        assert_eq!(bars, ["before", "before", "before", "now", "now"]);
        assert!(histogram((0, &column), &[], None, called).is_none());
    }

    #[test]
    fn small_and_large_values_are_spread_and_named() {
        let ki = Column::new("ki", ColumnType::Float);
        let called = ("molecule", "molecules");
        let plot = histogram((0, &ki), &[2.3e-9, 1e-6, 3.4e-5], None, called).unwrap();
        assert_eq!(plot.summary, "3 molecules, from 2.3×10⁻⁹ to 3.4×10⁻⁵, median 1×10⁻⁶");
        let spread = [1e-12, 2e-12, 5e-12, 9e-12];
        let plot = histogram((0, &ki), &spread, None, called).unwrap();
        assert_eq!(plot.bars.len(), 4);
        let ticks = |ty, values: &[f64]| Scale::over(ty, values.iter()).unwrap().ticks();
        assert_eq!(ticks(ColumnType::Float, &[0.0, 9.9e29]), ["0", "5×10²⁹", "1×10³⁰"]);
        assert_eq!(ticks(ColumnType::Float, &[1_234_560.0, 1_234_570.0]), ["1.23456×10⁶", "", "1.23457×10⁶"]);
        assert_eq!(ticks(ColumnType::Float, &[5.1e-9, 5.1e-9])[1..], ["", ""]);
        assert_eq!(ticks(ColumnType::Float, &[0.0]), ["0", "", ""]);
        assert_eq!(ticks(ColumnType::Integer, &[1_000_001.0, 1_000_003.0]), ["1000001", "1000002", "1000003"]);
    }
}
