//! Which processes belong to a container, and where each was found. Only files that cannot hang.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::{ProcessPlace, ProcessSubject};
use crate::cgroup::freezer::Freezer;
use crate::cgroup::{Membership, Version};
use crate::inventory::Machine;
use crate::inventory::cgroups::{CgroupDir, freezer_at};
use crate::inventory::members::{
    home_of_leaving, pid_namespace, private_pid_namespace, procs, tree,
};
use crate::process::ProcStat;

/// Who was found.
#[derive(Debug, Default)]
pub(super) struct FoundProcesses {
    /// By place.
    pub(super) places: BTreeMap<ProcessPlace, BTreeSet<i32>>,
    /// What `stat` says of each, as far as it was read on the way.
    pub(super) stats: HashMap<i32, ProcStat>,
    /// Those in a frozen cgroup.
    pub(super) frozen: BTreeSet<i32>,
    /// The container's cgroups that were looked at.
    cgroups: Vec<CgroupDir>,
}

/// Finds them.
pub(super) fn find(machine: &Machine, subject: &ProcessSubject) -> FoundProcesses {
    let hierarchies = &machine.hierarchies;
    let of_view = |view| CgroupDir::of_view(view, hierarchies);
    let mut found = FoundProcesses {
        cgroups: subject.cgroups.iter().filter_map(of_view).collect(),
        ..FoundProcesses::default()
    };
    let mut places = found.in_cgroups(machine);
    let init = subject.init.filter(|init| {
        let stat = machine.stat(init.pid).ok().flatten();
        stat.is_some_and(|stat| stat.start_time == init.start_time)
    });
    found.stats = everybody(machine, &places);
    found.add_leaving(machine, &mut places);
    if let Some(init) = init.map(|init| init.pid) {
        found.add_family(machine, init, &mut places);
    }
    found.add_zombies(&mut places);
    for (pid, place) in places {
        found.places.entry(place).or_default().insert(pid);
    }
    found
}

/// `stat` of every process of the host but those known already.
fn everybody(machine: &Machine, known: &BTreeMap<i32, ProcessPlace>) -> HashMap<i32, ProcStat> {
    let entries = std::fs::read_dir(&machine.proc).into_iter().flatten();
    let pid = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    let others = entries
        .flatten()
        .filter_map(pid)
        .filter(|pid| *pid > 1 && !known.contains_key(pid));
    others
        .filter_map(|pid| Some((pid, machine.stat(pid).ok().flatten()?)))
        .collect()
}

impl FoundProcesses {
    /// The members of its cgroups. On v1 a process can be deeper in one hierarchy than in another:
    /// the deepest place tells most.
    fn in_cgroups(&mut self, machine: &Machine) -> BTreeMap<i32, ProcessPlace> {
        let mut deepest: BTreeMap<i32, (usize, ProcessPlace)> = BTreeMap::new();
        for cgroup in &self.cgroups {
            let top = cgroup.dir(&machine.hierarchies);
            let hierarchy = machine.hierarchies.at(cgroup.hierarchy);
            let with_freezer = hierarchy.filter(|h| h.version == Version::V2 || h.has("freezer"));
            for dir in tree(&top) {
                let below = dir.strip_prefix(&top).unwrap_or(Path::new(""));
                let depth = below.components().count();
                let pids = procs(&dir);
                let freezer = with_freezer
                    .filter(|_| !pids.is_empty())
                    .and_then(|hierarchy| freezer_at(&dir, hierarchy.version));
                if matches!(freezer, Some(Freezer::Frozen | Freezer::FrozenAbove)) {
                    self.frozen.extend(&pids);
                }
                for pid in pids {
                    let known = deepest.get(&pid).map(|(depth, _)| *depth);
                    if known.is_none_or(|known| depth > known) {
                        deepest.insert(pid, (depth, place(cgroup, below)));
                    }
                }
            }
        }
        // Hierarchies may differ in the container's own path: one heading serves for all.
        let own = deepest.values().find_map(|(_, place)| match place {
            ProcessPlace::Own(_) => Some(place.clone()),
            ProcessPlace::Below(_) | ProcessPlace::Family | ProcessPlace::Outside => None,
        });
        let settled = deepest.into_iter().map(|(pid, (_, place))| match place {
            ProcessPlace::Own(_) => (pid, own.clone().unwrap_or(place)),
            place @ (ProcessPlace::Below(_) | ProcessPlace::Family | ProcessPlace::Outside) => {
                (pid, place)
            }
        });
        settled.collect()
    }

