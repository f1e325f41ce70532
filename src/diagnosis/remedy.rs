//! What would help: an action of ocitop, or a command for the operator.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cgroup::Version;
use crate::inventory::OutOfSight;
use crate::inventory::manager::Object;
use crate::kernel::Signal;
use crate::lifecycle::{Force, Job, Target};
use crate::oci::ContainerKey;
use crate::process::InitProcess;
use crate::text::shell::{operand, quoted};

/// One way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Remedy {
    /// Delete the container by force.
    ForceDelete,
    /// Delete what is stopped.
    Delete,
    /// Thaw the container.
    Resume,
    /// Start it.
    Start,
    /// Send a signal to a process of the container.
    Signal {
        /// The process, by pid and start.
        process: InitProcess,
        /// The signal.
        signal: Signal,
    },
    /// Send a signal to a process that is not the container's.
    SignalOther {
        /// Its pid.
        pid: i32,
        /// Its name.
        name: String,
        /// The signal.
        signal: Signal,
    },
    /// Thaw a cgroup that is not the container's own.
    Thaw {
        /// The cgroup that is thawed.
        cgroup: PathBuf,
        /// v1 or v2.
        version: Version,
    },
    /// Lift a CPU quota.
    LiftQuota {
        /// Of which cgroup.
        cgroup: PathBuf,
        /// v1 or v2.
        version: Version,
    },
    /// Let more processes be made.
    RaisePids {
        /// In which cgroup.
        cgroup: PathBuf,
    },
    /// Let the OOM killer do its work (v1).
    OomKiller {
        /// In which cgroup.
        cgroup: PathBuf,
    },
    /// Raise `memory.high` (v2).
    RaiseHigh {
        /// Of which cgroup.
        cgroup: PathBuf,
    },
    /// Abort a FUSE connection: who waits gets an error.
    AbortFuse {
        /// Its number.
        connection: u32,
        /// Where fusectl shows it, if it is mounted.
        dir: Option<PathBuf>,
    },
    /// Unmount.
    Unmount {
        /// The mount point.
        mount: PathBuf,
        /// By force: requests under way end in an error.
        force: bool,
        /// In the mount namespace of this process, if ocitop's does not have the mount.
        within: Option<i32>,
    },
    /// Thaw a file system.
    Unfreeze {
        /// Its mount point.
        mount: PathBuf,
    },
    /// Have systemd forget that a unit failed.
    ResetFailed {
        /// Which, as it is.
        unit: String,
    },
    /// Mount resctrl.
    MountResctrl,
    /// Mount something writable.
    RemountWritable {
        /// The mount point.
        mount: PathBuf,
    },
    /// Remove it by the engine that has it.
    ByManager {
        /// It, or the pod with it.
        object: Object,
        /// The command.
        command: String,
    },
    /// Clean a leftover.
    Clean {
        /// Where it is.
        path: PathBuf,
        /// Kill what lives in it.
        kill: bool,
    },
    /// Something that has no command.
    Advice {
        /// What somebody has to do.
        advice: Advice,
    },
}

/// What an operator can do where there is no command for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// End the program that takes a core dump.
    EndDump,
    /// Find the file system that is frozen.
    FindFrozen,
    /// Find the mount that does not answer.
    FindMount,
    /// Repair the device.
    RestoreDevice,
    /// Bring a server back.
    RestoreServer(String),
    /// Free the task that holds the lock of all cgroups.
    FreeLock,
    /// Nothing helps but a reboot: said of waits alone that are known to have no end.
    Reboot,
    /// End the process a kernel thread works for.
    EndOwner,
    /// Move a process to another cgroup.
    MoveOut(i32),
    /// Delete another container first.
    DeleteFirst(String),
    /// Run ocitop where it sees all processes.
    HostPids,
    /// Run ocitop where it sees all cgroups.
    HostCgroups,
    /// Look at a wait that is none of those that are known.
    Watch,
    /// Run ocitop where it sees what it needs to.
    See(OutOfSight),
    /// Free room on a file system.
    MakeRoom,
    /// Remove resctrl groups that nobody uses.
    CleanResctrl,
}

/// What an operator would try next, and what is known not to help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Futile {
    /// Another SIGKILL: one is pending, and the task does not come to take it.
    Kill,
    /// Another SIGKILL without a thaw (v1).
    KillFrozen,
    /// Any signal: it is dead.
    Signal,
    /// A signal other than SIGKILL and SIGCONT: it is stopped.
    Terminate,
    /// `umount -l`: it hides the mount from those who come, and frees nobody.
    LazyUnmount,
}

impl From<Advice> for Remedy {
    fn from(advice: Advice) -> Self {
        Self::Advice { advice }
    }
}
/// The command that ends a FUSE connection; fusectl need not be mounted.
pub(super) fn abort_command(connection: u32, dir: Option<PathBuf>) -> String {
    let all = "/sys/fs/fuse/connections";
    match dir {
        Some(dir) => format!("echo 1 > {}", quoted(dir.join("abort"))),
        None => format!("mount -t fusectl fusectl {all}; echo 1 > {all}/{connection}/abort"),
    }
}

