//! English for steps and outcomes, shared by the log pane and the command line.

use crate::kernel::{HookEnd, HookStatus};
use crate::text::{visible, visible_path};

use super::{Outcome, Reason, Refusal, Seen, Step, StepError, Survivor, Verdict};

impl Step {
    /// One word for the step: `kill`, `cgroups`, `hook`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Identify { .. } => "identify",
            Self::ReserveMarks { .. } => "remember",
            Self::Kill { .. } => "kill",
            Self::Drain { .. } => "drain",
            Self::PersistStopped | Self::Persist { .. } => "persist",
            Self::RemoveMonGroup { .. } | Self::RemoveCtrlGroup { .. } => "rdt",
            Self::StopUnit { .. } => "unit",
            Self::RemoveCgroups { .. } => "cgroups",
            Self::PoststopHook { .. } | Self::PoststartHook { .. } => "hook",
            Self::RemoveStateDir { .. } => "state",
            Self::Recheck { .. } => "recheck",
            Self::Unmount { .. } => "unmount",
            Self::RemovePin { .. } => "bpf",
            Self::Verify => "verify",
            Self::Signal { .. } | Self::SignalAll { .. } | Self::SignalOne { .. } => "signal",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Release => "release",
        }
    }

    /// What the step will do, as for a confirmation.
    pub fn intent(&self) -> String {
        match self {
            Self::Identify { pid: Some(pid) } => {
                format!("check that it is still the same container (init pid {pid}, inode)")
            }
            Self::Identify { pid: None } => {
                "check that it is still the same container (inode)".to_owned()
            }
            Self::ReserveMarks { hooks: 1 } => {
                "make the file that will remember that its poststop hook ran".to_owned()
            }
            Self::ReserveMarks { hooks } => {
                format!("make the files that will remember that its {hooks} poststop hooks ran")
            }
            Self::Kill { processes: 1 } => "SIGKILL its 1 process".to_owned(),
            Self::Kill { processes } => format!("SIGKILL its {processes} processes"),
            Self::Drain { limit } => {
                format!("wait until all are gone, up to {} s", limit.as_secs_f32())
            }
            Self::PersistStopped => "store the status stopped".to_owned(),
            Self::RemoveMonGroup { dir } => {
                format!("remove monitoring group {}", visible_path(dir))
            }
            Self::RemoveCtrlGroup { dir } => format!("remove control group {}", visible_path(dir)),
            Self::StopUnit { unit } => format!("have systemd stop {}", visible(unit)),
            Self::RemoveCgroups { dirs } => match dirs.as_slice() {
                [] => "no cgroup to remove".to_owned(),
                [dir] => format!("remove cgroup {}, children first", visible_path(dir)),
                [dir, ..] => {
                    format!(
                        "remove {} cgroups, children first: {} …",
                        dirs.len(),
                        visible_path(dir)
                    )
                }
            },
            Self::PoststopHook { number, path } => {
                format!("run poststop hook {number}: {}", visible_path(path))
            }
            Self::PoststartHook { number, path } => {
                format!("run poststart hook {number}: {}", visible_path(path))
            }
            Self::RemoveStateDir { dir } => format!("remove state dir {}", visible_path(dir)),
            Self::Recheck { .. } => {
                "check again that it is the same, and that nobody owns it".to_owned()
            }
            Self::Unmount { point } => format!("detach the mount {}", visible_path(point)),
            Self::RemovePin { file } => format!("remove the BPF pin {}", visible_path(file)),
            Self::Verify => "look again that all is gone".to_owned(),
            Self::Signal { signal } => format!("send {signal} to its init"),
            Self::SignalAll { signal, processes } => {
                format!("send {signal} to its {processes} processes")
            }
            Self::SignalOne { pid, signal, .. } => {
                format!("send {signal} to pid {pid} alone, if it still is that process")
            }
            Self::Freeze => "freeze its processes".to_owned(),
            Self::Thaw => "thaw its processes".to_owned(),
            Self::Release => "tell its init to start".to_owned(),
            Self::Persist { status } => format!("store the status {status}"),
        }
    }
}

