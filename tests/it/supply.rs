//! What is built into the binary, by the rules of `deny.toml`: where it comes from, under which licence, and
//! that nothing is there twice without a reason. cargo-deny checks the same and more, but takes minutes to
//! compile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use spdx::{Expression, ParseMode};
use toml_edit::{DocumentMut, Item};

fn parsed(name: &str) -> DocumentMut {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(file).unwrap().parse().unwrap()
}

/// The strings of an array.
fn strings(item: &Item) -> BTreeSet<&str> {
    let values = item.as_array().unwrap().iter();
    values.map(|value| value.as_str().unwrap()).collect()
}

/// A package that is built into the binary or while it is built.
struct Package {
    /// `name@version`.
    id: String,
    name: String,
    licence: String,
}

/// All of them; not those that only tests need.
fn built_in() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges=normal,build"])
        .args(["--prefix=none", "--format={p}|{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: BTreeSet<_> = lines.lines().collect();
    // `syn v2.0.119|MIT OR Apache-2.0`, with remarks behind the version and, of the second time, the licence.
    let package = |line: &&str| {
        let (package, licence) = line.split_once('|').unwrap();
        let mut words = package.split(' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        Package {
            id: format!("{name}@{}", version.trim_start_matches('v')),
            name: name.to_owned(),
            licence: licence.trim_end_matches(" (*)").to_owned(),
        }
    };
    let found: Vec<_> = lines.iter().map(package).collect();
    assert!(found.len() > 100, "{}", found.len());
    found
}

#[test]
fn every_package_comes_from_the_registry_that_is_allowed() {
    let rules = parsed("deny.toml");
    let sources = &rules["sources"];
    for unknown in ["unknown-registry", "unknown-git"] {
        assert_eq!(sources[unknown].as_str(), Some("deny"));
    }
    let indexes = strings(&sources["allow-registry"]).into_iter();
    let allowed: BTreeSet<_> = indexes.map(|index| format!("registry+{index}")).collect();
    let lock = parsed("Cargo.lock");
    for package in lock["package"].as_array_of_tables().unwrap() {
        let name = package["name"].as_str().unwrap();
        let source = package.get("source").and_then(Item::as_str);
        // It has none itself.
        let allowed = source.map_or(name == "ocitop", |source| allowed.contains(source));
        assert!(allowed, "{name} is from {source:?}");
    }
}

#[test]
fn every_licence_is_met_by_those_that_are_allowed_and_each_of_them_is_needed() {
    let rules = parsed("deny.toml");
    let allowed = strings(&rules["licenses"]["allow"]);
    let mut used = BTreeSet::new();
    for package in built_in() {
        // Older packages write `MIT/Apache-2.0`.
        let licence = package.licence.replace('/', " OR ");
        let terms = Expression::parse_mode(&licence, ParseMode::LAX).unwrap();
        let met = terms.evaluate(|term| {
            let wanted = term.to_string();
            let met = allowed.get(&*wanted);
            used.extend(met);
            met.is_some()
        });
        assert!(met, "{}: {licence}", package.id);
    }
    assert_eq!(used, allowed);
}

#[test]
fn no_package_is_there_twice_without_a_reason() {
    let rules = parsed("deny.toml");
    let bans = &rules["bans"];
    assert_eq!(bans["multiple-versions"].as_str(), Some("deny"));
    let skipped = bans["skip"].as_array().unwrap().iter().map(|skip| {
        let skip = skip.as_inline_table().unwrap();
        assert!(skip["reason"].as_str().is_some_and(|why| !why.is_empty()));
        skip["crate"].as_str().unwrap().to_owned()
    });
    let skipped: BTreeSet<_> = skipped.collect();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut unused = skipped.clone();
    for package in built_in() {
        if !unused.remove(&package.id) && !skipped.contains(&package.id) {
            versions.entry(package.name).or_default().insert(package.id);
        }
    }
    let twice: Vec<_> = versions.values().filter(|all| all.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(unused.is_empty(), "skipped for no reason: {unused:?}");
}
