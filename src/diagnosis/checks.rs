//! What was looked at, and what was found there: one [`Check`] each, also of what is fine.
//!
//! Pure, like [`super::judge()`], and after it: every cause belongs to exactly one check, and the
//! verdict of a check is that of its findings. So the two cannot contradict each other, and without
//! a finding a check is fine only if all of it was looked at: by a [`LookedAt`], never by default.

mod about;
mod look;

use serde::Serialize;

pub(super) use look::{
    AllTasks, LookedAt, OwnCgroups, ThawedFreezers, processes_of_host, strictest, tasks,
};

use super::cause::StateCause;
use super::evidence::Evidence;
use super::{Cause, Finding, Weight, words};

/// What a check is about, in the order they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// Whether anybody owns it: of leftovers only.
    Leftover,
    /// The state file: readable, complete, of who may write it.
    Record,
    /// The recorded init: alive, and the same process.
    Init,
    /// Who is in its cgroups.
    Tasks,
    /// Tasks that no signal reaches.
    Unkillable,
    /// Tasks on their way out.
    Exits,
    /// Its freezer, and those above and below.
    Frozen,
    /// Tasks that are stopped, by a signal or a tracer.
    Stopped,
    /// Tasks that are dead and not reaped.
    Zombies,
    /// Its cgroups and those below.
    Cgroups,
    /// Tasks in its namespaces, but not in its cgroups.
    Outside,
    /// Whose its cgroups are besides.
    Shared,
    /// How many processes there may be.
    Pids,
    /// Memory and its limits.
    Memory,
    /// CPU time and its quota.
    Cpu,
    /// Its poststop hooks.
    Hooks,
    /// What is mounted where it would be removed.
    Mounts,
    /// resctrl.
    Rdt,
    /// A command of a runtime that still works on it.
    Runtime,
    /// The engine above.
    Owner,
    /// Its systemd scope.
    Unit,
    /// The file system of its state root.
    Disk,
    /// What ocitop itself may see and do.
    Viewer,
}

/// Every check, in order.
const ALL: [About; 23] = [
    About::Leftover,
    About::Record,
    About::Init,
    About::Tasks,
    About::Unkillable,
    About::Exits,
    About::Frozen,
    About::Stopped,
    About::Zombies,
    About::Cgroups,
    About::Outside,
    About::Shared,
    About::Pids,
    About::Memory,
    About::Cpu,
    About::Hooks,
    About::Mounts,
    About::Rdt,
    About::Runtime,
    About::Owner,
    About::Unit,
    About::Disk,
    About::Viewer,
];

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckResult {
    /// The container is as it is because of this.
    Cause,
    /// It makes things slow or incomplete.
    Look,
    /// An operator should know.
    Note,
    /// It was not looked at, or not at all of it, so nothing is said.
    NotLookedAt,
    /// Looked at, and nothing was found.
    Ok,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is about.
    pub about: About,
    /// What was found, or why it was not looked at; safe to print.
    pub found: String,
    /// What that means.
    pub verdict: CheckResult,
    /// All that was seen, a line each, safe to print.
    pub proof: Vec<String>,
}

/// Every check there is of this evidence, given what was made of it.
pub fn checks(evidence: &Evidence, findings: &[Finding]) -> Vec<Check> {
    let told = |about: About| findings.iter().any(|it| it.cause.about() == about);
    ALL.iter()
        .filter(|about| told(**about) || about.concerns(evidence))
        .map(|about| check(*about, evidence, findings))
        .collect()
}

impl About {
    /// Whether there is anything to look at: a cgroup without a record has neither an init nor hooks.
    fn concerns(self, evidence: &Evidence) -> bool {
        let bare = evidence.is_bare();
        match self {
            Self::Leftover => evidence.leftover.is_some(),
            Self::Mounts | Self::Viewer => true,
            Self::Tasks
            | Self::Unkillable
            | Self::Exits
            | Self::Frozen
            | Self::Stopped
            | Self::Zombies
            | Self::Cgroups
            | Self::Pids
            | Self::Memory
            | Self::Cpu => !bare || !evidence.cgroups.is_empty(),
            Self::Record
            | Self::Init
            | Self::Outside
            | Self::Shared
            | Self::Hooks
            | Self::Rdt
            | Self::Runtime
            | Self::Owner
            | Self::Unit
            | Self::Disk => !bare,
        }
    }
}

fn check(about: About, evidence: &Evidence, findings: &[Finding]) -> Check {
    let own: Vec<(usize, &Finding)> = findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.cause.about() == about)
        .collect();
    let looked = look::at(about, evidence);
    let found = own.iter().map(|(at, finding)| weighed(*at == 0, finding));
    let verdict = match (found.min(), &looked) {
        // How it is proves nothing of what was not looked at.
        (Some(CheckResult::Ok) | None, Err(_)) => CheckResult::NotLookedAt,
        (Some(found), _) => found,
        (None, Ok(_)) => CheckResult::Ok,
    };
    let mut proof: Vec<String> = Vec::new();
    for (_, finding) in &own {
        proof.push(finding.cause.words());
        proof.extend(finding.evidence.iter().cloned());
    }
    let more = words::proof(about, evidence);
    proof.extend(
        more.into_iter()
            .filter(|line| !proof.contains(line))
            .collect::<Vec<_>>(),
    );
    let found = match (verdict, &looked) {
        (CheckResult::NotLookedAt, Err(why)) => why.clone(),
        _ => words::found(about, evidence, &own, looked.as_ref()),
    };
    // What was found may not be all there is.
    proof.extend(looked.err().map(|why| format!("not looked at: {why}")));
    Check {
        about,
        found,
        verdict,
        proof,
    }
}

/// What a finding makes of its check; `first` is the answer of the whole diagnosis.
fn weighed(first: bool, finding: &Finding) -> CheckResult {
    match (&finding.cause, finding.weight, first) {
        (Cause::State(StateCause::Running { .. }), ..) => CheckResult::Ok,
        (Cause::State(StateCause::OutOfSight { .. }), ..) => CheckResult::NotLookedAt,
        // Created is a state, and no fault.
        (Cause::State(StateCause::Created { .. }), ..)
        | (_, Weight::State, false)
        | (_, Weight::Note, _) => CheckResult::Note,
        (_, Weight::Blocks, _) | (_, Weight::Hampers | Weight::State, true) => CheckResult::Cause,
        (_, Weight::Hampers, false) | (_, Weight::Ails, _) => CheckResult::Look,
    }
}
