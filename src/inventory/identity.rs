//! Is the recorded pid still the container's init?
//!
//! runc and crun store the start time, which settles it. youki stores none: there the process must
//! be in the container's cgroup, or, where no cgroup is known, must have started before the
//! container was recorded as created; a process that took over a freed pid started after it.

use super::cgroups::CgroupDir;
use super::machine::Machine;
use crate::cgroup::Membership;
use crate::oci::{Record, RecordedInit};
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
}

impl Identity {
    /// The init, if it lives.
    pub fn alive(self) -> Option<InitProcess> {
        match self {
            Self::Alive(init) => Some(init),
            Self::Dead | Self::Recycled(_) => None,
        }
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

/// Looks at the process the record names. `cgroups` are those the record names.
pub fn identify(
    machine: &Machine,
    record: &Record,
    cgroups: &[CgroupDir],
    rigour: Rigour,
) -> Identity {
    let Some(init) = record.init else {
        return Identity::Dead;
    };
    let stat = match machine.stat(init.pid) {
        Ok(Some(stat)) => stat,
        Ok(None) => return hidden(init),
        // It exists and cannot be read: nothing says that it is ours.
        Err(_) => return Identity::Recycled(init.pid),
    };
    if stat.is_dead() {
        return Identity::Dead;
    }
    let ours = match init.start_time {
        Some(recorded) => recorded == stat.start_time,
        None if rigour == Rigour::Shown && started_with_it(machine, record, &stat) => true,
        None => is_ours(machine, record, init.pid, &stat, cgroups),
    };
    if ours {
        Identity::Alive(InitProcess {
            pid: init.pid,
            start_time: stat.start_time,
        })
    } else {
        Identity::Recycled(init.pid)
    }
}

/// Not in /proc: dead, or hidden by `hidepid`. Then nothing but its being alive can be known.
fn hidden(init: RecordedInit) -> Identity {
    use rustix::process::{Pid, test_kill_process};
    let denied = Pid::from_raw(init.pid)
        .is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::PERM));
    if denied {
        Identity::Recycled(init.pid)
    } else {
        Identity::Dead
    }
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
