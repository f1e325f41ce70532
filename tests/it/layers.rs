//! The shape of the house, told from the code itself: which room uses which, no circles, one name for
//! one type, no long files, and a map that is true.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::support::code::{Code, Edges, Module, files_below};

/// Every room, from the ground up, with what it may use: rooms that stand above it here, so that no
/// two can use each other.
const ROOMS: &[(&str, &[&str])] = &[
    ("guide", &[]),
    ("text", &[]),
    ("oci", &["text"]),
    ("kernel", &["oci", "text"]),
    ("cgroup", &["kernel", "text"]),
    ("resctrl", &["kernel", "text"]),
    ("process", &["kernel", "text"]),
    ("procfs", &["kernel", "text"]),
    ("config", &[]),
    (
        "inventory",
        &[
            "config", "oci", "cgroup", "resctrl", "process", "procfs", "kernel", "text",
        ],
    ),
    ("look", &["config", "inventory", "kernel"]),
    (
        "lifecycle",
        &[
            "inventory",
            "config",
            "oci",
            "cgroup",
            "resctrl",
            "process",
            "kernel",
            "text",
        ],
    ),
    (
        "leftovers",
        &[
            "lifecycle",
            "inventory",
            "oci",
            "cgroup",
            "resctrl",
            "kernel",
            "text",
        ],
    ),
    (
        "diagnosis",
        &[
            "leftovers",
            "lifecycle",
            "inventory",
            "config",
            "oci",
            "cgroup",
            "resctrl",
            "process",
            "procfs",
            "kernel",
            "text",
        ],
    ),
    ("logging", &["kernel", "text"]),
    (
        "doctor",
        &[
            "config",
            "inventory",
            "oci",
            "cgroup",
            "resctrl",
            "kernel",
            "text",
        ],
    ),
    (
        "tui",
        &[
            "config",
            "diagnosis",
            "leftovers",
            "lifecycle",
            "inventory",
            "look",
            "logging",
            "oci",
            "cgroup",
            "resctrl",
            "process",
            "kernel",
            "text",
        ],
    ),
    (
        "demo",
        &[
            "config",
            "inventory",
            "tui",
            "oci",
            "cgroup",
            "process",
            "kernel",
            "text",
        ],
    ),
    (
        "cli",
        &[
            "config",
            "demo",
            "diagnosis",
            "doctor",
            "leftovers",
            "lifecycle",
            "inventory",
            "logging",
            "look",
            "oci",
            "cgroup",
            "kernel",
            "text",
            "tui",
        ],
    ),
];

/// Most files that may use each other: a file and what it is cut into, for example.
const MOST_IN_A_CIRCLE: usize = 4;

/// Most lines of a file of `src`.
const MOST_LINES: usize = 400;

/// Most lines of a file of `tests`.
const MOST_LINES_OF_TESTS: usize = 600;

/// The room of `src` a file belongs to: `cgroup` for `cgroup.rs` and `cgroup/cpu.rs`.
fn room(module: &Module) -> &str {
    module.first().map_or("", String::as_str)
}

fn name(module: &Module) -> String {
    module.join("/")
}

