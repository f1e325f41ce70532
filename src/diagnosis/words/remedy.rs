//! What is said of remedies.

use super::parts::path;
use crate::diagnosis::Remedy;
use crate::diagnosis::remedy::{Advice, Futile};
use crate::inventory::manager::Object;
use crate::text::visible;

impl Remedy {
    /// What it is, in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::ForceDelete => "delete it by force".to_owned(),
            Self::Delete => "delete it".to_owned(),
            Self::Resume => "resume it".to_owned(),
            Self::Start => "start it".to_owned(),
            Self::Signal { process, signal } => format!("send {signal} to pid {}", process.pid),
            Self::SignalOther { pid, name, signal } => {
                format!("send {signal} to {name}, pid {pid}, which is not the container's")
            }
            Self::Thaw { cgroup, .. } => {
                format!("thaw {}, with all that is in it", path(cgroup))
            }
            Self::LiftQuota { cgroup, .. } => format!("lift the CPU quota of {}", path(cgroup)),
            Self::RaisePids { cgroup } => format!("lift pids.max of {}", path(cgroup)),
            Self::OomKiller { cgroup } => format!("switch the OOM killer of {} on", path(cgroup)),
            Self::RaiseHigh { cgroup } => format!("lift memory.high of {}", path(cgroup)),
            Self::AbortFuse { connection, .. } => {
                format!("abort FUSE connection {connection}: who waits for it gets an error")
            }
            Self::Unmount {
                mount, force: true, ..
            } => {
                format!(
                    "unmount {} by force: all who use it get errors",
                    path(mount)
                )
            }
            Self::Unmount { mount, .. } => format!("unmount {}", path(mount)),
            Self::Unfreeze { mount } => format!("thaw the file system on {}", path(mount)),
            Self::ResetFailed { unit } => {
                format!("have systemd forget that {} failed", visible(unit))
            }
            Self::MountResctrl => "mount resctrl".to_owned(),
            Self::RemountWritable { mount } => format!("make {} writable", path(mount)),
            Self::ByManager { object, .. } => match object {
                Object::Container => "remove it by the engine that has it".to_owned(),
                Object::Pod => {
                    "remove its pod, with all in it, by the engine that has it".to_owned()
                }
            },
            Self::Clean { kill: true, .. } => "kill what lives in it, and clean it".to_owned(),
            Self::Clean { .. } => "clean it".to_owned(),
            Self::Advice { advice } => advice.words(),
        }
    }
}

impl Advice {
    fn words(&self) -> String {
        let fixed = match self {
            Self::RestoreServer(source) => {
                return format!("bring {source} back: what waits then goes on");
            }
            Self::MoveOut(pid) => {
                return format!("move pid {pid} out: write it into cgroup.procs of another cgroup");
            }
            Self::See(why) => return why.remedy().to_owned(),
            Self::DeleteFirst(id) => return format!("delete {id} first, if it may go"),
            Self::EndDump => "wait, or end the program that takes the dump",
            Self::FindFrozen => {
                "thaw the file system that a snapshot tool left frozen: fsfreeze -u MOUNT"
            }
            Self::FindMount => "find the mount that does not answer: none was seen that it must be",
            Self::RestoreDevice => "restore the device: the kernel log says what ails it",
            Self::FreeLock => {
                "raise the CPU quota of the throttled cgroup whose task holds the lock"
            }
            Self::Reboot => "nothing ends this wait but a reboot",
            Self::EndOwner => {
                "end the process it works for (that of a vhost thread is the virtual machine)"
            }
            Self::HostPids => "run ocitop in the host's pid namespace",
            Self::HostCgroups => {
                "run ocitop in the host's cgroup namespace, with its cgroups mounted"
            }
            Self::Watch => "look again, and at the kernel log: this is not known to end by itself",
            Self::MakeRoom => "make room there: no state can be stored",
            Self::CleanResctrl => "remove resctrl groups of containers that are gone",
        };
        fixed.to_owned()
    }
}

impl Futile {
    /// What, and why.
    pub fn words(self) -> String {
        let fixed = match self {
            Self::Kill => {
                "another SIGKILL, cgroup.kill, a delete by force: one SIGKILL waits already, and is not taken"
            }
            Self::KillFrozen => "another SIGKILL: one waits already, for the thaw",
            Self::Signal => "a signal to it: it is dead",
            Self::Terminate => "SIGTERM: it takes that only once it goes on",
            Self::LazyUnmount => {
                "umount -l: who waits goes on waiting, and the mount is out of sight"
            }
        };
        fixed.to_owned()
    }
}
