//! Workers that die: the record that kills one is found and set apart.

use serde_json::json;

use crate::harness::Place;

fn killing(how: &str) -> String {
    format!(
        "import os, signal, ctypes\nfrom chem_flow import step\n\n\n@step('lab.kills', version=1, rows=True)\n\
         def kills(name: str) -> {{'length': int}}:\n    if name == 'c':\n        {how}\n    return {{'length': len(name)}}\n"
    )
}

#[test]
fn a_row_that_kills_the_worker_is_rejected() {
    for (how, reason) in [
        ("os.kill(os.getpid(), signal.SIGKILL)", "the worker was killed by SIGKILL while it worked on this row"),
        ("os.abort()", "the worker was killed by SIGABRT while it worked on this row"),
        ("os._exit(3)", "the worker exited with status 3 while it worked on this row"),
        ("ctypes.string_at(0)", "the worker was killed by SIGSEGV while it worked on this row"),
    ] {
        let Some(place) = Place::with(&killing(how)) else { return };
        place.flow("{ id: it, uses: lab.kills }");
        let run = place.run();
        assert_eq!(place.rows(&run, 1, 0).len(), 4, "{how}");
        let rejects = place.rows(&run, 1, 1);
        assert_eq!((rejects.len(), &rejects[0][3]), (1, &reason.into()), "{how}: {rejects:?}");
    }
}

/// A worker of another release could send other columns than the step declares: none may be left out or take the place of another.
#[test]
fn what_a_worker_sends_is_compared_with_what_the_step_declares() {
    let module = |form: &str| {
        format!(
            "import pyarrow as pa\nimport chem_flow._worker as worker\nfrom chem_flow import step\n\n\n\
             @step('lab.two', version=1, {form}def two(rows: pa.Table) -> {{'one': int, 'other': float}}:\n    \
             worker._stream = lambda table, send=worker._stream: send(CHANGE)\n    ones = [1] * rows.num_rows\n    \
             return pa.table({{'one': ones, 'other': [float(one) for one in ones]}})\n"
        )
    };
    let forms = ["rows=True, columns=['name'])\n", ")\n"].map(module);
    for (change, says) in [
        ("table.drop_columns(['other'])", "`other` is missing"),
        ("table.append_column('more', [[1] * table.num_rows])", "`more` is not declared"),
        ("table.set_column(1, 'other', [[1] * table.num_rows])", "`other` is integer, and float is declared"),
        ("table.select(['other', 'one'])", ""),
    ] {
        for module in &forms {
            let Some(place) = Place::with(&module.replace("CHANGE", change)) else { return };
            place.flow("{ id: it, uses: lab.two }");
            if says.is_empty() {
                let run = place.run();
                let row = place.rows(&run, 1, 0)[0].clone();
                assert_eq!(row.as_array().unwrap().iter().rev().take(2).collect::<Vec<_>>(), [&json!(1), &json!(1)]);
                continue;
            }
            let said = place.chem(&["run", "flow.yaml"]).expect(1).stderr;
            assert!(
                said.contains("`lab.two` declares other columns than its worker sent") && said.contains(says),
                "{said}"
            );
        }
    }
}
