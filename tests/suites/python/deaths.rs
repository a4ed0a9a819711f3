//! Workers that die: the record that kills one is found and set apart.

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
