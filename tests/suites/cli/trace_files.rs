//! `chem trace` over several files, joins with files, and the alerts and rules behind a condition.

use serde_json::{Value, json};

use crate::harness::Place;

/// Runs a flow with these steps.
fn run(place: &Place, steps: &str) {
    place.write("flow.yaml", &format!("flow: files\nsteps:\n{steps}"));
    place.chem(&["run", "flow.yaml", "-q"]).expect(0);
}

fn trace(place: &Place, record: &[&str]) -> String {
    place.chem(&[&["trace", "@last"], record].concat()).expect(0).stdout
}

#[test]
fn a_record_of_several_files_is_found_in_the_one_that_has_it() {
    for extra in ["", ", file_column: of"] {
        let place = Place::new();
        place.write("parts/a.csv", "name,score\nx,1\ny,2,9\nz,3\n").write("parts/b.csv", "name,score\nu,4\nv,5\n");
        run(&place, &format!("  - {{ id: read, uses: table.read, with: {{ path: 'parts/*.csv'{extra} }} }}\n"));
        for (name, place_of, written) in [
            ("x", "record 1 of `a.csv`", "written in line 2 as `x,1`"),
            ("z", "record 3 of `a.csv`", "written in line 4 as `z,3`"),
            ("u", "record 1 of `b.csv`", "written in line 2 as `u,4`"),
            ("v", "record 2 of `b.csv`", "written in line 3 as `v,5`"),
        ] {
            let text = trace(&place, &[name]);
            assert!(text.contains(place_of) && text.contains(written), "{name}{extra}: {text}");
        }
        let rejected = trace(&place, &["y"]);
        assert!(rejected.contains("record 2 of `a.csv`") && rejected.contains("in line 3 is `y,2,9`"), "{rejected}");
        place.write("parts/b.csv", "name,score\nu,4\n");
        let changed = trace(&place, &["x"]);
        assert!(changed.contains("its text is not shown: `parts/*.csv` has changed since it was read"), "{changed}");
    }
}

#[test]
fn a_join_with_a_file_names_the_row_of_the_file() {
    let place = Place::new();
    place.write("left.csv", "name,score\nx,1\ny,2\nz,3\n").write("prices.csv", "of,price\ny,5\nx,7\nx,8\n");
    let join = |how: &str| format!("{{ file: prices.csv, on: [name], right_on: [of], how: {how} }}");
    run(
        &place,
        &format!(
            "  - {{ id: read, uses: table.read, with: {{ path: left.csv }} }}\n  \
             - {{ id: all, uses: table.join, inputs: {{ left: read }}, with: {} }}\n  \
             - {{ id: unpriced, uses: table.join, inputs: {{ left: read }}, with: {} }}\n",
            join("left"),
            join("anti")
        ),
    );
    let text = trace(&place, &["x"]);
    assert!(
        text.contains("row 1 with row 2 of `prices.csv`") && text.contains("row 2 with row 3 of `prices.csv`"),
        "{text}"
    );
    assert!(text.contains("name `x`; row 2 of `prices.csv` has this key, and `how` is `anti`"), "{text}");
    let text = trace(&place, &["z"]);
    assert!(text.contains("without a row of `prices.csv`, which has none with this key"), "{text}");
    place.write("prices.csv", "of,price\n");
    let text = trace(&place, &["x"]);
    let unread = "with `prices.csv`, whose row is not named: `prices.csv` has changed since it was read";
    assert!(text.contains(unread), "{text}");
    let json = place.chem(&["trace", "@last", "x", "--format", "json"]).expect(0).json();
    let partner = &json["records"][0]["steps"][0]["rows"][0]["partner"];
    assert_eq!((&partner["row"], &partner["missing"]), (&Value::Null, &json!(false)));
    assert_eq!(partner["unread"], "`prices.csv` has changed since it was read");
}

#[cfg(feature = "chemistry")]
#[test]
fn a_condition_on_alerts_or_rules_names_those_that_count() {
    let place = Place::new();
    place.write("in.csv", "smiles,name\nCC=O,acetaldehyde\nCCCCCCCCCCCCCCCC,hexadecane\nCCO,ethanol\n");
    run(
        &place,
        "  - { id: read, uses: molecules.read, with: { path: in.csv } }\n  \
         - { id: mark, uses: molecules.alerts, with: { catalogue: [brenk] } }\n  \
         - { id: sorted, uses: table.sort, with: { by: [name] } }\n  \
         - { id: clean, uses: molecules.filter, with: { where: 'alert_count == 0' } }\n  \
         - { id: rules, uses: molecules.rules, inputs: { molecules: sorted }, with: { rules: [egan, veber] } }\n  \
         - { id: like, uses: molecules.filter, with: { where: 'egan && veber' } }\n",
    );
    let text = trace(&place, &["acetaldehyde"]);
    let dropped = "dropped by `clean`: alert_count 1, alerts `brenk:aldehyde`, and `alert_count == 0` does not hold";
    assert!(text.contains(dropped), "{text}");
    let text = trace(&place, &["hexadecane"]);
    // 16 carbon atoms have 13 rotatable bonds.
    for part in
        ["egan false, egan_broken `logp > 5.88`, and `egan` does not hold", "veber_broken `rotatable_bonds > 10`"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}
