//! The kin of a container that has no cgroup: what tells its processes from the host's.
//!
//! Beyond doubt are init, what was forked by one of them, who is in a session that one of them leads
//! (sessions are only ever inherited), and, where init has a pid namespace that is not ocitop's, who is
//! in that. A process whose parent died is handed to a reaper, which is not of it: only its session still
//! tells. So it is looked again and again while it is killed, and stopped first: what is stopped does
//! not fork. Who has only init's mounts may be of it: that one is left alone, and said.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::claims::Claims;
use super::guard::{Origin, origin};
use super::process_table::ProcessTable;
use crate::inventory::members::pid_namespace;
use crate::inventory::{Machine, Unread};
use crate::kernel::read::is_gone;
use crate::process::{InitProcess, ProcStat};

/// Whether processes are born while they are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Births {
    /// None that matter.
    #[default]
    None,
    /// The container forks.
    Own,
    /// So many on the host that one of the container's may not have been seen.
    Others,
}

/// Who is of a container without a cgroup.
#[derive(Debug, Clone, Default)]
pub(super) struct Kin {
    /// Each, dead ones too, with its start: a session outlives its leader.
    known: BTreeMap<i32, u64>,
    /// The sessions that they lead, or led.
    sessions: BTreeSet<i32>,
    /// Its pid namespace, if that is not ocitop's.
    pids: Option<HeldNamespace>,
    /// Its mounts, if they are its own, until its processes have gone.
    mounts: Option<HeldNamespace>,
    /// Who had its mounts at the last look, lived, and is not known.
    away: BTreeSet<i32>,
    /// Who was born at the last look: who died since may have forked again.
    births: Births,
    /// What the last look could not see.
    unseen: Option<Unread>,
}

/// A namespace, held open: the kernel gives the number of one that is gone to the next that is made,
/// which is another container's.
#[derive(Debug, Clone)]
struct HeldNamespace {
    name: PathBuf,
    _held: Option<Arc<File>>,
}

impl HeldNamespace {
    /// That of a process; `None` if it cannot be told, or cannot be held.
    fn of(machine: &Machine, pid: i32, kind: &str) -> Option<Self> {
        let file = machine.pid_file(pid, kind);
        let held = match File::open(&file) {
            Ok(held) => Some(Arc::new(held)),
            // No process, or no procfs of the kernel's: a fixture's link leads nowhere.
            Err(error) if is_gone(&error) => None,
            Err(_) => return None,
        };
        let name = std::fs::read_link(&file).ok()?;
        Some(Self { name, _held: held })
    }

    fn is(&self, name: Option<&PathBuf>) -> bool {
        name == Some(&self.name)
    }
}

impl Kin {
    /// The kin of a live init.
    pub(super) fn of(machine: &Machine, init: InitProcess, claims: &Claims) -> Self {
        let own = std::fs::read_link(machine.proc.join("self/ns/pid")).ok();
        let theirs = HeldNamespace::of(machine, init.pid, "ns/pid");
        let mounts = |pid: &str| std::fs::read_link(machine.proc.join(pid).join("ns/mnt")).ok();
        let held = HeldNamespace::of(machine, init.pid, "ns/mnt");
        let of_init = held.as_ref().map(|held| held.name.clone());
        let others = claims.live_inits().filter(|(_, pid)| *pid != init.pid);
        let mut others = others.map(|(_, pid)| mounts(&pid.to_string()));
        let is_its_own = of_init.is_some()
            && matches!(origin(machine, init.pid), Origin::Elsewhere)
            && mounts("self") != of_init
            && !others.any(|other| other == of_init);
        let mut kin = Self {
            known: BTreeMap::from([(init.pid, init.start_time)]),
            pids: theirs.filter(|theirs| !theirs.is(own.as_ref())),
            mounts: held.filter(|_| is_its_own),
            ..Self::default()
        };
        // Had its pid become another's meanwhile, they would be that one's.
        let stat = machine.stat(init.pid).ok().flatten();
        if stat.is_none_or(|stat| stat.start_time != init.start_time) {
            (kin.pids, kin.mounts) = (None, None);
        }
        kin.look(machine);
        kin
    }

