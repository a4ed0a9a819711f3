//! The modules of a crate and the paths that they name, read from the source tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The path of a module or an item, from the root of its crate: `["store", "sqlite"]`.
pub(crate) type ModulePath = Vec<String>;

/// A crate: its modules by path. Inline modules such as `mod tests { … }` are part of the module around them.
pub(crate) struct Crate {
    /// The name in paths, such as `chem_runtime`.
    pub(crate) name: String,
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

/// A file.
#[derive(Default)]
pub(crate) struct Module {
    /// The path of the file relative to the crate's sources.
    pub(crate) file: String,
    /// Every path into the crate: in imports and in code, in macros and in tests.
    pub(crate) named: Vec<Named>,
    /// The submodules that have files of their own.
    children: BTreeSet<String>,
    /// The items that are defined here.
    items: BTreeSet<String>,
    /// What each imported or re-exported name refers to.
    imports: BTreeMap<String, ModulePath>,
    /// The modules of which everything is imported.
    globs: Vec<ModulePath>,
}

/// A path into the crate, with the line that names it.
pub(crate) struct Named {
    pub(crate) path: ModulePath,
    pub(crate) line: usize,
    /// Whether an inline module `tests` names it.
    pub(crate) by_a_test: bool,
}

/// Formats a path with the file and line that name it.
pub(crate) fn named_by(module: &Module, named: &Named) -> String {
    format!("{}:{} ({})", module.file, named.line, named.path.join("::"))
}

impl Crate {
    /// Reads the crate in `directory`.
    pub(crate) fn read(directory: &Path) -> Self {
        let name = directory.file_name().unwrap().to_string_lossy().replace('-', "_");
        let root = directory.join("src");
        let mut modules = BTreeMap::new();
        for file in crate::rust_files(&root) {
            let relative = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            let path: ModulePath = relative.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            let path = match path.split_last() {
                Some((last, folder)) if last == "mod" || (folder.is_empty() && last == "lib") => folder.to_vec(),
                _ => path,
            };
            let text = std::fs::read_to_string(&file).unwrap();
            let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{relative}: {error}"));
            let mut reader = Reader {
                crate_name: &name,
                scope: path.clone(),
                depth: path.len(),
                module: Module { file: relative, ..Module::default() },
            };
            let tokens: Vec<TokenTree> = tokens.into_iter().collect();
            reader.declarations(&tokens);
            reader.read(&tokens);
            modules.insert(path, reader.module);
        }
        Self { name, modules }
    }

    /// Returns the module that defines what `path` names, following re-exports.
    pub(crate) fn defining_module(&self, path: &[String]) -> ModulePath {
        self.follow(path, 0)
    }

    /// Returns the name of the top-level module to which `path` leads; `None` for an item of the crate's root.
    pub(crate) fn room_of(&self, path: &[String]) -> Option<String> {
        let root = self.modules.get(&ModulePath::new())?;
        let first = path.first()?;
        if root.children.contains(first) { Some(first.clone()) } else { self.defining_module(path).into_iter().next() }
    }

    fn follow(&self, path: &[String], depth: usize) -> ModulePath {
        let mut at = ModulePath::new();
        for (index, segment) in path.iter().enumerate() {
            let Some(module) = self.modules.get(&at).filter(|_| depth < 16) else { return at };
            if module.children.contains(segment) {
                at.push(segment.clone());
                continue;
            }
            if module.items.contains(segment) {
                return at;
            }
            let rest = &path[index + 1..];
            if let Some(target) = module.imports.get(segment) {
                return self.follow(&[target, rest].concat(), depth + 1);
            }
            for glob in &module.globs {
                let found = self.follow(&[glob.as_slice(), &path[index..]].concat(), depth + 1);
                if self.follow(glob, depth + 1) != found || self.defines(&found, segment) {
                    return found;
                }
            }
            return at;
        }
        at
    }

    fn defines(&self, module: &[String], item: &str) -> bool {
        self.modules.get(module).is_some_and(|module| module.items.contains(item))
    }
}

/// Collects the paths of one file.
struct Reader<'a> {
    crate_name: &'a str,
    /// The module of the tokens that are being read, inline modules included.
    scope: ModulePath,
    /// How many segments of `scope` are the file's own.
    depth: usize,
    module: Module,
}

