//! What the text of a record that is cut short names, and is there: a process, cgroups.

use super::cgroups::{CgroupDir, look};
use super::entry::Entry;
use super::machine::Machine;
use crate::kernel::Inode;
use crate::kernel::read::STATE_CAP;
use crate::oci::record::torn::Torn;
use crate::oci::record::{crun, runc};

/// What is there of it.
#[derive(Debug, Clone, Default)]
pub struct Remnant {
    /// The pid that it gives as init's, and that a process has: its own, as far as that can be told.
    pub alive: Option<i32>,
    /// The cgroups that it names.
    pub cgroups: Vec<(CgroupDir, Inode)>,
    /// Those at which a look fails.
    pub unread: Vec<CgroupDir>,
}

impl Remnant {
    /// Reads the state files of an entry whose record makes no sense, and looks.
    pub fn read(machine: &Machine, entry: &Entry<'_>) -> Self {
        let mut found = Self::default();
        for name in [runc::STATE, crun::STATUS] {
            let Ok(bytes) = entry.file(name, STATE_CAP) else {
                continue;
            };
            let torn = Torn::read(&String::from_utf8_lossy(&bytes));
            let alive = || {
                torn.pids
                    .iter()
                    .copied()
                    .find(|pid| lives(machine, *pid, &torn))
            };
            found.alive = found.alive.or_else(alive);
            let named = |path: &std::path::PathBuf| {
                let mut all = machine.hierarchies.iter().enumerate();
                all.find_map(|(hierarchy, at)| {
                    let path = at.path_of(path).filter(|path| !path.is_root())?;
                    Some(CgroupDir { hierarchy, path })
                })
            };
            let named: Vec<CgroupDir> = torn.cgroups.iter().filter_map(named).collect();
            let looked = look(&named, &machine.hierarchies);
            found.cgroups.extend(looked.there);
            found.unread.extend(looked.unread);
        }
        found
    }
}

/// Whether a process of this pid lives that may be the one. One that cannot be read may be.
fn lives(machine: &Machine, pid: i32, torn: &Torn) -> bool {
    match machine.stat(pid) {
        Ok(Some(stat)) => {
            let same = torn.start_time.is_none_or(|start| start == stat.start_time);
            same && !stat.is_dead() && !stat.is_kernel_thread()
        }
        Ok(None) => false,
        Err(_) => true,
    }
}
