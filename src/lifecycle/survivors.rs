//! What is known of processes that did not die: where they are, whether they are frozen. One walk through
//! the cgroups tells it of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::Survivor;
use crate::cgroup::Version;
use crate::cgroup::freezer::Freezer;
use crate::inventory::Machine;
use crate::inventory::cgroups::{CgroupDir, freezer_of};
use crate::inventory::members::{home_of_leaving, listed};
use crate::kernel::read::kernel_text;
use crate::kernel::walk::{MOST, WalkedCgroup, walk};
use crate::process::ProcStat;

/// Longest path of a cgroup that is told (`PATH_MAX`): a longer one is of no use to anybody, and one
/// above it is told instead.
const LONGEST: usize = 4096;

/// Where a process is.
#[derive(Debug, Clone, Default)]
struct Home {
    cgroup: Option<PathBuf>,
    frozen: bool,
}

/// What is known of each that is there.
pub(super) fn of(machine: &Machine, pids: &[i32], cgroups: &[CgroupDir]) -> Vec<Survivor> {
    let there = pids.iter().filter_map(|pid| {
        let stat = machine.stat(*pid).ok().flatten()?;
        Some((*pid, stat))
    });
    let there: Vec<(i32, ProcStat)> = there.collect();
    let wanted = there.iter().map(|(pid, _)| *pid).collect();
    let homes = homes(machine, &wanted, cgroups);
    let told = there.into_iter().map(|(pid, stat)| {
        let home = homes.get(&pid).cloned().unwrap_or_default();
        survivor(machine, pid, &stat, home, cgroups)
    });
    told.collect()
}

/// Those of some processes that sleep uninterruptibly, and not because they are frozen.
pub(super) fn uninterruptible(
    machine: &Machine,
    pids: &[i32],
    cgroups: &[CgroupDir],
) -> Vec<Survivor> {
    let in_d = |pid: &&i32| {
        let stat = machine.stat(**pid).ok().flatten();
        stat.is_some_and(|stat| stat.state == 'D')
    };
    let pids: Vec<i32> = pids.iter().filter(in_d).copied().collect();
    let mut found = of(machine, &pids, cgroups);
    found.retain(|process| process.state == 'D' && !process.frozen);
    found
}

/// The cgroups of these processes.
fn homes(machine: &Machine, wanted: &BTreeSet<i32>, cgroups: &[CgroupDir]) -> BTreeMap<i32, Home> {
    let mut homes: BTreeMap<i32, Home> = BTreeMap::new();
    if wanted.is_empty() {
        return homes;
    }
    for cgroup in cgroups {
        let Some(version) = machine.hierarchies.at(cgroup.hierarchy).map(|h| h.version) else {
            continue;
        };
        let top = cgroup.dir(&machine.hierarchies);
        // Who is not found for a part that cannot be seen is told without a cgroup.
        walk(&top, MOST, &mut |cgroup| {
            let pids = listed(|file| cgroup.text(file)).unwrap_or_default();
            let mut here = pids.iter().filter(|pid| wanted.contains(pid)).peekable();
            let frozen = here.peek().is_some() && is_frozen(cgroup, version);
            for pid in here {
                let home = homes.entry(*pid).or_default();
                home.frozen |= frozen;
                home.cgroup.get_or_insert_with(|| usable(cgroup.path()));
            }
            ControlFlow::Continue(())
        });
    }
    homes
}

fn is_frozen(cgroup: &WalkedCgroup<'_>, version: Version) -> bool {
    let freezer = freezer_of(version, |file| cgroup.text(file).ok().flatten());
    matches!(freezer, Some(Freezer::Frozen | Freezer::FrozenAbove))
}

/// The path, or the longest part of it that the system takes.
fn usable(path: &Path) -> PathBuf {
    let mut ways = path.ancestors();
    let way = ways.find(|way| way.as_os_str().len() < LONGEST);
    way.unwrap_or(path).to_owned()
}

fn survivor(
    machine: &Machine,
    pid: i32,
    stat: &ProcStat,
    home: Home,
    cgroups: &[CgroupDir],
) -> Survivor {
    let wchan = kernel_text(&machine.pid_file(pid, "wchan")).ok().flatten();
    let leaving = || {
        let (cgroup, below) = home_of_leaving(machine, pid, stat, cgroups)?;
        // The path of the cgroup itself is empty, and would end it with a `/`.
        Some(
            cgroup
                .dir(&machine.hierarchies)
                .components()
                .chain(below.components())
                .collect(),
        )
    };
    Survivor {
        pid,
        command: crate::text::visible_bytes(&stat.comm),
        state: stat.state,
        wchan: wchan.filter(|name| !name.is_empty() && name != "0"),
        frozen: home.frozen,
        cgroup: home.cgroup.or_else(leaving),
    }
}
