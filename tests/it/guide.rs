//! The guide, the README and CONTRIBUTING say what is so.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory as _;
use ocitop::cli::Arguments;

use crate::support::code::{Code, files_below};

const MANUAL: &str = include_str!("../../src/guide/manual.md");

#[test]
fn the_manual_has_the_keys_of_the_keymap() {
    let (_, rest) = MANUAL
        .split_once("<!-- keys -->\n")
        .expect("the manual marks its keys");
    let (table, _) = rest
        .split_once("<!-- /keys -->")
        .expect("the manual ends its keys");
    let wanted = ocitop::tui::markdown_table();
    assert!(
        table == wanted,
        "the keys in src/guide/manual.md should be:\n{wanted}"
    );
}

#[test]
fn the_manual_names_every_command_and_every_option_of_all_commands() {
    let arguments = Arguments::command();
    let commands = arguments.get_subcommands();
    let commands = commands
        .filter(|command| !command.is_hide_set())
        .map(|command| command.get_name().to_owned());
    let options = arguments.get_arguments();
    let options = options
        .filter(|option| !option.is_hide_set())
        .filter_map(|option| Some(format!("--{}", option.get_long()?)));
    let missing: Vec<String> = commands
        .chain(options)
        .filter(|name| !MANUAL.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in the manual: {missing:?}");
}

/// Every word that a `fn code` of the engine's refusals returns.
fn codes() -> Vec<String> {
    let mut codes = Vec::new();
    for file in [
        "refusal",
        "guard",
        "clean/kept",
        "refusal/not_signalled",
        "stray",
        "note",
    ] {
        let path = format!("{}/src/lifecycle/{file}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, rest) = text
            .split_once("pub fn code(&self) -> &'static str {")
            .unwrap_or_else(|| panic!("{path} has no codes"));
        let (body, _) = rest.split_once("\n    }\n").unwrap();
        let words = body.split('"').skip(1).step_by(2);
        codes.extend(words.map(str::to_owned));
    }
    assert!(codes.len() > 30, "{codes:?}");
    codes
}

#[test]
fn the_manual_explains_every_code_of_a_refusal() {
    let (_, rest) = MANUAL.split_once("A refusal has a `code`").unwrap();
    let (table, _) = rest.split_once("\n# ").unwrap();
    let missing: Vec<String> = codes()
        .into_iter()
        .filter(|code| !table.contains(&format!("`{code}`")))
        .collect();
    assert!(missing.is_empty(), "codes not in the manual: {missing:?}");
}

#[test]
fn the_files_that_the_documents_link_to_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for document in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "tests/README.md",
    ] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        let dir = root.join(document).parent().unwrap().to_owned();
        for link in text.split("](").skip(1) {
            let (link, _) = link.split_once(')').unwrap();
            if link.contains("://") {
                continue;
            }
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let linked = if file.is_empty() {
                Some(text.clone())
            } else {
                std::fs::read(dir.join(file))
                    .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                    .ok()
            };
            let is_there = linked.is_some_and(|text| {
                section.is_empty() || headings(&text).any(|heading| heading == section)
            });
            if !is_there {
                wrong.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The headings of a document, as links name them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    lines.map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    })
}

/// What stands between backticks in a page of the guide, and is no link.
fn names(page: &str) -> Vec<&str> {
    let parts: Vec<&str> = page.split('`').collect();
    let spans = parts.windows(2).step_by(2);
    let plain = spans.filter(|span| !span[0].ends_with('['));
    plain.map(|span| span[1]).collect()
}

#[test]
fn what_the_guide_names_is_there() {
    let code = Code::read();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = [
        include_str!("../../src/guide/architecture.md"),
        include_str!("../../src/guide/glossary.md"),
        include_str!("../../CONTRIBUTING.md"),
    ];
    let sources = ["src", "tests"].map(files_below).concat();
    let sources = sources
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    let sources: String = sources.collect();
    let words: BTreeSet<&str> = sources
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let is_type = |name: &str| {
        name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric)
    };
    let mut wrong = Vec::new();
    for name in pages.into_iter().flat_map(names) {
        let is_there = if ["src/", "tests/"].iter().any(|dir| name.starts_with(dir)) {
            // With arguments it is a command, with capitals a pattern.
            let file = name.split(' ').next().unwrap();
            file.contains("NAME") || root.join(file).exists()
        } else if name.contains("::") && !name.contains(' ') {
            let parts: Vec<&str> = name.trim_end_matches("()").split("::").collect();
            code.has(&parts)
        } else {
            !is_type(name) || words.contains(name)
        };
        if !is_there {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "not in src: {wrong:?}");
}