impl Remedy {
    /// The job that is this, if ocitop can do it.
    pub fn job(&self, target: Target) -> Option<Job> {
        match self {
            Self::ForceDelete => Some(Job::Delete(target, Force::Yes)),
            Self::Delete => Some(Job::Delete(target, Force::No)),
            Self::Resume => Some(Job::Resume(target)),
            Self::Start => Some(Job::Start(target)),
            Self::Signal { process, signal } => Some(Job::SignalOne(target, *process, *signal)),
            Self::SignalOther { .. }
            | Self::Thaw { .. }
            | Self::LiftQuota { .. }
            | Self::RaisePids { .. }
            | Self::OomKiller { .. }
            | Self::RaiseHigh { .. }
            | Self::AbortFuse { .. }
            | Self::Unmount { .. }
            | Self::Unfreeze { .. }
            | Self::ResetFailed { .. }
            | Self::MountResctrl
            | Self::RemountWritable { .. }
            | Self::ByManager { .. }
            | Self::Clean { .. }
            | Self::Advice { .. } => None,
        }
    }

    /// Whether ocitop can do it.
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::ForceDelete | Self::Delete | Self::Resume | Self::Start | Self::Signal { .. }
        )
    }

    /// The command for it, to be typed into a shell; printable, and the same bytes to the shell.
    /// `host` is where ocitop was told to find the host.
    pub fn command(&self, key: &ContainerKey, host: Option<&Path>) -> Option<String> {
        let write = |value: &str, cgroup: &Path, file: &str| {
            Some(format!("echo {value} > {}", quoted(cgroup.join(file))))
        };
        let ours = |verb: &str| {
            let root = quoted(key.root());
            Some(format!(
                "{} --root {root} {verb} {}",
                ocitop(host),
                operand(key.name())
            ))
        };
        match self {
            Self::ForceDelete => ours("delete --force"),
            Self::Delete => ours("delete"),
            Self::Resume => ours("resume"),
            Self::Start => ours("start"),
            Self::Signal { process, signal } => Some(kill(process.pid, *signal)),
            Self::SignalOther { pid, signal, .. } => Some(kill(*pid, *signal)),
            Self::Thaw { cgroup, version } => match version {
                Version::V1 => write("THAWED", cgroup, "freezer.state"),
                Version::V2 => write("0", cgroup, "cgroup.freeze"),
            },
            Self::LiftQuota { cgroup, version } => match version {
                Version::V1 => write("-1", cgroup, "cpu.cfs_quota_us"),
                Version::V2 => write("max", cgroup, "cpu.max"),
            },
            Self::RaisePids { cgroup } => write("max", cgroup, "pids.max"),
            Self::OomKiller { cgroup } => write("0", cgroup, "memory.oom_control"),
            Self::RaiseHigh { cgroup } => write("max", cgroup, "memory.high"),
            Self::AbortFuse { connection, dir } => Some(abort_command(*connection, dir.clone())),
            Self::Unmount {
                mount,
                force,
                within,
            } => Some(unmount(mount, *force, *within)),
            Self::Unfreeze { mount } => Some(format!("fsfreeze -u {}", quoted(mount))),
            Self::ResetFailed { unit } => Some(format!("systemctl reset-failed {}", operand(unit))),
            Self::MountResctrl => Some("mount -t resctrl resctrl /sys/fs/resctrl".to_owned()),
            Self::RemountWritable { mount } => {
                Some(format!("mount -o remount,rw {}", quoted(mount)))
            }
            Self::ByManager { command, .. } => Some(command.clone()),
            Self::Clean { path, kill } => {
                let kill = if *kill { "--kill " } else { "" };
                let ocitop = ocitop(host);
                Some(format!("{ocitop} leftovers clean {kill}{}", quoted(path)))
            }
            Self::Advice { .. } => None,
        }
    }
}

/// This command, of the same host.
pub fn ocitop(host: Option<&Path>) -> String {
    host.map_or_else(
        || "ocitop".to_owned(),
        |dir| format!("ocitop --host {}", quoted(dir)),
    )
}

fn kill(pid: i32, signal: Signal) -> String {
    format!("kill -{} {pid}", signal.0)
}

fn unmount(mount: &Path, force: bool, within: Option<i32>) -> String {
    let inside = within.map_or_else(String::new, |pid| format!("nsenter -t {pid} -m "));
    let flag = if force { "-f " } else { "" };
    format!("{inside}umount {flag}{}", quoted(mount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ocitop_can_do_is_a_job_and_the_rest_is_a_command() {
        let key = ContainerKey::new(Path::new("/run/runc"), "web");
        let thaw = Remedy::Thaw {
            cgroup: "/sys/fs/cgroup/freezer/up".into(),
            version: Version::V1,
        };
        assert_eq!(
            thaw.command(&key, None).as_deref(),
            Some("echo THAWED > /sys/fs/cgroup/freezer/up/freezer.state")
        );
        assert!(!thaw.is_ours());
        assert_eq!(
            Remedy::ForceDelete.command(&key, None).as_deref(),
            Some("ocitop --root /run/runc delete --force web")
        );
        let host = Some(Path::new("/host"));
        assert_eq!(
            Remedy::ForceDelete.command(&key, host).as_deref(),
            Some("ocitop --host /host --root /run/runc delete --force web")
        );
        let away = Remedy::AbortFuse {
            connection: 93,
            dir: None,
        };
        let command = away.command(&key, None).unwrap();
        assert!(command.ends_with("echo 1 > /sys/fs/fuse/connections/93/abort"));
    }
}