impl Outcome {
    /// One short word for the right-hand column: `ok`, `skip`, `WARN`, `FAIL`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done(_) => "ok",
            Self::Skipped(_) => "skip",
            Self::Warned(_) => "WARN",
            Self::Failed(_) => "FAIL",
        }
    }

    /// What was seen, or why not.
    pub fn detail(&self) -> String {
        match self {
            Self::Done(seen) => seen.words(),
            Self::Skipped(reason) => reason.words(),
            Self::Warned(error) | Self::Failed(error) => error.words(),
        }
    }
}

impl Seen {
    fn words(&self) -> String {
        match self {
            Self::Same => "unchanged".to_owned(),
            Self::Unowned => "unchanged, nobody owns it".to_owned(),
            Self::Gone => "gone".to_owned(),
            Self::DirectoriesGone(1) => "1 directory gone".to_owned(),
            Self::DirectoriesGone(count) => format!("{count} directories gone"),
            Self::Signalled(1) => "1 process signalled".to_owned(),
            Self::Signalled(count) => format!("{count} processes signalled"),
            Self::Status(status) => format!("reads {status}"),
            Self::Hook(end) => hook(end),
            Self::Frozen => "frozen".to_owned(),
            Self::Thawed => "thawed".to_owned(),
            Self::Reserved(1) => "1 file made".to_owned(),
            Self::Reserved(count) => format!("{count} files made"),
            Self::Released => "released".to_owned(),
        }
    }
}

impl Reason {
    fn words(&self) -> String {
        match self {
            Self::AlreadyGone => "already gone".to_owned(),
            Self::NothingAlive => "nothing alive".to_owned(),
            Self::Unknown(what) => format!("not known: {what}"),
            Self::None => "none".to_owned(),
            Self::AlreadySo => "already so".to_owned(),
            Self::Unwanted => "switched off".to_owned(),
            Self::AlreadyRun => "run before; each hook runs at most once".to_owned(),
        }
    }
}

impl StepError {
    /// The error in words, safe to print.
    pub fn words(&self) -> String {
        match self {
            Self::Io {
                action,
                object,
                cause,
            } => format!("{action} {object}: {cause}"),
            Self::Alive { survivors } => survivor_list(survivors),
            Self::Left { paths, cause } => {
                let shown: Vec<_> = paths
                    .iter()
                    .take(3)
                    .map(|path| visible_path(path))
                    .collect();
                let more = match paths.len().saturating_sub(3) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!("left: {}{more}: {cause}", shown.join(", "))
            }
            Self::Hook { end } => hook(end),
            Self::Replaced => Refusal::Replaced.words(),
            Self::Interrupted => "interrupted; doing it again continues".to_owned(),
            Self::Refused(why) => format!("refused: {why}"),
        }
    }
}

fn survivor_list(survivors: &[Survivor]) -> String {
    let shown: Vec<_> = survivors.iter().take(3).map(Survivor::words).collect();
    let more = match survivors.len().saturating_sub(3) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("still alive: {}{more}", shown.join("; "))
}

impl Survivor {
    /// Pid, command, state, where it waits, whether frozen.
    pub fn words(&self) -> String {
        let wchan = self
            .wchan
            .as_deref()
            .map(|name| format!(" in {name}"))
            .unwrap_or_default();
        let frozen = if self.frozen { ", frozen" } else { "" };
        format!(
            "pid {} ({}) {}{wchan}{frozen}",
            self.pid, self.command, self.state
        )
    }
}

fn hook(end: &HookEnd) -> String {
    let status = match end.status {
        HookStatus::Exited(code) => format!("exit code {code}"),
        HookStatus::Signaled(signal) => format!("ended by signal {signal}"),
        HookStatus::TimedOut => "killed at its time-out".to_owned(),
    };
    match end.output.trim() {
        "" => status,
        output => format!("{status}: {output}"),
    }
}

impl Verdict {
    /// One line for the end of an action.
    pub fn words(&self) -> String {
        match self {
            Self::Clean => "done".to_owned(),
            Self::Leftovers(list) => format!("NOT DONE, left: {}", list.join(", ")),
            Self::Refused(why) => format!("refused: {why}"),
            Self::Failed(why) => format!("failed: {why}"),
        }
    }
}
