//! Steps in Python on a machine whose disk is full.

use chem_tests::small_disk::{FullScratch, SmallDisk};

use crate::harness::{Outcome, Place};

/// A module with steps that keep data in temporary files: one for each row, and one for the whole table.
const KEEPS: &str = r#"
import os
import tempfile

import pyarrow as pa

from chem_flow import step


def keep():
    # By itself, Python looks for another directory if this one is full.
    with tempfile.NamedTemporaryFile(dir=os.environ.get("TMPDIR"), delete=False) as kept:
        kept.write(bytes(1_000_000))


@step("lab.by_row", version=1, rows=True)
def by_row(ic50_nm: float) -> {"kept": float}:
    keep()
    return {"kept": ic50_nm}


@step("lab.whole", version=1)
def whole(table: pa.Table) -> pa.Table:
    keep()
    return table
"#;

#[test]
fn a_step_in_python_on_a_full_disk_rejects_no_row_and_fails_no_child() {
    for step in ["lab.by_row", "lab.whole"] {
        let Some(place) = Place::with(KEEPS) else { return };
        place.write("assay.csv", "name,ic50_nm\na,10\nb,3\n");
        place.write(
            "child.yaml",
            &format!(
                "flow: child\nsteps_from: [steps.py]\nparams: {{ at_least: 0 }}\nsteps:\n  - {{ id: read, uses: table.read, with: {{ \
                 path: assay.csv }} }}\n  - {{ id: keep, uses: {step} }}\n  - {{ id: some, uses: table.filter, with: {{ where: \
                 ic50_nm >= params.at_least }} }}\n"
            ),
        );
        place.write(
            "mapped.yaml",
            "flow: mapped\nsteps:\n  - id: every\n    map: { flow: child.yaml, over: { at_least: [1, 5] } }\n",
        );
        let machine = FullScratch::at(place.path().join("scratch"));
        if machine.disk().is_none() {
            return SmallDisk::skip("a step in Python on a full disk");
        }
        let on_full = |arguments: &[&str]| Outcome::from(machine.command(place.command(arguments)).output().unwrap());
        let ended = on_full(&["run", "mapped.yaml", "-q"]).expect(6).stderr;
        assert!(ended.contains("No space left on device") && ended.contains("is full"), "{step}: {ended}");
        let run = place.chem(&["resume", "@last", "--format", "json", "-q"]).expect(0).json();
        assert_eq!((&run["status"], &run["event_variants"]), (&"completed".into(), &"ISFC".into()), "{step}: {run}");
        let failed = on_full(&["run", "child.yaml", "-q", "--no-cache"]).expect(1);
        assert!((failed.stdout + &failed.stderr).contains("is full"));
    }
}
