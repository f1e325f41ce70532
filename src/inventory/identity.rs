//! Is the recorded pid still the container's init?
//!
//! runc and crun store the start time, which settles it. youki stores none: there the process must
//! be in the container's cgroup, or, where no cgroup is known, must have started before the
//! container was recorded as created; a process that took over a freed pid started after it.

use std::path::Path;

use super::cgroups::CgroupDir;
use super::machine::Machine;
use super::sight::OutOfSight;
use crate::cgroup::Membership;
use crate::oci::{ContainerKey, Record, RecordedInit};
use crate::process::{InitProcess, ProcStat};

/// What became of the recorded init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// It lives, and it is the one.
    Alive(InitProcess),
    /// It is gone.
    Dead,
    /// Its pid belongs to another process. Never to be signalled.
    Recycled(i32),
    /// It cannot be told from here: it may live.
    Unknown(OutOfSight),
}

impl Identity {
    /// The init, if it lives.
    pub fn alive(self) -> Option<InitProcess> {
        match self {
            Self::Alive(init) => Some(init),
            Self::Dead | Self::Recycled(_) | Self::Unknown(_) => None,
        }
    }

    /// Whether it may live, as far as can be seen from here.
    pub fn may_live(self) -> bool {
        matches!(self, Self::Alive(_) | Self::Unknown(_))
    }
}

/// How sure it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rigour {
    /// To be shown: a process that started just before the container was recorded as created is
    /// taken for its init without a look at its cgroup.
    Shown,
    /// To be signalled: a clock that was set meanwhile must not make a stranger of it or a victim.
    Signalled,
}

/// youki forks init at most this long before it stamps the creation, nanoseconds.
const FORK_TO_STAMP: i64 = 10_000_000_000;

/// A record and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// The state root it was read from.
    pub root: &'a Path,
    /// What it says.
    pub record: &'a Record,
    /// The cgroups it names.
    pub cgroups: &'a [CgroupDir],
}

impl<'a> Recorded<'a> {
    /// The record of the container at `key`.
    pub fn at(key: &'a ContainerKey, record: &'a Record, cgroups: &'a [CgroupDir]) -> Self {
        Self {
            root: key.root(),
            record,
            cgroups,
        }
    }
}

/// Looks at the process that a record names.
///
/// That it is gone, or another's, is said only where ocitop would have seen it ([`Sight`]).
///
/// [`Sight`]: super::Sight
pub fn identify(machine: &Machine, recorded: Recorded<'_>, rigour: Rigour) -> Identity {
    // What procfs shows under these numbers cannot be signalled by them.
    if let Some(why) = machine.sight.signals()
        && rigour == Rigour::Signalled
    {
        return Identity::Unknown(why);
    }
    let blind = machine.sight.pids(recorded.root);
    let found = match recorded.record.init {
        Some(init) => look(machine, recorded, init, rigour),
        None => Identity::Dead,
    };
    match (found, blind) {
        (Identity::Dead | Identity::Recycled(_), Some(why)) => Identity::Unknown(why),
        (found, _) => found,
    }
}

/// As [`identify`], as if these were the pids of the record.
fn look(machine: &Machine, recorded: Recorded<'_>, init: RecordedInit, rigour: Rigour) -> Identity {
    let Recorded {
        root,
        record,
        cgroups,
    } = recorded;
    let stat = match machine.stat(init.pid) {
        Ok(Some(stat)) => stat,
        Ok(None) => return Identity::Dead,
        // It exists and cannot be read: it may be the one.
        Err(_) if machine.sight.hides() => return Identity::Unknown(OutOfSight::Hidden),
        Err(_) => return Identity::Unknown(OutOfSight::ProcessUnread),
    };
    if stat.is_dead() {
        return Identity::Dead;
    }
    let ours = match init.start_time {
        Some(recorded) => recorded == stat.start_time,
        // In another's pids one that started at the right moment proves nothing.
        None if machine.sight.pids(root).is_some() => false,
        None if rigour == Rigour::Shown && started_with_it(machine, record, &stat) => true,
        None => is_ours(machine, record, init.pid, &stat, cgroups),
    };
    if ours {
        Identity::Alive(InitProcess {
            pid: init.pid,
            start_time: stat.start_time,
        })
    } else if let Some(why) = unjudged(machine, root, record, init) {
        Identity::Unknown(why)
    } else {
        Identity::Recycled(init.pid)
    }
}

