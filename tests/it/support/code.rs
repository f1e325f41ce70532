//! `src` as data: its files, what each of them imports, and in which file the imported thing is
//! defined, however it is re-exported.
#![expect(clippy::string_slice, reason = "every place in a text was found in it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module by its path below the crate: `["lifecycle", "drain"]`.
pub(crate) type Module = Vec<String>;

/// One file of `src`.
pub(crate) struct Source {
    /// Below `src`.
    pub(crate) path: PathBuf,
    /// Its code, without comments and unit tests.
    pub(crate) code: String,
    /// That without the imports.
    body: String,
    imports: Vec<Import>,
}

/// One name that a `use` brings.
struct Import {
    /// It is passed on to other files.
    exported: bool,
    path: Vec<String>,
    name: String,
}

/// All of `src`.
pub(crate) struct Code {
    pub(crate) files: BTreeMap<Module, Source>,
}

/// Each file with those it imports from, and by which path.
pub(crate) type Edges = BTreeMap<Module, BTreeMap<Module, String>>;

/// Every Rust file below a directory of this package.
pub(crate) fn files_below(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 20);
    found
}

/// `pub(in crate::demo)` says who sees a thing, and imports nothing.
fn without_scopes(code: &str) -> String {
    let mut parts = code.split("pub(in ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.split_once(')').map_or(part, |(_, rest)| rest);
        text + "pub" + rest
    })
}

impl Code {
    pub(crate) fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        for file in files_below("src") {
            let path = file.strip_prefix(&src).unwrap().to_owned();
            // Unit tests, and the program, which only calls the library.
            if path.ends_with("tests.rs") || path == Path::new("main.rs") {
                continue;
            }
            let code = without_tests(&std::fs::read_to_string(&file).unwrap());
            let code = without_scopes(&code);
            let (imports, body) = imports(&code);
            let source = Source {
                path,
                code,
                body,
                imports,
            };
            files.insert(module(&source.path), source);
        }
        Self { files }
    }

    /// The file in which the thing at `path`, as written in `from`, is defined.
    fn defined(&self, from: &Module, path: &[String]) -> Option<Module> {
        let mut path = path;
        let mut at = from.clone();
        match path.first()?.as_str() {
            "crate" => (at, path) = (Module::new(), &path[1..]),
            "self" => path = &path[1..],
            "super" => {
                while path.first().is_some_and(|part| part == "super") {
                    at.pop();
                    path = &path[1..];
                }
            }
            first if !self.files.contains_key(&below(from, first)) => return None,
            _ => {}
        }
        self.followed(at, path, 0)
    }

    fn followed(&self, mut at: Module, path: &[String], depth: usize) -> Option<Module> {
        let mut path = path;
        while let Some(first) = path.first() {
            let inner = below(&at, first);
            if self.files.contains_key(&inner) {
                (at, path) = (inner, &path[1..]);
                continue;
            }
            let source = self.files.get(&at)?;
            let brought = source.imports.iter().find(|import| import.name == *first);
            if let Some(import) = brought.filter(|_| depth < 10) {
                let whole: Vec<String> = import.path.iter().chain(&path[1..]).cloned().collect();
                let start = self.start(&at, &whole);
                return match start {
                    Some((start, rest)) => self.followed(start, rest, depth + 1),
                    None => Some(at),
                };
            }
            break;
        }
        self.files.contains_key(&at).then_some(at)
    }

    /// The module that a path begins in, and the rest of it; nothing for another crate's.
    fn start<'p>(&self, from: &Module, path: &'p [String]) -> Option<(Module, &'p [String])> {
        match path.first()?.as_str() {
            "crate" => Some((Module::new(), &path[1..])),
            "self" => Some((from.clone(), &path[1..])),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let at = from[..from.len().checked_sub(up)?].to_vec();
                Some((at, &path[up..]))
            }
            first if self.files.contains_key(&below(from, first)) => Some((from.clone(), path)),
            _ => None,
        }
    }

    /// Whether there is a module that ends so, or an item of that name in one that does, or something
    /// of that name in a file that defines such a type.
    pub(crate) fn has(&self, parts: &[&str]) -> bool {
        let Some((last, before)) = parts.split_last() else {
            return false;
        };
        let of_module = |wanted: &[&str]| {
            let ends = |module: &&Module| {
                module.len() >= wanted.len() && module[module.len() - wanted.len()..] == *wanted
            };
            self.files.keys().filter(ends).collect::<Vec<_>>()
        };
        let defines = |module: &&Module| {
            let code = &self.files[*module].code;
            ["fn", "struct", "enum", "trait", "const", "mod"]
                .iter()
                .any(|kind| {
                    code.match_indices(&format!("{kind} {last}"))
                        .any(|(at, word)| !code[at + word.len()..].starts_with(is_word))
                })
        };
        if let Some(owner) = before
            .last()
            .filter(|name| name.starts_with(char::is_uppercase))
        {
            let words = |code: &str| -> BTreeSet<String> {
                code.split(|c| !is_word(c)).map(str::to_owned).collect()
            };
            let of_owner = |code: &str| {
                let lines = code.lines().map(str::trim_start);
                let mut heads = lines.filter(|line| {
                    ["struct ", "enum ", "trait ", "impl"]
                        .iter()
                        .any(|kind| line.contains(kind))
                });
                heads.any(|line| words(line).contains(*owner))
            };
            let mut files = self.files.values().filter(|source| of_owner(&source.code));
            return files.any(|source| words(&source.code).contains(*last));
        }
        !of_module(parts).is_empty() || of_module(before).iter().any(defines)
    }

    /// Who imports from whom. What a file only passes on is not its own need.
    pub(crate) fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (module, source) in &self.files {
            let own = edges.entry(module.clone()).or_default();
            let words: BTreeSet<&str> = source.body.split(|c: char| !is_word(c)).collect();
            let needed = |import: &&Import| !import.exported || words.contains(&*import.name);
            let imported = source.imports.iter().filter(needed);
            let inline = self.inline_paths(module, &source.body);
            for path in imported.map(|import| import.path.clone()).chain(inline) {
                if let Some(other) = self.defined(module, &path).filter(|other| other != module) {
                    own.entry(other).or_insert_with(|| path.join("::"));
                }
            }
        }
        edges
    }

    /// Paths in the code itself that begin at a module of ours: `crate::text::visible`, `drain::kill`.
    fn inline_paths(&self, module: &Module, body: &str) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        let mut rest = body;
        while let Some(at) = rest.find("::") {
            let (before, after) = (&rest[..at], &rest[at..]);
            let start = before.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
            let first = &before[start..];
            let is_first = !before[..start].ends_with("::");
            let end = after
                .find(|c: char| !is_word(c) && c != ':')
                .unwrap_or(after.len());
            let ours = ["crate", "super", "self"].contains(&first)
                || (!first.is_empty() && self.files.contains_key(&below(module, first)));
            // A visibility is no need.
            let is_path = is_first && !before[..start].ends_with("pub(in ");
            if ours && is_path {
                let whole = format!("{first}{}", &after[..end]);
                let parts = whole.split("::").filter(|part| !part.is_empty());
                paths.push(parts.map(str::to_owned).collect());
            }
            rest = &after[end.max(2)..];
        }
        paths
    }
}

