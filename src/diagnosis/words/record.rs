//! What is said of records, owners and the host.

use std::path::Path;

use super::parts::{path, processes};
use crate::diagnosis::cause::{HostCause, RecordCause};
use crate::inventory::Manager;
use crate::text::visible;

impl RecordCause {
    pub(super) fn words(&self) -> String {
        let living = |number: &usize| match number {
            0 => "nothing of it was found alive".to_owned(),
            number => format!("{} found by its cgroup", processes(*number)),
        };
        match self {
            Self::Missing { problem, processes } => {
                format!("its record is lost: {problem}; {}", living(processes))
            }
            Self::Torn { problem, processes } => {
                format!("its record is cut short: {problem}; {}", living(processes))
            }
            Self::Corrupt { problem, processes } => {
                format!(
                    "its record makes no sense: {problem}; {}",
                    living(processes)
                )
            }
            Self::Unreadable { problem } => format!("its record cannot be read: {problem}"),
            Self::Incomplete { problem } => format!("its record is not complete: {problem}"),
            Self::Foreign { uid } => format!(
                "its record was written by uid {uid}: ocitop acts only within what is that user's"
            ),
            Self::Recycled { pid, name } => format!(
                "its init is gone, and its recorded pid {pid} is another process by now: {name}"
            ),
            Self::HookBroken { hook, why } => format!(
                "its poststop hook {} {why}: its runtime's own delete fails",
                path(hook)
            ),
            Self::HookRuns { hook, pid, seconds } => format!(
                "its poststop hook {} has run for {seconds} s as pid {pid}",
                path(hook)
            ),
            Self::RuntimeWorks {
                pid,
                name,
                verb,
                seconds,
            } => {
                format!("{name} {verb} has been at it for {seconds} s as pid {pid}")
            }
            Self::UnitFailed { unit } => of_unit("systemd keeps its scope", unit, "as failed"),
            Self::UnitGone { unit } => {
                of_unit("it lives, and systemd has no scope", unit, "any more")
            }
            Self::Managed { manager, pid, name } => {
                let whose = manager.map_or_else(
                    || "an engine has it".to_owned(),
                    |manager| format!("{manager} has it"),
                );
                format!("{whose} and may start it again: {name}, pid {pid}, holds it")
            }
            Self::Abandoned { manager, unseen } => abandoned(*manager, *unseen),
            Self::MountIn { mount } => format!(
                "something is mounted in its state directory: {}",
                path(mount)
            ),
        }
    }
}

/// Either can be out, or both.
fn full(root: &Path, free: u64, files: Option<u64>) -> String {
    let files = match files {
        Some(0) => ", no inode".to_owned(),
        _ => String::new(),
    };
    let root = path(root);
    format!("the file system of {root} is full ({free} bytes left{files})")
}

fn abandoned(manager: Manager, unseen: bool) -> String {
    if unseen {
        return format!("{manager} made it, and whether a shim or conmon holds it cannot be seen");
    }
    format!("{manager} made it, and no shim or conmon of {manager} holds it any more")
}

fn of_unit(before: &str, unit: &str, after: &str) -> String {
    format!("{before} {} {after}", visible(unit))
}

impl HostCause {
    pub(super) fn words(&self) -> String {
        match self {
            Self::StateFull { root, free, files } => full(root, *free, *files),
            Self::StateReadOnly { root } => {
                format!("the file system of {} is mounted read-only", path(root))
            }
            Self::OutOfClosids { used, of } => {
                format!("resctrl has no CLOSID left ({used} of {of}): no control group can be made")
            }
            Self::OutOfRmids { used, of } => format!(
                "resctrl has no RMID left ({used} of {of}): no further group can be monitored"
            ),
            Self::ResctrlNotMounted { group } => format!(
                "it is to be in the resctrl group {}, and resctrl is not mounted: nothing of that is applied",
                visible(group)
            ),
            Self::NoResctrl { group } => format!(
                "it is to be in the resctrl group {}, and this host has no resctrl: nothing of that is applied",
                visible(group)
            ),
            Self::ResctrlGroupGone { group } => format!(
                "it is to be in the resctrl group {}, which is not there: nothing of that is applied",
                visible(group)
            ),
            Self::NotRoot => {
                "ocitop is not root: processes of others show neither stack nor files".to_owned()
            }
            Self::NoPtrace => {
                "ocitop has no CAP_SYS_PTRACE: where processes wait cannot be seen".to_owned()
            }
            Self::CgroupReadOnly { mount } => format!(
                "{} is mounted read-only: cgroups can be neither thawed nor removed",
                path(mount)
            ),
            Self::OtherPidNamespace => {
                "ocitop is not in the host's pid namespace: recorded pids may mean other processes"
                    .to_owned()
            }
        }
    }
}