/// Why a process that was told by its cgroup may be the one all the same: that cgroup is out of sight.
fn unjudged(
    machine: &Machine,
    root: &Path,
    record: &Record,
    init: RecordedInit,
) -> Option<OutOfSight> {
    let by_cgroup = init.start_time.is_none();
    let (sight, hierarchies) = (&machine.sight, &machine.hierarchies);
    let unseen = sight.unseen(root, &record.cgroup, hierarchies);
    unseen.filter(|_| by_cgroup).map(|cgroups| cgroups.why)
}

/// The recorded init, if it is dead and its parent has not reaped it, and what is left of it.
pub fn unreaped(machine: &Machine, record: &Record) -> Option<(InitProcess, ProcStat)> {
    let init = record.init?;
    let stat = machine.stat(init.pid).ok().flatten()?;
    let ours = match init.start_time {
        Some(recorded) => recorded == stat.start_time,
        None => started_with_it(machine, record, &stat),
    };
    let who = InitProcess {
        pid: init.pid,
        start_time: stat.start_time,
    };
    (stat.is_dead() && ours).then_some((who, stat))
}

fn is_ours(
    machine: &Machine,
    record: &Record,
    pid: i32,
    stat: &ProcStat,
    cgroups: &[CgroupDir],
) -> bool {
    if stat.is_kernel_thread() {
        return false;
    }
    if !cgroups.is_empty() {
        let Some(membership) = machine.membership(pid) else {
            return false;
        };
        if is_member(machine, &membership, cgroups) {
            return true;
        }
        // An exiting task reads as `/` in every v1 hierarchy: its start has to settle it.
        if !stat.is_exiting() {
            return false;
        }
    }
    nanos_before_created(machine, record, stat).is_some_and(|before| before >= -slack(machine))
}

/// Whether a process started as init does: moments before the creation was stamped.
fn started_with_it(machine: &Machine, record: &Record, stat: &ProcStat) -> bool {
    let before = nanos_before_created(machine, record, stat);
    !stat.is_kernel_thread()
        && before.is_some_and(|before| (-slack(machine)..=FORK_TO_STAMP).contains(&before))
}

/// How long before the container was recorded as created a process started, in nanoseconds;
/// negative if after.
fn nanos_before_created(machine: &Machine, record: &Record, stat: &ProcStat) -> Option<i64> {
    let ticks = i64::try_from(stat.start_time).ok()?;
    let started = ticks
        .checked_mul(tick_nanos(machine))?
        .checked_add(machine.boot.nanos)?;
    let created = record
        .created
        .as_ref()
        .and_then(crate::oci::CreatedAt::timestamp)?;
    i64::try_from(created.as_nanosecond())
        .ok()?
        .checked_sub(started)
}

fn tick_nanos(machine: &Machine) -> i64 {
    1_000_000_000 / machine.host.ticks.max(1).cast_signed()
}

/// How much later than it was a start can seem: the tick it is counted in, and how well the moment
/// of the boot is known.
fn slack(machine: &Machine) -> i64 {
    tick_nanos(machine) + machine.boot.slack
}

/// Whether a process is in one of `cgroups` or below it.
pub fn is_member(machine: &Machine, membership: &Membership, cgroups: &[CgroupDir]) -> bool {
    cgroups.iter().any(|cgroup| {
        let hierarchy = machine.hierarchies.at(cgroup.hierarchy);
        let path = hierarchy.and_then(|hierarchy| membership.path(hierarchy));
        path.is_some_and(|path| cgroup.path.contains(&path))
    })
}
