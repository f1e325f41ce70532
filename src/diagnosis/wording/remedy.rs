//! What is said of remedies.

use super::path;
use crate::diagnosis::Remedy;

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
            Self::ResetFailed { unit } => format!("have systemd forget that {unit} failed"),
            Self::MountResctrl => "mount resctrl".to_owned(),
            Self::RemountWritable { mount } => format!("make {} writable", path(mount)),
            Self::ByManager { .. } => "remove it by the engine that has it".to_owned(),
            Self::Advice { text } => text.clone(),
        }
    }
}
