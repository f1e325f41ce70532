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
use super::finding::Finding;

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
