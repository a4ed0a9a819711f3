//! A step is what its code is: what changes its fingerprint, and what `chem why` says of it.

use crate::harness::{PIC50, Place};

#[test]
fn a_changed_helper_runs_the_step_again_and_is_named() {
    let module =
        PIC50.replace("import math\n", "import math\nimport helpers\n").replace("9 - math", "helpers.nine() - math");
    let Some(place) = Place::with(&module) else { return };
    place.write("helpers.py", "from constants import NINE\n\n\ndef nine():\n    return NINE\n");
    place.write("constants.py", "NINE = 9\n").flow("{ id: potency, uses: lab.pic50 }");
    let first = place.run();
    place.write("constants.py", "NINE = 9  # nano\n").write("other.py", "x = 1\n");
    let same = place.run();
    assert_eq!(same["steps"][1]["cached"], true, "a comment and an unrelated file");
    place.write("constants.py", "NINE = 10\n");
    let other = place.run();
    assert_ne!(other["steps"][1]["fingerprint"], first["steps"][1]["fingerprint"]);
    assert_eq!(place.rows(&other, 1, 0)[0][2], 9);
    let why = place.chem(&["why", "@last", "potency"]).expect(0).stdout;
    assert!(why.contains("constants"), "{why}");
}
