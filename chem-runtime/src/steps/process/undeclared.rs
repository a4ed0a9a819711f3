//! Checks the command of a program: whether the program exists, and whether its files are declared.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::prelude::*;
use crate::step::{MisfitKind, PathPart};

/// The maximum length of a script's first line that is read, in bytes.
const FIRST_LINE: usize = 256;

/// Reports a program that does not exist or is not executable, or a script whose interpreter does not exist. `param` is the
/// parameter with the command.
pub(super) fn missing_program(param: &'static str, command: &[String], context: &ColumnContext<'_>) -> Option<Misfit> {
    let name = command.first().filter(|name| !name.trim().is_empty())?;
    // Windows searches more directories and completes names.
    if cfg!(not(unix)) || name.starts_with('{') {
        return None;
    }
    let misfit = |message: String| Misfit::new(param, message).at(PathPart::Index(0)).of_kind(MisfitKind::NoProgram);
    let program = if is_path(name) {
        context.path(name)
    } else if let Some(found) = search(name) {
        found
    } else {
        let help = "install it, or write its path";
        return Some(misfit(format!("program `{name}` not found in `PATH`")).with_help(help));
    };
    if !program.is_file() {
        let help = "a path is relative to the manifest; write a program from `PATH` without a `/`";
        return Some(misfit(format!("program `{name}` not found")).with_help(help));
    }
    if !is_executable(&program) {
        let help = format!("run `chmod +x {name}`, or begin the command with its interpreter");
        return Some(misfit(format!("`{name}` is not executable")).with_help(help));
    }
    let interpreter = missing_interpreter(&program)?;
    let message = format!("`{name}` is a script for `{interpreter}`, which does not exist");
    Some(misfit(message).with_help("install it, or begin the command with another interpreter"))
}

/// Returns whether the name of a program is a path rather than a name to search in `PATH`.
pub(super) fn is_path(name: &str) -> bool {
    Path::new(name).components().count() > 1
}

fn search(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|found| is_executable(found))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// Returns the interpreter in the first line of a script if it does not exist; for `/usr/bin/env NAME`, the program `NAME`.
fn missing_interpreter(script: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut beginning = Vec::new();
    std::fs::File::open(script).ok()?.take(FIRST_LINE as u64).read_to_end(&mut beginning).ok()?;
    let line = beginning.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_whitespace();
    let interpreter = words.next()?;
    if !Path::new(interpreter).is_file() {
        return Some(interpreter.to_owned());
    }
    if Path::new(interpreter).file_name() != Some(OsStr::new("env")) {
        return None;
    }
    // `env` may have options and variables before the name.
    let named = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    (!is_path(named) && search(named).is_none()).then(|| named.to_owned())
}

/// Reports arguments that name existing files outside `files`, whose content is not part of the step's identity.
pub(super) fn undeclared_files(
    command: &[String],
    files: &BTreeMap<String, InputFile>,
    context: &ColumnContext<'_>,
) -> Vec<Misfit> {
    let declared: Vec<PathBuf> = files.values().map(|file| context.path(file.as_str())).collect();
    let undeclared = |path: &str| {
        let full = context.path(path);
        full.is_file() && !declared.contains(&full)
    };
    let mut misfits = Vec::new();
    for (index, argument) in command.iter().enumerate() {
        let found = match index {
            // `version` covers an installed program; a script at a relative path is a file like others.
            0 => (is_path(argument) && Path::new(argument).is_relative()).then(|| argument.clone()),
            _ if command[index - 1] == "-m" => module(argument).into_iter().find(|path| undeclared(path)),
            _ => words(argument).find(|word| undeclared(word)).map(str::to_owned),
        };
        let Some(path) = found.filter(|path| undeclared(path)) else { continue };
        let message = format!("`{path}` is a file whose content is not part of the step's identity");
        let name = Path::new(&path).file_stem().and_then(OsStr::to_str).unwrap_or("file");
        let help = format!(
            "write `\"{{{name}}}\"` instead and add `files: {{ {name}: {path} }}`; otherwise an earlier result is reused after \
             the file changes"
        );
        let misfit = Misfit::new("command", message).at(PathPart::Index(index)).with_help(help);
        misfits.push(misfit.of_kind(MisfitKind::UndeclaredFile));
    }
    misfits
}

/// Returns the argument itself, and its parts between white space, `=` and the operators of a shell.
fn words(argument: &str) -> impl Iterator<Item = &str> {
    let separates = |character: char| character.is_whitespace() || "=\"'`;|&<>()".contains(character);
    std::iter::once(argument).chain(argument.split(separates)).filter(|word| !word.is_empty())
}

/// Returns the files that `python -m NAME` may run.
fn module(name: &str) -> [String; 2] {
    let path = name.replace('.', "/");
    [format!("{path}.py"), format!("{path}/__main__.py")]
}
