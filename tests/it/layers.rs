//! The direction of dependencies, and what may be named where.

use std::path::{Path, PathBuf};

/// Every Rust file of `src`, as its path below it, with its text but for comments.
fn sources() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut todo = vec![src.clone()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = |line: &&str| !line.trim_start().starts_with("//");
                let text: Vec<_> = text.lines().filter(code).collect();
                found.push((path.strip_prefix(&src).unwrap().to_owned(), text.join("\n")));
            }
        }
    }
    assert!(found.len() > 20);
    found
}

/// The module of `src` a file belongs to: `cgroup` for `cgroup.rs` and `cgroup/cpu.rs`.
fn module(file: &Path) -> String {
    let first = file.components().next().unwrap().as_os_str();
    Path::new(first)
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

#[test]
fn below_the_screen_nothing_names_a_terminal_a_thread_or_a_channel() {
    let above = ["tui", "main", "demo", "cli", "look", "logging"];
    // The one place that waits, reaps and runs hooks for real.
    let live = [Path::new("kernel/live.rs"), Path::new("kernel/bounded.rs")];
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if above.contains(&module(&file).as_str()) || file == Path::new("lib.rs") {
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
            if live.contains(&file.as_path()) && (word.contains("thread") || word == "mpsc") {
                continue;
            }
            if text.contains(word) {
                wrong.push(format!("{} names {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Who may use whom; a module that is not named here may use all of them.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("text", &[]),
    ("kernel", &["oci", "text"]),
    ("oci", &["text"]),
    ("cgroup", &["kernel", "text"]),
    ("resctrl", &["kernel", "text"]),
    ("systemd", &["kernel", "text"]),
    ("process", &["kernel", "text"]),
    ("procfs", &["kernel", "text"]),
    (
        "inventory",
        &[
            "config", "oci", "cgroup", "resctrl", "systemd", "process", "procfs", "kernel", "text",
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
        "lifecycle",
        &[
            "inventory",
            "config",
            "oci",
            "cgroup",
            "resctrl",
            "systemd",
            "process",
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
];

#[test]
fn modules_use_only_what_lies_below_them() {
    let modules: Vec<_> = sources().iter().map(|(file, _)| module(file)).collect();
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let own = module(&file);
        let Some((_, below)) = ALLOWED.iter().find(|(name, _)| *name == own) else {
            continue;
        };
        for other in &modules {
            let named = text.contains(&format!("crate::{other}::"))
                || text.contains(&format!("crate::{other};"))
                || text.contains(&format!("crate::{{{other}"));
            if *other != own && named && !below.contains(&other.as_str()) {
                wrong.push(format!("{} uses crate::{other}", file.display()));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_engine_never_calls_a_runtimes_own_command() {
    for (file, text) in sources() {
        if [
            "inventory",
            "lifecycle",
            "leftovers",
            "diagnosis",
            "oci",
            "cgroup",
        ]
        .contains(&module(&file).as_str())
        {
            assert!(!text.contains("process::Command"), "{}", file.display());
        }
    }
}

/// A thread that cannot be made is an error of the system's, not a panic: only a `Builder` says so.
#[test]
fn every_thread_is_made_by_a_builder() {
    for (file, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in ["thread::spawn(", "scope.spawn(", "tracing_appender"] {
            assert!(!code.contains(word), "{} has {word}", file.display());
        }
    }
}
