//! From the evidence to what it means. Pure: no clock, no file, no process.

mod groups;
mod host;
mod leftover;
mod limits;
mod record;
mod state;
mod tasks;
mod waits;

use super::evidence::Evidence;
use super::remedy::{Futile, Remedy};
use super::{Cause, Finding, Weight};

/// What the evidence shows, the verdict first; never empty.
pub fn judge(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    record::judge(evidence, &mut findings);
    limits::bomb(evidence, &mut findings);
    tasks::judge(evidence, &mut findings);
    groups::judge(evidence, &mut findings);
    host::judge(evidence, &mut findings);
    if !evidence.is_bare() {
        state::judge(evidence, &mut findings);
    }
    if let Some(left) = &evidence.leftover {
        leftover::judge(evidence, left, &mut findings);
        if evidence.is_bare() {
            leftover::adapt(left, &mut findings);
        }
    }
    // Stable: within a weight the order above stands, which goes from what explains most to least.
    findings.sort_by_key(|finding| finding.weight);
    merged(findings)
}

/// Many processes can wait for one thing: the first stands for all.
fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut out: Vec<(Finding, Vec<i32>)> = Vec::new();
    for finding in findings {
        let alike = |other: &&mut (Finding, Vec<i32>)| finding.cause.is_alike(&other.0.cause);
        match (out.iter_mut().find(alike), finding.cause.waiter()) {
            (Some((_, more)), Some(pid)) => more.push(pid),
            _ => out.push((finding, Vec::new())),
        }
    }
    let complete = |(finding, more): (Finding, Vec<i32>)| {
        let line = super::words::of_more(&more);
        finding.seen(line)
    };
    out.into_iter().map(complete).collect()
}

/// A finding in the making.
fn find(weight: Weight, cause: impl Into<Cause>) -> Finding {
    Finding {
        weight,
        cause: cause.into(),
        evidence: Vec::new(),
        remedies: Vec::new(),
        futile: Vec::new(),
    }
}

impl Finding {
    fn seen(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(lines);
        self
    }

    fn not_by(mut self, futile: impl IntoIterator<Item = Futile>) -> Self {
        self.futile.extend(futile);
        self
    }

    fn by(mut self, remedies: impl IntoIterator<Item = Remedy>) -> Self {
        self.remedies.extend(remedies);
        self
    }
}

macro_rules! into_cause {
    ($($variant:ident($kind:ident)),*) => {
        $(impl From<super::cause::$kind> for Cause {
            fn from(cause: super::cause::$kind) -> Self {
                Self::$variant(cause)
            }
        })*
    };
}

into_cause!(
    State(StateCause),
    Task(TaskCause),
    Cgroup(CgroupCause),
    Record(RecordCause),
    Host(HostCause),
    Leftover(LeftoverCause)
);