    /// Looks for new ones.
    pub(super) fn look(&mut self, machine: &Machine) {
        let mounts = self.mounts.clone();
        let has_mounts = |pid: i32| {
            let theirs = || std::fs::read_link(machine.pid_file(pid, "ns/mnt")).ok();
            mounts
                .as_ref()
                .is_some_and(|mounts| mounts.is(theirs().as_ref()))
        };
        let look = ProcessTable::at(machine, &has_mounts);
        self.births = if look.is_outrun {
            Births::Others
        } else {
            Births::None
        };
        self.forget_taken(&look);
        let led = |(pid, stat): &(&i32, &ProcStat)| {
            self.sessions.contains(&stat.session) || self.is_inside(machine, **pid)
        };
        let mut todo: Vec<i32> = look.stats.iter().filter(led).map(|(pid, _)| *pid).collect();
        todo.extend(self.known.keys());
        while let Some(pid) = todo.pop() {
            let Some(stat) = look.stats.get(&pid) else {
                continue;
            };
            match self.known.get(&pid) {
                // The pid is another's by now.
                Some(known) if *known != stat.start_time => continue,
                Some(_) => {}
                None if stat.is_kernel_thread() => continue,
                None => {
                    self.known.insert(pid, stat.start_time);
                    if !stat.is_dead() {
                        self.births = Births::Own;
                    }
                }
            }
            let leads = stat.session == pid && self.sessions.insert(pid);
            if leads {
                let same = look.stats.iter().filter(|(_, other)| other.session == pid);
                todo.extend(
                    same.map(|(pid, _)| *pid)
                        .filter(|pid| !self.known.contains_key(pid)),
                );
            }
            let children = look.children.get(&pid).into_iter().flatten();
            todo.extend(children.filter(|pid| !self.known.contains_key(pid)));
        }
        self.away = self.not_known(&look);
        self.unseen = look.unseen;
        // Who is gone tells nothing more, but for a session that others are still in.
        let led: BTreeSet<i32> = look.stats.values().map(|stat| stat.session).collect();
        self.sessions.retain(|pid| led.contains(pid));
        let sessions = &self.sessions;
        self.known
            .retain(|pid, _| look.stats.contains_key(pid) || sessions.contains(pid));
    }

    /// A leader's number that is another's by now leads another session.
    fn forget_taken(&mut self, look: &ProcessTable<'_>) {
        let known = &self.known;
        self.sessions.retain(|pid| {
            let now = look.stats.get(pid).map(|stat| stat.start_time);
            now.is_none_or(|start| known.get(pid) == Some(&start))
        });
    }

    /// Who has its mounts, lives, and is none of those that are known.
    fn not_known(&self, look: &ProcessTable<'_>) -> BTreeSet<i32> {
        let is_known = |pid: i32, stat: &ProcStat| self.known.get(&pid) == Some(&stat.start_time);
        let is_away = |pid: &i32| {
            let stat = look.stats.get(pid);
            stat.is_some_and(|stat| !stat.is_dead() && !is_known(*pid, stat))
        };
        look.among.iter().copied().filter(is_away).collect()
    }

    /// Whether new ones were born at the last look.
    pub(super) fn births(&self) -> Births {
        self.births
    }

    fn is_inside(&self, machine: &Machine, pid: i32) -> bool {
        let pids = self.pids.as_ref();
        pids.is_some_and(|pids| pids.is(pid_namespace(machine, pid).as_ref()))
    }

    /// Whether a process is known to be of it.
    pub(super) fn knows(&self, process: InitProcess) -> bool {
        self.known.get(&process.pid) == Some(&process.start_time)
    }

    /// All of them, dead or alive.
    pub(super) fn all(&self) -> impl Iterator<Item = InitProcess> {
        let known = self.known.iter();
        known.map(|(&pid, &start_time)| InitProcess { pid, start_time })
    }

    /// Lets go of its mounts, once who has them has been asked: a hook may need what is mounted there.
    pub(super) fn let_go(&mut self) {
        self.mounts = None;
        self.away.clear();
    }

    /// What the last look could not see.
    pub(super) fn unseen(&self) -> Option<Unread> {
        self.unseen.clone()
    }

    /// Who lived at the last look, had its mounts and was none of those that are known.
    pub(super) fn away(&self) -> Vec<i32> {
        self.away.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Roots;

    #[test]
    #[expect(
        clippy::used_underscore_binding,
        reason = "what is held is of no other use"
    )]
    fn a_namespace_is_held_for_as_long_as_it_tells_somebody() {
        let machine = Machine::new(&Roots::default());
        let own = i32::try_from(std::process::id()).unwrap();
        for kind in ["ns/pid", "ns/mnt"] {
            let namespace = HeldNamespace::of(&machine, own, kind).unwrap();
            let held = namespace._held.as_ref().unwrap();
            let number = rustix::fs::fstat(held).unwrap().st_ino;
            let name = namespace.name.to_string_lossy();
            assert!(name.ends_with(&format!(":[{number}]")), "{name}");
        }
        assert!(HeldNamespace::of(&machine, i32::MAX, "ns/pid").is_none());
    }
}
