//! The record, what it names, and what became of the init it names.

use std::path::PathBuf;

use super::tasks::Crowd;
use crate::diagnosis::evidence::{Disk, InitSeen, PidNamespace, RecordProblem, RecordSeen};
use crate::inventory::cgroups::{self, CgroupDir};
use crate::inventory::entry::Entry;
use crate::inventory::identity::{Identity, Recorded, Rigour, identify};
use crate::inventory::scan::cgroups_of;
use crate::inventory::tracked::derive;
use crate::inventory::{Condition, Machine, Managed, Problem, Unread, members};
use crate::kernel::read::is_gone;
use crate::lifecycle::claims::Claims;
use crate::lifecycle::evidence::{NoEvidence, TeardownEvidence};
use crate::oci::{ContainerKey, RecordError, RecordedCgroup, Status};
use crate::process::InitProcess;
use crate::text::chain;

/// A container as a job would find it, and what is read of its state root besides.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) found: TeardownEvidence,
    /// What became of the recorded init, as far as it can be shown. A job asks for more proof.
    pub(super) identity: Identity,
    pub(super) condition: Condition,
    /// Its cgroups that exist, also those a job would leave alone.
    pub(super) cgroups: Vec<CgroupDir>,
    /// Those that its record names and that are not there, and how many it names.
    pub(super) gone: (Vec<PathBuf>, usize),
    pub(super) shared: Option<(PathBuf, String)>,
    pub(super) manager: Option<Managed>,
    pub(super) disk: Option<Disk>,
    /// State roots that could not be read: somebody there may have its cgroups, too.
    pub(super) unread: Vec<String>,
}

impl Case {
    /// May never come back: the state root can lie on a dead file system.
    pub(super) fn read(machine: &Machine, key: &ContainerKey) -> Result<Self, NoEvidence> {
        let claims = Claims::read(machine);
        let found = TeardownEvidence::gather(machine, key, &claims)?;
        let mut cgroups = found.cgroups(machine);
        if cgroups.is_empty() {
            let named = cgroups_of(machine, &found.entry);
            cgroups = cgroups::existing(&named, &machine.hierarchies);
        }
        let gone = gone(machine, &found.entry);
        let shared = claims.sharing(key, &cgroups).map(|shared| {
            let dir = shared.cgroup.dir(&machine.hierarchies);
            (dir, shared.with.label())
        });
        let record = found.entry.record.as_ref().ok();
        let manager = record.and_then(|record| Managed::told_by(key, found.entry.uid, record));
        let (identity, condition) = match &found.entry.record {
            Ok(record) => {
                let identity =
                    identify(machine, Recorded::at(key, record, &cgroups), Rigour::Shown);
                let freezer = cgroups::freezer(&cgroups, &machine.hierarchies);
                let condition = derive(record, identity, found.entry.exec_fifo, freezer);
                (identity, condition)
            }
            Err(_) => (found.identity, found.condition),
        };
        Ok(Self {
            identity,
            condition,
            cgroups,
            gone,
            shared,
            manager,
            disk: disk(key),
            unread: claims.unread.iter().map(Unread::words).collect(),
            found,
        })
    }
}

impl Case {
    /// What has to go for the container to be gone: its cgroups and its state directory.
    pub(super) fn dirs(&self, machine: &Machine) -> Vec<PathBuf> {
        let cgroups = self.cgroups.iter();
        let dirs = cgroups.map(|cgroup| cgroup.dir(&machine.hierarchies));
        dirs.chain([self.found.entry.key.dir()]).collect()
    }
}

/// The cgroups that are not there, of those that the container was certainly put into. runc records
/// them one by one; of a path that the others put below every hierarchy they joined, nothing is
/// certain while it is in one of them.
fn gone(machine: &Machine, entry: &Entry<'_>) -> (Vec<PathBuf>, usize) {
    let Ok(record) = &entry.record else {
        return (Vec::new(), 0);
    };
    let named = cgroups_of(machine, entry);
    let dirs = named.iter().map(|cgroup| cgroup.dir(&machine.hierarchies));
    let missing: Vec<PathBuf> = dirs
        .filter(|dir| matches!(dir.symlink_metadata(), Err(error) if is_gone(&error)))
        .collect();
    let each = matches!(record.cgroup, RecordedCgroup::PerController(_));
    if each || missing.len() == named.len() {
        return (missing, named.len());
    }
    (Vec::new(), named.len())
}