#[test]
fn a_room_uses_only_those_below_it() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, others) in Code::read().edges() {
        let own = room(&module);
        for (other, path) in others {
            let (to, is_main) = (room(&other), module.is_empty());
            let may = allowed.get(own).is_some_and(|below| below.contains(&to));
            if own != to && !is_main && !may {
                wrong.push(format!(
                    "src/{}.rs uses {} by {path}: {own} may not use {to}",
                    name(&module),
                    name(&other),
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_two_rooms_may_use_each_other() {
    let mut below = BTreeSet::new();
    for (room, uses) in ROOMS {
        for other in *uses {
            assert!(
                below.contains(other),
                "{room} may use {other}, which does not stand below it"
            );
        }
        below.insert(room);
    }
}

/// Files that use each other, directly or by way of others: what can be reached from one of them
/// and from which it can be reached (Kosaraju's two walks).
fn circles(edges: &Edges) -> Vec<BTreeSet<Module>> {
    let mut back: BTreeMap<&Module, Vec<&Module>> = BTreeMap::new();
    for (module, others) in edges {
        for other in others.keys() {
            back.entry(other).or_default().push(module);
        }
    }
    let mut order = Vec::new();
    let mut seen: BTreeSet<&Module> = BTreeSet::new();
    for start in edges.keys() {
        let mut todo = vec![(start, false)];
        while let Some((module, is_over)) = todo.pop() {
            if is_over {
                order.push(module);
            } else if seen.insert(module) {
                todo.push((module, true));
                let others = edges.get(module).into_iter().flat_map(BTreeMap::keys);
                todo.extend(others.map(|other| (other, false)));
            }
        }
    }
    let mut found = Vec::new();
    let mut taken: BTreeSet<&Module> = BTreeSet::new();
    for start in order.into_iter().rev() {
        let mut circle = BTreeSet::new();
        let mut todo = vec![start];
        while let Some(module) = todo.pop() {
            if taken.insert(module) {
                circle.insert(module.clone());
                todo.extend(back.get(module).into_iter().flatten());
            }
        }
        if circle.len() > 1 {
            found.push(circle);
        }
    }
    found
}

/// Most imports that are named of one circle.
const NAMED: usize = 12;

/// The imports of a circle that matter most: what would be left of it without each.
fn worst_imports(circle: &BTreeSet<Module>, edges: &Edges) -> String {
    let within = |module| edges[module].keys().filter(|other| circle.contains(*other));
    let pairs = circle
        .iter()
        .flat_map(|one| within(one).map(move |other| (one, other)));
    let without = |one: &Module, other: &Module| {
        let mut rest: Edges = circle
            .iter()
            .map(|m| (m.clone(), edges[m].clone()))
            .collect();
        for others in rest.values_mut() {
            others.retain(|module, _| circle.contains(module));
        }
        rest.entry(one.clone()).or_default().remove(other);
        largest(&rest)
    };
    let mut found: Vec<_> = pairs
        .map(|(one, other)| (without(one, other), one, other))
        .collect();
    found.sort();
    let mut text = String::new();
    for (left, one, other) in found.into_iter().take(NAMED) {
        let (from, to, path) = (name(one), name(other), &edges[one][other]);
        writeln!(text, "  {from} uses {to} by {path}: without that, {left}").unwrap();
    }
    text
}

/// How many files the largest circle has.
fn largest(edges: &Edges) -> usize {
    circles(edges).iter().map(BTreeSet::len).max().unwrap_or(1)
}

#[test]
fn no_more_than_four_files_import_each_other_in_a_circle() {
    let edges = Code::read().edges();
    let mut wrong = String::new();
    for circle in circles(&edges) {
        if circle.len() > MOST_IN_A_CIRCLE {
            let size = circle.len();
            let imports = worst_imports(&circle, &edges);
            writeln!(
                wrong,
                "{size} files in a circle, {MOST_IN_A_CIRCLE} at most:\n{imports}"
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Where each type name is defined.
fn types(code: &Code) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in code.files.values() {
        for line in source.code.lines() {
            let inner = line.starts_with(' ');
            let line = line.trim_start();
            let line = match line.split_once(") ") {
                Some((before, rest)) if before.starts_with("pub(") => rest,
                _ => line.strip_prefix("pub ").unwrap_or(line),
            };
            let Some((kind, rest)) = line.split_once(' ') else {
                continue;
            };
            // An associated type is its trait's.
            let is_type = matches!(kind, "struct" | "enum" | "trait") || (kind == "type" && !inner);
            if is_type {
                let end = |c: char| !c.is_alphanumeric();
                let name = rest.split(end).next().unwrap_or_default().to_owned();
                found
                    .entry(name)
                    .or_default()
                    .push(source.path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn no_type_name_is_defined_twice() {
    let types = types(&Code::read());
    assert!(types.len() > 300);
    let twice: Vec<_> = types.iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(twice.is_empty(), "one name, one type: {twice:#?}");
}

/// The files of a directory that have more than `most` lines.
fn long(dir: &str, most: usize) -> BTreeMap<String, usize> {
    let root = env!("CARGO_MANIFEST_DIR");
    let files = files_below(dir).into_iter().map(|file| {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        let name = file.strip_prefix(root).unwrap().display().to_string();
        (name, lines)
    });
    files.filter(|(_, lines)| *lines > most).collect()
}

#[test]
fn no_file_is_long() {
    let mut wrong = long("src", MOST_LINES);
    wrong.extend(long("tests", MOST_LINES_OF_TESTS));
    assert!(
        wrong.is_empty(),
        "split these, by what they are about: {wrong:#?}"
    );
}

#[test]
fn the_map_of_the_house_names_every_room() {
    let lib = include_str!("../../src/lib.rs");
    let declared: BTreeSet<&str> = lib
        .lines()
        .filter_map(|line| {
            line.trim_start_matches("pub")
                .split_once("mod ")?
                .1
                .strip_suffix(';')
        })
        .collect();
    let tabled: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    assert_eq!(
        declared, tabled,
        "the rooms of src/lib.rs, and those of this file"
    );
    let row = |room: &&&str| {
        let of_table = lib.lines().filter(|line| line.starts_with("//! | "));
        !of_table
            .clone()
            .any(|line| line.contains(&format!("[`{room}`]")))
    };
    let missing: Vec<_> = declared.iter().filter(row).collect();
    assert!(
        missing.is_empty(),
        "not in the table of src/lib.rs: {missing:?}"
    );
}

#[test]
fn below_the_screen_nothing_names_a_terminal_a_thread_or_a_channel() {
    let above = ["", "tui", "demo", "cli", "look", "logging"];
    // The places that wait, reap and run hooks for real.
    let live = ["kernel/live", "kernel/bounded"];
    let mut wrong = Vec::new();
    for (module, source) in Code::read().files {
        if above.contains(&room(&module)) {
            continue;
        }
        let words = [
            "ratatui",
            "crossterm",
            "std::thread",
            "thread::spawn",
            "thread::scope",
            "mpsc",
        ];
        for word in words {
            if live.contains(&name(&module).as_str()) && (word.contains("thread") || word == "mpsc")
            {
                continue;
            }
            if source.code.contains(word) {
                wrong.push(format!("{} names {word}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_engine_never_calls_a_runtimes_own_command() {
    let rooms = [
        "inventory",
        "lifecycle",
        "leftovers",
        "diagnosis",
        "oci",
        "cgroup",
    ];
    for (module, source) in Code::read().files {
        let calls = source.code.contains("process::Command");
        assert!(
            !rooms.contains(&room(&module)) || !calls,
            "{}",
            source.path.display()
        );
    }
}

/// A thread that cannot be made is an error of the system's, not a panic: only a `Builder` says so.
#[test]
fn every_thread_is_made_by_a_builder() {
    for source in Code::read().files.into_values() {
        for word in ["thread::spawn(", "scope.spawn(", "tracing_appender"] {
            assert!(
                !source.code.contains(word),
                "{} has {word}",
                source.path.display()
            );
        }
    }
}
