//! The cgroups that other containers of this host claim: what a teardown must not touch.

use std::os::fd::AsFd;

use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::entry::{Depth, Entry, Lead};
use crate::inventory::identity::{Rigour, identify};
use crate::inventory::scan::{cgroups_of, entry_names};
use crate::kernel::read::open_root;
use crate::oci::ContainerKey;

/// Every container found in any state root, with the cgroups its record names.
#[derive(Debug, Clone, Default)]
pub struct Claims(Vec<Claim>);

#[derive(Debug, Clone)]
struct Claim {
    key: ContainerKey,
    cgroups: Vec<CgroupDir>,
    alive: bool,
}

/// Another container has its processes in a cgroup of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Which container.
    pub with: ContainerKey,
    /// Which cgroup.
    pub cgroup: CgroupDir,
}

impl Claims {
    /// Reads every state root on this machine: the ones the operator named and the known ones. What cannot be read
    /// claims nothing.
    pub fn read(machine: &Machine) -> Self {
        let mut claims = Vec::new();
        // One that may never answer claims nothing either.
        for root in machine.parted(machine.every_root()).near {
            let Ok(dir) = open_root(&root.path) else {
                continue;
            };
            for name in entry_names(&dir).unwrap_or_default() {
                let key = ContainerKey::new(std::sync::Arc::clone(&root.path), name);
                let lead = Lead {
                    key: &key,
                    depth: Depth::State,
                    hint: None,
                };
                let Ok(entry) = Entry::read(dir.as_fd(), lead) else {
                    continue;
                };
                let cgroups = cgroups_of(machine, &entry);
                let alive = entry.record.as_ref().is_ok_and(|record| {
                    identify(machine, record, &cgroups, Rigour::Signalled)
                        .alive()
                        .is_some()
                });
                claims.push(Claim {
                    key,
                    cgroups,
                    alive,
                });
            }
        }
        Self(claims)
    }

    /// A live container in another root with the same id as `key`: what goes by the id alone, as
    /// resctrl groups do, may be its.
    pub fn namesake(&self, key: &ContainerKey) -> Option<&ContainerKey> {
        let other = |claim: &&Claim| claim.key.name() == key.name() && !same_place(&claim.key, key);
        let found = self.0.iter().filter(|claim| claim.alive).find(other)?;
        Some(&found.key)
    }

    /// A live container other than `key` that has one of `cgroups`, or a cgroup below one of them.
    pub fn sharing(&self, key: &ContainerKey, cgroups: &[CgroupDir]) -> Option<Shared> {
        let others = self
            .0
            .iter()
            .filter(|claim| claim.alive && !same_place(&claim.key, key));
        others.into_iter().find_map(|claim| {
            let inside = |mine: &&CgroupDir| {
                claim.cgroups.iter().any(|theirs| {
                    theirs.hierarchy == mine.hierarchy && mine.path.contains(&theirs.path)
                })
            };
            let cgroup = cgroups.iter().find(inside)?;
            Some(Shared {
                with: claim.key.clone(),
                cgroup: cgroup.clone(),
            })
        })
    }
}

/// The same directory, also when its root is known by two paths.
fn same_place(a: &ContainerKey, b: &ContainerKey) -> bool {
    let canonical = |key: &ContainerKey| std::fs::canonicalize(key.root()).ok();
    a == b || (a.name() == b.name() && canonical(a) == canonical(b))
}
