//! Device programs that crun pinned and nobody needs any more.

use super::judge::LeftoverFacts;
use super::names::{self, CgroupName};
use super::others::{graded, inode_of};
use super::search::LeftoverSearch;
use super::{Argument, Leftover, LeftoverKind, Producer, WhyItStays};
use crate::inventory::pins::{self, Scopes};
use crate::oci::ContainerKey;

/// Every pin whose scope is in no record, has no cgroup and is no active unit.
pub(super) fn find(search: &LeftoverSearch<'_>) -> Vec<Leftover> {
    let home = pins::home(search.machine);
    let entries = search.entries(&home).into_iter();
    let entries = entries
        .filter(|entry| search.known.covers(&entry.path()))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let files: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    if files.is_empty() {
        return Vec::new();
    }
    let scopes = Scopes::read(search.machine);
    let names = files.iter().filter_map(|file| file.to_str());
    names
        .filter(|name| search.claims.of_pin(name).is_none() && scopes.holder(name).is_none())
        .map(|name| pin(search, &scopes, ContainerKey::new(&*home, name), name))
        .collect()
}

fn pin(search: &LeftoverSearch<'_>, scopes: &Scopes, key: ContainerKey, name: &str) -> Leftover {
    let mut leftover = Leftover::new(key, LeftoverKind::BpfPin);
    leftover.producer = Some(Producer::Crun);
    leftover.parts.own = inode_of(&leftover.key.dir());
    let mut facts = LeftoverFacts::with(Argument::Named(Producer::Crun));
    leftover.why = match scopes.loaded(name) {
        Some(unit) => {
            facts.doubts.push(Argument::UnitLoaded(unit.to_owned()));
            vec![WhyItStays::UnitLoaded(unit.to_owned())]
        }
        None => vec![WhyItStays::Nothing],
    };
    if !scopes.whole {
        let doubt = "not every unit and cgroup could be looked at";
        facts.doubts.push(Argument::Unclear(doubt.to_owned()));
    }
    graded(search, leftover, &id(name), facts)
}

/// What the scope was probably named after: its last `_` was the dot of `.scope`.
fn id(name: &str) -> String {
    let scope = name
        .strip_suffix("_scope")
        .map(|stem| format!("{stem}.scope"));
    match scope.as_deref().map(|scope| names::parse(&[], scope)) {
        Some(CgroupName::Container(_, id)) => id,
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_tells_the_id_as_far_as_its_name_does() {
        let long = "7f3c0e5d9a41b2c8e6f07d13a95b4c7280fe16d3925ab7c4e1d80f6b23a94c57";
        assert_eq!(id("crun-web_scope"), "web");
        assert_eq!(id(&format!("libpod-{long}_scope")), long);
        assert_eq!(id(&format!("docker-{long}_scope")), long);
        assert_eq!(id(&format!("cri-containerd-{long}_scope")), long);
        assert_eq!(id("mine"), "mine");
    }
}
