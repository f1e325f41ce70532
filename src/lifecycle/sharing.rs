//! A cgroup that two live containers have, because their bundles name the same path. It tells nobody's
//! processes: those of a container are then its init and what is in the pid namespace of that. The
//! cgroup itself is nobody's for as long as both live.

use std::path::PathBuf;
use std::time::Duration;

use super::claims::{Claims, Shared};
use super::guard::{self, Checked, Forbidden};
use super::note::Note;
use super::procs;
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::members::private_pid_namespace;
use crate::kernel::Kernel;
use crate::process::InitProcess;
use crate::text::visible_path;

/// How often, and how far apart, a shared cgroup is tried: a process leaves it a moment after its end.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(5);

/// The cgroups that a container shares, and with whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// The cgroups.
    pub cgroups: Vec<CgroupDir>,
    /// Their directories.
    pub dirs: Vec<PathBuf>,
    /// The other containers, safe to print.
    pub with: String,
    /// The inits of those.
    others: Vec<InitProcess>,
}

impl Common {
    /// What the operator should know of it.
    pub(super) fn note(&self) -> Note {
        let dir = self.dirs.first().map(|dir| visible_path(dir));
        Note::CgroupShared {
            dir: dir.unwrap_or_default(),
            with: self.with.clone(),
        }
    }
}

/// Removes what was shared, if the others have died meanwhile: of several that are deleted at once,
/// the last one does. A cgroup in which anything lives does not go, and is not waited for.
pub(super) fn remove<K: Kernel>(kernel: &K, machine: &Machine, common: &Common) -> usize {
    let lives = |init: &InitProcess| {
        let stat = machine.stat(init.pid).ok().flatten();
        stat.is_some_and(|stat| stat.start_time == init.start_time && !stat.is_dead())
    };
    if common.others.iter().any(lives) {
        return 0;
    }
    let mut removed = 0;
    for _ in 0..TRIES {
        let removals = kernel.remove_trees(common.dirs.clone());
        removed += removals
            .iter()
            .map(|removal| removal.removed)
            .sum::<usize>();
        if common.dirs.iter().all(|dir| !dir.exists()) {
            break;
        }
        kernel.pause(PAUSE);
    }
    removed
}

/// As [`part`], and what remains is checked as if it were all there is.
pub(super) fn part_from(
    machine: &Machine,
    init: InitProcess,
    suspect: &Checked<'_>,
    claims: &Claims,
) -> Result<Common, Forbidden> {
    let others: Vec<Shared> = claims
        .sharers(&suspect.entry.key, suspect.cgroups)
        .collect();
    let common = part(machine, init, suspect.cgroups, &others)?;
    let own = suspect.cgroups.iter();
    let own: Vec<CgroupDir> = own
        .filter(|cgroup| !common.cgroups.contains(cgroup))
        .cloned()
        .collect();
    let rest = Checked {
        cgroups: &own,
        ..*suspect
    };
    guard::check(machine, &rest, claims)?;
    Ok(common)
}

/// Takes a container apart from those that have some of `own` as well; `Err` says why that cannot be.
fn part(
    machine: &Machine,
    init: InitProcess,
    own: &[CgroupDir],
    others: &[Shared],
) -> Result<Common, Forbidden> {
    let mut cgroups = Vec::new();
    let family = procs::family(machine, init.pid);
    if let Some(unseen) = family.unseen {
        let name = format!("the family of pid {}", init.pid);
        return Err(Forbidden::Unseen(name, unseen));
    }
    for other in others {
        let dir = visible_path(&other.cgroup.dir(&machine.hierarchies));
        let name = other.with.label_in_root();
        if other.is_below {
            return Err(Forbidden::Shared(dir, name));
        }
        // What may live without having been identified may be anywhere.
        let stays = |init: InitProcess| !family.pids.contains(&init.pid);
        if !other.init.is_some_and(stays) {
            return Err(Forbidden::DiesToo(dir, name));
        }
        cgroups.extend(other.all.iter().cloned());
    }
    cgroups.sort();
    cgroups.dedup();
    let told = own.iter().any(|cgroup| !cgroups.contains(cgroup))
        || private_pid_namespace(machine, init.pid).is_some();
    if let (false, Some(other)) = (told, others.first()) {
        let dir = visible_path(&other.cgroup.dir(&machine.hierarchies));
        return Err(Forbidden::Inseparable(dir, other.with.label_in_root()));
    }
    let dirs = cgroups.iter().map(|one| one.dir(&machine.hierarchies));
    let names: Vec<String> = others
        .iter()
        .map(|other| other.with.label_in_root())
        .collect();
    Ok(Common {
        dirs: dirs.collect(),
        with: names.join(", "),
        others: others.iter().filter_map(|other| other.init).collect(),
        cgroups,
    })
}