fn below(module: &Module, name: &str) -> Module {
    let mut inner = module.clone();
    inner.push(name.to_owned());
    inner
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn module(path: &Path) -> Module {
    if path == Path::new("lib.rs") {
        return Module::new();
    }
    let path = path.with_extension("");
    let parts = path
        .components()
        .map(|part| part.as_os_str().to_str().unwrap().to_owned());
    parts.collect()
}

/// The code without lines of comments, and without the tests at its end.
fn without_tests(text: &str) -> String {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let code = text.lines().filter(code).collect::<Vec<_>>().join("\n") + "\n";
    match code.split_once("#[cfg(test)]\nmod ") {
        None => code,
        // Tests in a file of their own.
        Some((before, after)) if after.lines().next().is_some_and(|name| name.ends_with(';')) => {
            format!(
                "{before}{}",
                after.split_once('\n').map_or("", |(_, rest)| rest)
            )
        }
        Some((before, _)) => before.to_owned(),
    }
}

/// The imports of a file, and the rest of it.
fn imports(code: &str) -> (Vec<Import>, String) {
    let mut imports = Vec::new();
    let mut body = String::new();
    let mut rest = code;
    while let Some((line, after)) = rest.split_once('\n') {
        let words = line.trim_start();
        let is_pub = words.starts_with("pub");
        let of_use = match words.split_once("use ") {
            Some((before, _)) => {
                // Not the end of `pub enum Cause {`.
                let is_word = before.is_empty() || (is_pub && before.ends_with(' '));
                is_word && before.len() < 20 && line.ends_with([';', '{'])
            }
            None => false,
        };
        if !of_use {
            body.push_str(line);
            body.push('\n');
            rest = after;
            continue;
        }
        let start = rest.find("use ").unwrap() + "use ".len();
        let Some(end) = rest.find(';') else {
            break;
        };
        let mut brought = Vec::new();
        expand(&rest[start..end], &[], &mut brought);
        for (path, name) in brought {
            imports.push(Import {
                exported: is_pub,
                path,
                name,
            });
        }
        rest = &rest[end + 1..];
    }
    body.push_str(rest);
    (imports, body)
}

/// Each path in a tree of imports, and the name it gets.
fn expand(tree: &str, before: &[String], out: &mut Vec<(Vec<String>, String)>) {
    let tree = tree.trim();
    let parts = |path: &str| -> Vec<String> {
        let parts = path
            .split("::")
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    if let Some((head, inner)) = tree.split_once('{') {
        let path = [before, &parts(head)].concat();
        let inner = inner.trim_end().strip_suffix('}').unwrap();
        for branch in branches(inner) {
            expand(branch, &path, out);
        }
        return;
    }
    let (path, alias) = match tree.split_once(" as ") {
        Some((path, alias)) => (path, Some(alias.trim().to_owned())),
        None => (tree, None),
    };
    let mut path = [before, &parts(path)].concat();
    if path.len() > 1 && path.last().is_some_and(|part| part == "self") {
        path.pop();
    }
    if let Some(last) = path.last().cloned() {
        out.push((path, alias.unwrap_or(last)));
    }
}

/// What commas part, but for those in braces.
fn branches(inner: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&inner[start..]);
    found.retain(|branch| !branch.trim().is_empty());
    found
}
