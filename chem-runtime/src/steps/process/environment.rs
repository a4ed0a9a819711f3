//! Sets the environment of a program: a few variables of this process, those that the manifest lists, and some with fixed
//! values. Passwords and cloud credentials are not passed on by accident.

use std::process::Command;

use crate::step::{Misfit, PathPart};

/// The variables of this process that every program inherits: the locations of programs and files, and the user.
const PASSED: &[&str] = if cfg!(windows) {
    &[
        "PATH",
        "PATHEXT",
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "COMSPEC",
        "TEMP",
        "TMP",
        "USERNAME",
        "USERPROFILE",
        "APPDATA",
        "LOCALAPPDATA",
        "PROGRAMDATA",
        "PROGRAMFILES",
    ]
} else {
    &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR"]
};

/// Fixed values, because results must not depend on the machine.
const FIXED: &[(&str, &str)] = &[("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC"), ("PYTHONHASHSEED", "0")];

/// Sets the environment of `program`. `named` are the variables that the manifest lists; those that this process does not
/// have are skipped.
pub(in crate::steps) fn set_environment(program: &mut Command, named: &[String]) {
    program.env_clear();
    for name in PASSED.iter().copied().chain(named.iter().map(String::as_str)) {
        if let Some(value) = std::env::var_os(name) {
            program.env(name, value);
        }
    }
    program.envs(FIXED.iter().copied());
}

/// Checks the names of variables with secrets.
pub(in crate::steps) fn wrong_secrets<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Misfit> {
    let wrong = |name: &str| {
        let message = match FIXED.iter().find(|(fixed, _)| *fixed == name) {
            Some((_, value)) => format!("`{name}` is `{value}` for every program"),
            None if name.is_empty() || name.contains(['=', '\0']) => {
                format!("`{}` is not the name of a variable", name.escape_default())
            }
            None => return None,
        };
        Some(Misfit::new("secrets", message).at(PathPart::Key(name.to_owned())))
    };
    names.filter_map(wrong).collect()
}

/// Checks the names of inherited variables.
pub(in crate::steps) fn wrong_names(named: &[String]) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    for (index, name) in named.iter().enumerate() {
        let fixed = FIXED.iter().find(|(fixed, _)| fixed == name);
        let message = match fixed {
            Some((_, value)) => format!("`{name}` is `{value}` for every program"),
            None if name.is_empty() || name.contains(['=', '\0']) => {
                format!("`{}` is not the name of a variable", name.escape_default())
            }
            None => continue,
        };
        let help = match (fixed, name.split_once('=')) {
            (Some(_), _) => "omit it, or set it in the command: `[env, NAME=value, program]`".to_owned(),
            (None, Some((name, value))) if !name.is_empty() => {
                format!("`env` lists names to inherit; set a value in the command: `[env, {name}={value}, program]`")
            }
            (None, _) => "write names, such as `[LD_LIBRARY_PATH]`".to_owned(),
        };
        misfits.push(Misfit::new("env", message).at(PathPart::Index(index)).with_help(help));
    }
    misfits
}
