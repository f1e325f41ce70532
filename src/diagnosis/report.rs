//! The whole answer: what was found, and what was looked at.

use std::path::PathBuf;

use super::cause::{Cause, StateCause};
use super::checks::{Check, CheckResult, checks};
use super::evidence::{CgroupSeen, Evidence};
use super::finding::{Finding, Weight};
use super::judge::judge;
use super::remedy::Remedy;
use super::words;
use crate::oci::ContainerKey;

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
        let own = |cgroup: &&CgroupSeen| cgroup.level.is_own();
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
