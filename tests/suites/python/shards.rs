//! Steps in Python in shards: what comes out is that of the whole, and a row that kills the program is a reject of its step.

use serde_json::{Value, json};

use crate::harness::{Outcome, PIC50, Place};

/// A step that kills the program that started its worker, for one row.
const DEADLY: &str = r#"
import os, pathlib, signal, time
from chem_flow import step


@step("lab.deadly", version=1, rows=True)
def deadly(name: str) -> {"length": int}:
    if name == "c":
        process = os.getpid()
        while not pathlib.Path(f"/proc/{process}/comm").read_text().startswith("chem"):
            process = int(pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
        with open("died.txt", "a") as file:
            print("died", file=file)
        os.kill(process, signal.SIGKILL)
        time.sleep(60)
    return {"length": len(name)}
"#;

/// Writes the flow with a step on the rows of `assay.csv`, as a whole or in shards.
fn write(place: &Place, step: &str, in_shards: bool) {
    let step = match in_shards {
        true => format!("  - map:\n      over: read\n      rows: 2\n      steps:\n        - {step}\n"),
        false => format!("  - {step}\n"),
    };
    place.steps(&format!("  - {{ id: read, uses: table.read, with: {{ path: assay.csv }} }}\n{step}"));
}

#[test]
fn a_step_in_python_gives_in_shards_what_it_gives_as_a_whole() {
    let (Some(whole), Some(cut)) = (Place::with(PIC50), Place::with(PIC50)) else { return };
    let step = "{ id: potency, uses: lab.pic50, with: { floor: 0.5 } }";
    write(&whole, step, false);
    write(&cut, step, true);
    let (expected, run) = (whole.run(), cut.run());
    assert_eq!(run["children"].as_array().unwrap().len(), 3, "{run:#}");
    assert_eq!(run["flow_fingerprint"], expected["flow_fingerprint"]);
    assert_eq!(run["steps"][1]["outputs"], expected["steps"][1]["outputs"]);
    assert_eq!(cut.rows(&run, 1, 1).len(), 2);
    cut.chem(&["verify", "@last"]).expect(0);
}

#[test]
fn a_row_that_kills_the_program_is_a_reject_of_its_step() {
    let Some(place) = Place::with(DEADLY) else { return };
    write(&place, "{ id: it, uses: lab.deadly }", true);
    let mut ended: Outcome = place.chem(&["run", "flow.yaml", "--format", "json"]);
    while ended.status == -1 && deaths(&place) < 20 {
        ended = place.chem(&["resume", "@last", "--format", "json"]);
    }
    let run = ended.expect(0).json();
    // Two at the shard, and three at the row, which is a part of it.
    assert_eq!(deaths(&place), 5);
    let names = |rows: &[Value]| rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>();
    assert_eq!(names(&place.rows(&run, 1, 0)), ["a", "b", "d", "e"]);
    let reason = "3 processes, one after the other, died at step `it`";
    let rejects = place.rows(&run, 1, 1);
    assert_eq!((rejects.len(), &rejects[0][2], &rejects[0][3]), (1, &"c".into(), &reason.into()), "{rejects:?}");
    assert_eq!(run["set_apart"], json!([{ "step": "it", "row": 3, "reason": reason }]));
    place.chem(&["verify", "@last"]).expect(0);
}

fn deaths(place: &Place) -> usize {
    std::fs::read_to_string(place.path().join("died.txt")).unwrap_or_default().lines().count()
}
