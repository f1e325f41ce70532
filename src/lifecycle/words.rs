//! English for steps and outcomes, shared by the log pane and the command line.

use std::path::PathBuf;

use crate::kernel::{HookEnd, HookStatus};
use crate::text::{visible, visible_path};

use super::{CpuQuota, Outcome, Reason, Refusal, Seen, Step, StepError, Survivor};

/// Most quotas told in words; JSON has them all.
const TOLD: usize = 20;

impl Step {
    /// One word for the step: `kill`, `cgroups`, `hook`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Identify { .. } => "identify",
            Self::ReserveMarks { .. } => "remember",
            Self::LiftQuota { .. } | Self::PutQuotaBack { .. } => "quota",
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
            Self::Thaw | Self::ThawKilled { .. } => "thaw",
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
            Self::LiftQuota { quotas } => lift(quotas),
            Self::PutQuotaBack { quotas } => {
                format!("put its CPU quota back: {}", quota_list(quotas))
            }
            Self::Kill { processes, at_once } => kill(*processes, at_once),
            Self::ThawKilled { dirs } => format!(
                "thaw what was killed, so that SIGKILL reaches it: {}",
                path_list(dirs)
            ),
            Self::Drain { limit } => {
                format!("wait until all are gone, up to {} s", limit.as_secs_f32())
            }
            Self::PersistStopped => "store the status stopped".to_owned(),
            Self::RemoveMonGroup { dir } => {
                format!("remove monitoring group {}", visible_path(dir))
            }
            Self::RemoveCtrlGroup { dir } => format!("remove control group {}", visible_path(dir)),
            Self::StopUnit { unit } => format!("have systemd stop {}", visible(unit)),
            Self::RemoveCgroups { dirs, shared } => cgroups(dirs, shared),
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

fn kill(processes: usize, at_once: &[PathBuf]) -> String {
    let them = match processes {
        1 => "SIGKILL its 1 process".to_owned(),
        processes => format!("SIGKILL its {processes} processes"),
    };
    if at_once.is_empty() {
        return them;
    }
    format!("{them}, at once: cgroup.kill of {}", path_list(at_once))
}

fn lift(quotas: &[CpuQuota]) -> String {
    let list = quota_list(quotas);
    format!("lift its CPU quota, or it may die slowly: {list}; put back if it does not die")
}

fn cgroups(dirs: &[PathBuf], shared: &[PathBuf]) -> String {
    let own = match dirs {
        [] => "no cgroup to remove".to_owned(),
        [dir] => format!("remove cgroup {}, children first", visible_path(dir)),
        [dir, ..] => {
            format!(
                "remove {} cgroups, children first: {} …",
                dirs.len(),
                visible_path(dir)
            )
        }
    };
    if shared.is_empty() {
        return own;
    }
    let stay = path_list(shared);
    format!("{own}; leave what another container has too: {stay}")
}

/// The first of them, and how many more.
fn path_list(paths: &[PathBuf]) -> String {
    listed(paths.iter().map(|path| visible_path(path)))
}

fn quota_list(quotas: &[CpuQuota]) -> String {
    listed(quotas.iter().map(CpuQuota::words))
}

fn listed(mut items: impl ExactSizeIterator<Item = String>) -> String {
    let first = items.next().unwrap_or_default();
    match items.len() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

impl CpuQuota {
    fn words(&self) -> String {
        format!("{} is {}", visible_path(&self.file), visible(&self.was))
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
            Self::GoneUnseen(paths) => {
                let paths = path_list(paths);
                format!("gone, as far as it can be seen from here; not looked at: {paths}")
            }
            Self::DirectoriesGone(1) => "1 directory gone".to_owned(),
            Self::DirectoriesGone(count) => format!("{count} directories gone"),
            Self::Signalled(1) => "1 process signalled".to_owned(),
            Self::Signalled(count) => format!("{count} processes signalled"),
            Self::SignalledFrozen(count) => {
                format!("{count} processes signalled, frozen for the moment of it")
            }
            Self::GoneThawed(count) => {
                format!("gone; thawed what was frozen meanwhile, {count} times")
            }
            Self::CgroupsThawed(1) => "1 cgroup thawed".to_owned(),
            Self::CgroupsThawed(count) => format!("{count} cgroups thawed"),
            Self::Lifted(quotas) => {
                let was = |one: &CpuQuota| {
                    format!("{} was {}", visible_path(&one.file), visible(&one.was))
                };
                let mut told: Vec<_> = quotas.iter().take(TOLD).map(was).collect();
                if let more @ 1.. = quotas.len().saturating_sub(TOLD) {
                    told.push(format!("and {more} more"));
                }
                told.join(", ")
            }
            Self::PutBack(1) => "1 quota put back".to_owned(),
            Self::PutBack(count) => format!("{count} quotas put back"),
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
            Self::NoneListed => "no process is listed, and its cgroup is populated".to_owned(),
            Self::Unknown(what) => format!("not known: {what}"),
            Self::None => "none".to_owned(),
            Self::AlreadySo => "already so".to_owned(),
            Self::Unwanted => "switched off".to_owned(),
            Self::Shared(with) => format!("shared with container {with}, which is alive"),
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
            Self::Alive { survivors } => format!("still alive: {}", survivor_list(survivors)),
            Self::GotAway { survivors } => format!(
                "not killed, for nothing but its mounts tells that they are of it: {}",
                survivor_list(survivors)
            ),
            Self::Forks => "it forks faster than its processes can be killed".to_owned(),
            Self::Outrun => {
                "processes are born on this host faster than they can be looked at: whether one of \
                             its own lives is not known"
                    .to_owned()
            }
            Self::UnitActive { unit } => format!("systemd still has {} active", visible(unit)),
            Self::OutOfSight { path, why } => format!(
                "whether {} is there cannot be seen from here: {}; {}",
                visible_path(path),
                why.words(),
                why.remedy()
            ),
            Self::Populated { dirs } => format!(
                "still populated, by no process that can be seen from here: {}",
                path_list(dirs)
            ),
            Self::Unread { what } => format!("cannot know whether anything lives: {what}"),
            Self::NotFrozen { busy } if busy.is_empty() => {
                "the freeze did not come to its end; thawed again".to_owned()
            }
            Self::NotFrozen { busy } => format!(
                "the freeze did not come to its end; thawed again; busy: {}",
                survivor_list(busy)
            ),
            Self::Pending(held) => format!("sent, and it waits: {held}"),
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
                format!("{}{more}: {cause}", shown.join(", "))
            }
            Self::Hook { end } => hook(end),
            Self::Replaced => Refusal::Replaced.words(),
            Self::Interrupted => "interrupted; doing it again continues".to_owned(),
            Self::Refused(why) => format!("refused: {why}"),
            Self::NotPlanned => "not done: it is no step of such a job".to_owned(),
        }
    }
}

fn survivor_list(survivors: &[Survivor]) -> String {
    let shown: Vec<_> = survivors.iter().take(3).map(Survivor::words).collect();
    let more = match survivors.len().saturating_sub(3) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    shown.join("; ") + &more
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
        HookStatus::Interrupted => "killed, as ocitop was asked to leave off".to_owned(),
        HookStatus::Unended { pid } => {
            format!(
                "killed, and not dead yet: pid {pid} is frozen or hangs in the kernel; not waited for"
            )
        }
    };
    match end.output.trim() {
        "" => status,
        output => format!("{status}: {output}"),
    }
}
