//! Why is it stuck: evidence, cause, remedy.
//!
//! An [`Examiner`] gathers [`Evidence`] and changes nothing; [`judge()`] is a function of the
//! evidence alone, so every cause can be tested on what was once captured. The first finding is
//! the verdict; [`checks()`] tells what else was looked at, and what could not be. Nothing here waits for what may never answer: what can hang (a state root on a
//! dead file system, `cmdline` and `stack` of a process whose memory is locked) is asked on a
//! thread that can be left behind, mounts are told from mountinfo and never touched.
//!
//! What the kernel shows of each state was seen on Linux 6.18 and 6.12; the pages are
//! proc_pid_stat(5), proc_pid_status(5), proc_pid_mountinfo(5), ptrace(2), cgroups(7),
//! freezer-subsystem.rst, cgroup-v2.rst, fuse.rst and resctrl.rst.

pub mod cause;
mod checks;
pub mod evidence;
mod gather;
mod judge;
pub mod remedy;
pub mod wait_kind;
mod words;

use std::path::PathBuf;

use serde::Serialize;

pub use cause::Cause;
use cause::StateCause;
pub use checks::{About, Check, CheckResult, checks};
pub use evidence::Evidence;
pub use gather::{Examiner, NotExamined};
pub use judge::judge;
pub use remedy::{Futile, Remedy};

use crate::oci::ContainerKey;

/// How much a finding matters; the first in this order is the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// It keeps the container from running, dying or being removed.
    Blocks,
    /// It makes that slow, or incomplete.
    Hampers,
    /// How the container is.
    State,
    /// It suffers from this, and nothing of that keeps it from being deleted.
    Ails,
    /// An operator should know.
    Note,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// What.
    #[serde(flatten)]
    pub cause: Cause,
    /// What was seen, a line each, safe to print.
    pub evidence: Vec<String>,
    /// What would end it, the best first.
    pub remedies: Vec<Remedy>,
    /// What would not.
    #[serde(rename = "would_not_help")]
    pub futile: Vec<Futile>,
}

/// What is known of why a container is as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// Which container.
    pub key: ContainerKey,
    /// What was found, the verdict first; never empty.
    pub findings: Vec<Finding>,
    /// What was looked at, and what came of each.
    pub checks: Vec<Check>,
    /// Processes that were looked at.
    pub processes: usize,
    /// Cgroups that were looked at.
    pub cgroups: usize,
    /// Where ocitop was told to find the host.
    pub host_dir: Option<PathBuf>,
}

impl Diagnosis {
    /// What the evidence shows.
    pub fn of(evidence: &Evidence) -> Self {
        let findings = judge(evidence);
        let own = |cgroup: &&evidence::CgroupSeen| cgroup.level.is_own();
        Self {
            key: evidence.key.clone(),
            checks: checks(evidence, &findings),
            findings,
            processes: evidence.tasks.len() + evidence.more,
            cgroups: evidence.cgroups.iter().filter(own).count(),
            host_dir: evidence.viewer.host_dir.clone(),
        }
    }

    /// The command for a remedy of it, as [`Remedy::command`].
    pub fn command(&self, remedy: &Remedy) -> Option<String> {
        remedy.command(&self.key, self.host_dir.as_deref())
    }

    /// The verdict in words.
    pub fn verdict(&self) -> String {
        let Some(first) = self.findings.first() else {
            return String::new();
        };
        if !matches!(first.cause, Cause::State(StateCause::Running { .. })) {
            return first.cause.words();
        }
        let ails = |finding: &&Finding| finding.weight == Weight::Ails;
        let ails: Vec<&Finding> = self.findings.iter().filter(ails).collect();
        let unseen = |check: &&Check| check.verdict == CheckResult::NotLookedAt;
        let unseen = self.checks.iter().filter(unseen).count();
        words::of_running(&first.cause, &ails, unseen)
    }
}