    /// Members that exit, which no list has any more.
    fn add_leaving(&self, machine: &Machine, places: &mut BTreeMap<i32, ProcessPlace>) {
        for (pid, stat) in &self.stats {
            if let Some((cgroup, below)) = home_of_leaving(machine, *pid, stat, &self.cgroups) {
                places.insert(*pid, place(cgroup, &below));
            }
        }
    }

    /// Where a process stands that was found by its pid namespace. One that exits may be in its cgroup
    /// still, and v1 does not tell: it stands where it was.
    fn place_beside(&self, pid: i32) -> ProcessPlace {
        let stat = self.stats.get(&pid);
        let exiting = stat.is_some_and(|stat| stat.is_exiting() && !stat.is_dead());
        let home = self.cgroups.first().filter(|_| exiting);
        home.map_or(ProcessPlace::Outside, |cgroup| place(cgroup, Path::new("")))
    }

    /// Init itself, and who else is in its pid namespace; without a cgroup its descendants.
    fn add_family(&self, machine: &Machine, init: i32, places: &mut BTreeMap<i32, ProcessPlace>) {
        if self.cgroups.is_empty() {
            places.insert(init, ProcessPlace::Family);
            loop {
                let children = self.stats.iter().filter(|(pid, stat)| {
                    places.contains_key(&stat.ppid) && !places.contains_key(pid)
                });
                let children: Vec<i32> = children.map(|(pid, _)| *pid).collect();
                if children.is_empty() {
                    break;
                }
                places.extend(children.into_iter().map(|pid| (pid, ProcessPlace::Family)));
            }
        }
        let beside = self.place_beside(init);
        places.entry(init).or_insert(beside);
        let Some(namespace) = private_pid_namespace(machine, init) else {
            return;
        };
        for pid in self.stats.keys() {
            if !places.contains_key(pid)
                && pid_namespace(machine, *pid).as_ref() == Some(&namespace)
            {
                places.insert(*pid, self.place_beside(*pid));
            }
        }
    }

    /// Zombies are in no list of a cgroup: they stand where their parent is.
    fn add_zombies(&self, places: &mut BTreeMap<i32, ProcessPlace>) {
        let zombies = self.stats.iter().filter(|(_, stat)| stat.is_dead());
        let beside: Vec<_> = zombies
            .filter_map(|(pid, stat)| Some((*pid, places.get(&stat.ppid)?.clone())))
            .collect();
        places.extend(beside);
    }

    /// Where a process is that is not in the container's cgroup, as far as that can be said.
    pub(super) fn elsewhere(&self, machine: &Machine, membership: &Membership) -> Option<String> {
        let hierarchies = &machine.hierarchies;
        let with_container = self.cgroups.iter().map(|cgroup| cgroup.hierarchy);
        let paths: Vec<String> = with_container
            .filter_map(|at| {
                let path = membership.path(hierarchies.at(at)?)?;
                Some(crate::text::visible(&path.to_string()))
            })
            .collect();
        // A path that is the root in one hierarchy says less than one that is not.
        let named = paths.iter().find(|path| *path != "/");
        named.or(paths.first()).cloned()
    }
}

/// A cgroup of the container, or one `below` it.
fn place(cgroup: &CgroupDir, below: &Path) -> ProcessPlace {
    if below == Path::new("") {
        return ProcessPlace::Own(crate::text::visible(&cgroup.path.to_string()));
    }
    ProcessPlace::Below(crate::text::visible_path(below))
}
