//! Draws the steps of a run as a graph: each step to the right of those that feed it.

use crate::event::RecordedStep;
use crate::workbench::step_of;

/// The most steps to draw. More are clearer as a list.
pub(super) const MOST_STEPS: usize = 200;

/// The width and height of a box, in the units of the drawing.
pub(super) const BOX: (usize, usize) = (172, 40);
/// The distance from the left edge of a box to that of the next, and between their upper edges.
const STRIDE: (usize, usize) = (216, 56);
/// The space around the drawing.
const MARGIN: usize = 8;
/// The longest text in a box, in characters.
const LABEL: usize = 24;

/// A drawing of steps.
pub(super) struct Graph {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) boxes: Vec<StepBox>,
    pub(super) wires: Vec<Wire>,
}

pub(super) struct StepBox {
    /// The index of the step.
    pub(super) index: usize,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) label: String,
}

/// The curve from one box to another.
pub(super) struct Wire {
    pub(super) path: String,
}

impl Graph {
    /// Draws the steps of a flow; `None` if there are too many.
    pub(super) fn of(steps: &[RecordedStep]) -> Option<Self> {
        if steps.is_empty() || steps.len() > MOST_STEPS {
            return None;
        }
        // A step is fed only by steps before it, so their columns are known.
        let mut columns: Vec<usize> = Vec::new();
        let mut filled: Vec<usize> = Vec::new();
        let mut boxes: Vec<StepBox> = Vec::new();
        let mut wires = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let mut feeds: Vec<usize> =
                step.inputs.values().filter_map(|wire| position(steps, step_of(wire))).collect();
            feeds.sort_unstable();
            feeds.dedup();
            let before = feeds.iter().filter_map(|feed| columns.get(*feed));
            let column = before.max().map_or(0, |last| last + 1);
            columns.push(column);
            filled.resize(filled.len().max(column + 1), 0);
            let row = filled[column];
            filled[column] += 1;
            let (x, y) = (MARGIN + column * STRIDE.0, MARGIN + row * STRIDE.1);
            for from in feeds.iter().filter_map(|feed| boxes.get(*feed)) {
                wires.push(Wire::between(from, x, y));
            }
            boxes.push(StepBox { index, x, y, label: label(&step.id) });
        }
        let rows = filled.iter().max().copied().unwrap_or(1);
        Some(Self {
            width: 2 * MARGIN + (filled.len() - 1) * STRIDE.0 + BOX.0,
            height: 2 * MARGIN + (rows - 1) * STRIDE.1 + BOX.1,
            boxes,
            wires,
        })
    }
}

impl Wire {
    fn between(from: &StepBox, x: usize, y: usize) -> Self {
        let (begin, end) = ((from.x + BOX.0, from.y + BOX.1 / 2), (x, y + BOX.1 / 2));
        let middle = (begin.0 + end.0) / 2;
        Self { path: format!("M{} {}C{middle} {} {middle} {} {} {}", begin.0, begin.1, begin.1, end.1, end.0, end.1) }
    }
}

fn position(steps: &[RecordedStep], id: &str) -> Option<usize> {
    steps.iter().position(|step| step.id == id)
}

fn label(id: &str) -> String {
    match id.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", &id[..end]),
        None => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StepKind;

    fn step(id: &str, inputs: &[&str]) -> RecordedStep {
        RecordedStep {
            gate: None,
            shards: None,
            id: id.to_owned(),
            inputs: inputs.iter().map(|wire| (format!("port-{wire}"), (*wire).to_owned())).collect(),
            kind: StepKind::Transform,
            params: serde_json::Map::new(),
            resources: None,
            retry: None,
            timeout_ms: None,
            uses: "demo.seed".to_owned(),
            version: 1,
        }
    }

    #[test]
    fn a_step_is_to_the_right_of_all_that_feed_it_and_no_two_are_in_one_place() {
        let steps = [
            step("a", &[]),
            step("b", &[]),
            step("c", &["a.main", "a.rejects"]),
            step("d", &["b", "c"]),
            step("e", &["a"]),
            step("f", &["d.main", "nowhere"]),
        ];
        let graph = Graph::of(&steps).unwrap();
        let x: Vec<usize> = graph.boxes.iter().map(|it| (it.x - MARGIN) / STRIDE.0).collect();
        assert_eq!(x, [0, 0, 1, 2, 1, 3]);
        assert_eq!(graph.wires.len(), 5);
        let mut places: Vec<_> = graph.boxes.iter().map(|it| (it.x, it.y)).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), steps.len());
        assert!(places.iter().all(|(x, y)| x + BOX.0 <= graph.width && y + BOX.1 <= graph.height));
    }

    #[test]
    fn what_is_too_large_for_a_drawing_is_not_drawn() {
        let steps: Vec<RecordedStep> = (0..=MOST_STEPS).map(|index| step(&index.to_string(), &[])).collect();
        assert!(Graph::of(&steps).is_none());
        assert!(Graph::of(&steps[1..]).is_some());
        assert!(Graph::of(&[]).is_none());
    }
}
