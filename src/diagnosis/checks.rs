//! What was looked at, and what was found there: one [`Check`] each, also of what is fine.
//!
//! Pure, like [`super::judge()`], and after it: every cause belongs to exactly one check, and the
//! verdict of a check is that of its findings. So the two cannot contradict each other, and without
//! a finding a check is fine only if all of it was looked at: by a [`LookedAt`], never by default.

mod about;
mod look;
mod result;

pub use about::About;
pub(super) use look::{
    AllTasks, LookedAt, OwnCgroups, ThawedFreezers, processes_of_host, strictest, tasks,
};
pub use result::{Check, CheckResult};

use super::cause::{Cause, StateCause};
use super::evidence::Evidence;
use super::finding::{Finding, Weight};
use super::words;
use about::ALL;

/// Every check there is of this evidence, given what was made of it.
pub fn checks(evidence: &Evidence, findings: &[Finding]) -> Vec<Check> {
    let told = |about: About| findings.iter().any(|it| it.cause.about() == about);
    ALL.iter()
        .filter(|about| told(**about) || about.concerns(evidence))
        .map(|about| check(*about, evidence, findings))
        .collect()
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
