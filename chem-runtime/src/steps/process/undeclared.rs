//! What a check finds in the command of a program: a program that is not there, and files that are not declared.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::prelude::*;
use crate::step::{MisfitKind, PathPart};

/// The first line of a script is looked at up to here.
const FIRST_LINE: usize = 256;

/// `command` names a program, or its first line an interpreter, that is not on this machine.
pub(super) fn missing_program(command: &[String], context: &ColumnContext<'_>) -> Option<Misfit> {
    let name = command.first().filter(|name| !name.trim().is_empty())?;
    // Windows looks in more places, and completes names.
    if cfg!(not(unix)) || name.starts_with('{') {
        return None;
    }
    let misfit =
        |message: String| Misfit::new("command", message).at(PathPart::Index(0)).of_kind(MisfitKind::NoProgram);
    let program = match is_path(name) {
        true => context.path(name),
        false => match search(name) {
            Some(found) => found,
            None => {
                let help = "install it, or write its path";
                return Some(
                    misfit(format!("there is no program `{name}` in the directories of `PATH`")).with_help(help),
                );
            }
        },
    };
    if !program.is_file() {
        let help = "a path is relative to the manifest; a program of `PATH` is named without a `/`";
        return Some(misfit(format!("there is no program `{name}`")).with_help(help));
    }
    if !is_executable(&program) {
        let help = format!("`chmod +x {name}` allows it, or begin the command with its interpreter");
        return Some(misfit(format!("`{name}` may not be executed")).with_help(help));
    }
    let interpreter = missing_interpreter(&program)?;
    let message = format!("`{name}` is a script for `{interpreter}`, which is not there");
    Some(misfit(message).with_help("install it, or begin the command with another interpreter"))
}

/// Whether a name of a program is the path of a file.
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

/// The interpreter that the first line of a script names, if it is missing: for `/usr/bin/env NAME`, the program `NAME`.
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

/// The arguments that name files which are not among `files`, so that their content is not part of the step's identity.
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
            // A program of the machine is what `version` names; a script of one's own is a file like others.
            0 => (is_path(argument) && Path::new(argument).is_relative()).then(|| argument.clone()),
            _ if command[index - 1] == "-m" => module(argument).into_iter().find(|path| undeclared(path)),
            _ => words(argument).find(|word| undeclared(word)).map(str::to_owned),
        };
        let Some(path) = found.filter(|path| undeclared(path)) else { continue };
        let message = format!("`{path}` is a file whose content is not part of the step's identity");
        let name = Path::new(&path).file_stem().and_then(OsStr::to_str).unwrap_or("file");
        let help = format!(
            "write `\"{{{name}}}\"` in its place and `files: {{ {name}: {path} }}`; otherwise an earlier result is reused \
             after the file has changed"
        );
        let misfit = Misfit::new("command", message).at(PathPart::Index(index)).with_help(help);
        misfits.push(misfit.of_kind(MisfitKind::UndeclaredFile));
    }
    misfits
}

/// The argument, what stands behind an equals sign in it, and its words if it is the text of a shell.
fn words(argument: &str) -> impl Iterator<Item = &str> {
    let separates = |character: char| character.is_whitespace() || "=\"'`;|&<>()".contains(character);
    std::iter::once(argument).chain(argument.split(separates)).filter(|word| !word.is_empty())
}

/// The files that `python -m NAME` may run.
fn module(name: &str) -> [String; 2] {
    let path = name.replace('.', "/");
    [format!("{path}.py"), format!("{path}/__main__.py")]
}
