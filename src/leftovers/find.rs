//! The search: it reads, and every part of it adds what it found.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Instant;

use super::found::{FoundLeftovers, KnownBefore};
use super::leftover::Leftover;
use super::search::LeftoverSearch;
use super::{cgroups, others, pins, state, walk};
use crate::inventory::owners::Owners;
use crate::inventory::unread::{Place, WhyUnread};
use crate::inventory::{Machine, OutOfSight, Unread, mounts};
use crate::kernel::read::{is_gone, kernel_file};
use crate::lifecycle::{Accounts, Claims};

/// Looks for leftovers. Reading only: no file system that may never answer is asked, and what can
/// wait for a lock is read by a thread that can be left behind.
pub fn find(machine: &Machine, known: &KnownBefore) -> FoundLeftovers {
    search(machine, known).0
}

/// As [`find`], with who was asked.
pub(super) fn search(machine: &Machine, known: &KnownBefore) -> (FoundLeftovers, Owners) {
    let start = Instant::now();
    let claims = Claims::read(machine);
    let owners = Owners::read(machine);
    let listed = machine.proc.join("self/mountinfo");
    let mountinfo = kernel_file(&listed);
    let missed = mountinfo.as_ref().err().filter(|error| !is_gone(error));
    let missed = missed.map(|error| Unread::dir(&listed, error.into()));
    let unread = claims
        .unread
        .iter()
        .chain(&owners.unread)
        .cloned()
        .chain(out_of_sight(machine))
        .collect();
    let mut search = LeftoverSearch {
        machine,
        known,
        claims: &claims,
        accounts: Accounts::new(machine, &claims),
        owners,
        mounts: mounts::mounts(&mountinfo.unwrap_or_default()),
        now: jiff::Timestamp::now(),
        unread,
        missed: RefCell::new(missed.into_iter().collect()),
    };
    let mut tree = walk::walk(&search);
    search.unread.append(&mut tree.unread);
    let mut list = state::find(&search, &mut tree);
    let looked_at = tree.looked_at;
    let groups = others::rdt(&search, &mut list);
    list.extend(groups);
    list.extend(others::units(&search, &tree));
    list.extend(cgroups::leftovers(&search, tree));
    list.extend(others::mounts(&search));
    list.extend(pins::find(&search));
    list.iter_mut().for_each(Leftover::tell_owner);
    list.sort_by(|a, b| {
        let order = |one: &Leftover| (one.confidence, one.kind);
        order(a).cmp(&order(b)).then_with(|| a.paths.cmp(&b.paths))
    });
    let mut unread = [search.unread, search.missed.into_inner()].concat();
    // What is below a cgroup is looked at again with it.
    let mut told = HashSet::new();
    unread.retain(|one| told.insert(one.clone()));
    let found = FoundLeftovers {
        list,
        taken: search.now,
        took: start.elapsed(),
        cgroups: looked_at,
        roots: search.claims.roots,
        unread,
    };
    (found, search.owners)
}

/// What may own things here and cannot be seen from here. What procfs hides, the owners tell.
fn out_of_sight(machine: &Machine) -> Vec<Unread> {
    let sight = &machine.sight;
    let unread = |place, why| Unread {
        place,
        why: WhyUnread::OutOfSight(why),
    };
    let processes = sight.processes().filter(|why| *why != OutOfSight::Hidden);
    let processes = processes.map(|why| unread(Place::HostProcesses, why));
    let hierarchies = sight.cgroups().iter();
    let cgroups = hierarchies.map(|(label, why)| unread(Place::Cgroups(label.clone()), *why));
    processes.into_iter().chain(cgroups).collect()
}