fn disk(key: &ContainerKey) -> Option<Disk> {
    let stat = rustix::fs::statvfs(key.root()).ok()?;
    Some(Disk {
        path: key.root().to_owned(),
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        files: (stat.f_files > 0).then_some(stat.f_ffree),
        read_only: stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
    })
}

/// What is to be said of the record.
pub(super) fn seen(entry: &Entry<'_>, found: &TeardownEvidence) -> RecordSeen {
    let own = rustix::process::geteuid().as_raw();
    let record = entry.record.as_ref().ok();
    RecordSeen {
        problem: entry.record.as_ref().err().map(problem),
        note: entry.note.as_ref().map(|note| chain(note)),
        foreign: Some(entry.uid).filter(|uid| *uid != 0 && *uid != own),
        stored_running: record.is_some_and(|record| record.stored_status == Some(Status::Running)),
        cgroup_disabled: record.is_some_and(|record| record.cgroup == RecordedCgroup::Disabled)
            && !found.has_cgroup(),
        has_start: record
            .and_then(|record| record.init)
            .is_some_and(|init| init.start_time.is_some()),
    }
}

fn problem(problem: &Problem) -> RecordProblem {
    let words = chain(problem);
    match problem {
        Problem::NoState(_) | Problem::Nothing => RecordProblem::Missing(words),
        Problem::Record(RecordError::Syntax { source, .. }) if source.is_eof() => {
            RecordProblem::Torn(words)
        }
        Problem::Record(RecordError::Empty { .. }) => RecordProblem::Torn(words),
        Problem::Read(_) | Problem::Open(_) => RecordProblem::Unreadable(words),
        Problem::Record(_)
        | Problem::OtherId(_)
        | Problem::Id(_)
        | Problem::NotDirectory(_)
        | Problem::Recycled(_)
        | Problem::OutOfSight(_)
        | Problem::NoConfig(_) => RecordProblem::Corrupt(words),
    }
}

/// Whose pid namespace init is in.
pub(super) fn pid_namespace(machine: &Machine, init: Option<InitProcess>) -> PidNamespace {
    let Some(pid) = init.map(|init| init.pid) else {
        return PidNamespace::Unknown;
    };
    let known = members::pid_namespace(machine, pid).is_some();
    let inside = members::status(machine, pid).and_then(|status| status.inside());
    match (members::private_pid_namespace(machine, pid), inside) {
        (Some(_), _) => PidNamespace::Private,
        (None, Some(_)) if known => PidNamespace::Shared,
        (None, _) => PidNamespace::Unknown,
    }
}

/// What became of the recorded init.
pub(super) fn init(crowd: &Crowd<'_>, case: &Case) -> InitSeen {
    let record = case.found.entry.record.as_ref().ok();
    let recorded = record.and_then(|record| record.init);
    match (case.identity, recorded) {
        (Identity::Alive(init), _) => InitSeen::Alive(init),
        (Identity::Recycled(pid), _) => match crowd.neighbour(pid) {
            Some(neighbour) => InitSeen::Recycled(neighbour),
            None => InitSeen::Gone(pid),
        },
        (Identity::Unknown(why), _) => InitSeen::OutOfSight(why),
        (Identity::Dead, None) => InitSeen::Unknown,
        (Identity::Dead, Some(init)) => {
            let stat = crowd.machine.stat(init.pid).ok().flatten();
            let same = |start: u64| init.start_time.is_none_or(|recorded| recorded == start);
            match stat.filter(|stat| stat.is_dead() && same(stat.start_time)) {
                Some(stat) => {
                    let who = InitProcess {
                        pid: init.pid,
                        start_time: stat.start_time,
                    };
                    InitSeen::Zombie(who, crowd.neighbour(stat.ppid))
                }
                None => InitSeen::Gone(init.pid),
            }
        }
    }
}