impl Reader<'_> {
    /// Collects what the file declares at its top level.
    fn declarations(&mut self, tokens: &[TokenTree]) {
        const ITEMS: &[&str] =
            &["struct", "enum", "union", "trait", "type", "fn", "const", "static", "mod", "macro_rules"];
        for (index, token) in tokens.iter().enumerate() {
            let TokenTree::Ident(keyword) = token else { continue };
            if !ITEMS.iter().any(|item| keyword == item) {
                continue;
            }
            // `macro_rules! name`
            let after = tokens[index + 1..].iter().filter(|token| !is_punct(token, '!'));
            let mut after = after.take(2);
            let Some(TokenTree::Ident(name)) = after.next() else { continue };
            if keyword == "mod" && after.next().is_some_and(|token| is_punct(token, ';')) {
                self.module.children.insert(name.to_string());
            } else {
                self.module.items.insert(name.to_string());
            }
        }
    }

    fn read(&mut self, tokens: &[TokenTree]) {
        let mut index = 0;
        while index < tokens.len() {
            match &tokens[index] {
                TokenTree::Ident(word)
                    if word == "use" && !tokens.get(index + 1).is_some_and(|token| is_punct(token, '<')) =>
                {
                    let end = tokens[index..].iter().position(|token| is_punct(token, ';'));
                    let end = end.map_or(tokens.len(), |length| index + length);
                    self.use_tree(&tokens[index + 1..end], &ModulePath::new());
                    index = end;
                }
                TokenTree::Ident(word) if word == "mod" => {
                    if let [TokenTree::Ident(name), TokenTree::Group(body), ..] = &tokens[index + 1..]
                        && body.delimiter() == Delimiter::Brace
                    {
                        self.scope.push(name.to_string());
                        self.read(&body.stream().into_iter().collect::<Vec<_>>());
                        self.scope.pop();
                        index += 2;
                    }
                }
                TokenTree::Ident(first) if !follows_a_path(&tokens[..index]) => {
                    let (path, length) = path_of(&tokens[index..]);
                    if path.len() > 1 {
                        self.name(&path, first.span().start().line);
                        index += length - 1;
                    }
                }
                TokenTree::Group(group) => self.read(&group.stream().into_iter().collect::<Vec<_>>()),
                _ => {}
            }
            index += 1;
        }
    }

    /// Collects the leaves of an import: `prefix::tokens`.
    fn use_tree(&mut self, tokens: &[TokenTree], prefix: &[String]) {
        for tree in tokens.split(|token| is_punct(token, ',')) {
            let (path, length) = path_of(tree);
            let path = [prefix, &path].concat();
            let Some(line) = tree.first().map(|token| token.span().start().line) else { continue };
            match &tree[length..] {
                [TokenTree::Group(group)] => self.use_tree(&group.stream().into_iter().collect::<Vec<_>>(), &path),
                [star] if is_punct(star, '*') => {
                    let module = self.name(&path, line);
                    self.module.globs.extend(module);
                }
                rest => {
                    let mut path = path;
                    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                        path.pop();
                    }
                    let alias = match rest {
                        [_, TokenTree::Ident(alias)] => Some(alias.to_string()),
                        _ => path.last().cloned(),
                    };
                    if let (Some(alias), Some(target)) = (alias, self.name(&path, line))
                        && self.scope.len() == self.depth
                    {
                        self.module.imports.insert(alias, target);
                    }
                }
            }
        }
    }

    /// Records `path` and returns it from the root of the crate; `None` if it leads to another crate.
    fn name(&mut self, path: &[String], line: usize) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let mut base = self.scope.clone();
        let mut rest = rest;
        match first.as_str() {
            "crate" => base.clear(),
            own if own == self.crate_name => base.clear(),
            "self" => {}
            "super" => {
                base.pop();
                while let Some((next, after)) = rest.split_first()
                    && next == "super"
                {
                    base.pop();
                    rest = after;
                }
            }
            child if self.scope.len() == self.depth && self.module.children.contains(child) => {
                base.push(child.to_owned())
            }
            _ => return None,
        }
        let path = [base.as_slice(), rest].concat();
        // What an inline module names in its file is the file's.
        let by_a_test = self.scope.get(self.depth).is_some_and(|inline| inline == "tests");
        self.module.named.push(Named { path: path.clone(), line, by_a_test });
        Some(path)
    }
}

/// Returns the path at the beginning of `tokens` and the number of its tokens, the `::` before `{`, `*` or `<` included.
fn path_of(tokens: &[TokenTree]) -> (ModulePath, usize) {
    let mut path = ModulePath::new();
    let mut index = 0;
    while let Some(TokenTree::Ident(segment)) = tokens.get(index) {
        path.push(segment.to_string());
        index += 1;
        match tokens.get(index..index + 2) {
            Some([first, second]) if is_punct(first, ':') && is_punct(second, ':') => index += 2,
            _ => break,
        }
    }
    (path, index)
}

fn follows_a_path(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Ident(_), first, second] if is_punct(first, ':') && is_punct(second, ':'))
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

#[test]
fn paths_are_seen_in_every_form() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("a-crate");
    for (file, text) in [
        ("lib.rs", "mod low; mod high; pub use high::Engine;"),
        ("low/mod.rs", "mod part; pub(crate) use part::Part; pub struct Own;"),
        ("low/part.rs", "pub struct Part;"),
        (
            "high.rs",
            "use crate::{low::{self, Part as P}, Engine as E};
             use std::{fmt, io::Read as _};
             pub struct Engine;
             // crate::commented
             /// crate::documented
             fn work() -> impl Sized + use<> {
                 format!(\"{}\", crate::low::in_a_macro());
                 Vec::<super::low::Generic>::new(); low::Own; ::a_crate::low::of_the_crate()
             }
             macro_rules! m { () => { $crate::low::expanded() } }
             mod tests { use super::*; use super::super::low::tested; }",
        ),
    ] {
        let path = root.join("src").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let source = Crate::read(&root);
    let named = |module: &str| -> Vec<String> {
        let module = &source.modules[&ModulePath::from([module.to_owned()])];
        module.named.iter().map(|named| format!("{} {}", named.line, named.path.join("::"))).collect()
    };
    assert_eq!(
        named("high"),
        [
            "1 low",
            "1 low::Part",
            "1 Engine",
            "7 low::in_a_macro",
            "8 low::Generic",
            "8 low::of_the_crate",
            "10 low::expanded",
            "11 high",
            "11 low::tested"
        ]
    );
    assert_eq!(named("low"), ["1 low::part::Part"]);
    let defined_in =
        |path: &str| source.defining_module(&path.split("::").map(str::to_owned).collect::<Vec<_>>()).join("::");
    assert_eq!(
        ["low::Part", "low::Own", "Engine", "high::P"].map(defined_in),
        ["low::part", "low", "high", "low::part"]
    );
}
