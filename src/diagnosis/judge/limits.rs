//! What the limits of its cgroups do to it, and those of the cgroups above.

use super::tasks::NAMED;
use crate::cgroup::cpu::Throttling;
use crate::cgroup::{Limit, Version};
use crate::diagnosis::cause::CgroupCause;
use crate::diagnosis::evidence::{CgroupSeen, Evidence, Level, Task};
use crate::diagnosis::finding::find;
use crate::diagnosis::wait_kind::WaitKind;
use crate::diagnosis::{Finding, Remedy, Weight, words};

/// A quota that gives each process that wants to run less than this is far too small, millionths
/// of a core.
const STARVING: u64 = 100_000;
/// Forks refused, or processes that appeared, between two looks, that no sane program makes.
const BOMB: u64 = 50;
/// A memory limit that is hit more often than this, a second, since init began, is hit all the time.
const OFTEN: u64 = 1;
/// Of so many periods one that was throttled is worth a look; of the second number, a note.
const THROTTLED: (u64, u64) = (10, 100);

/// Processes that are made faster than anything else can be said of them.
pub(super) fn bomb(evidence: &Evidence, out: &mut Vec<Finding>) {
    let refusing = evidence
        .cgroups
        .iter()
        .find(|cgroup| cgroup.level.is_own() && cgroup.since.forks_refused >= Some(BOMB));
    let fresh = evidence.fresh;
    if refusing.is_none() && u64::try_from(fresh).unwrap_or(u64::MAX) < BOMB {
        return;
    }
    let cause = CgroupCause::ForkBomb {
        cgroup: refusing.map(|cgroup| cgroup.dir.clone()),
        processes: evidence.tasks.len() + evidence.more,
        fresh,
    };
    out.push(
        find(Weight::Blocks, cause)
            .seen(refusing.map(words::of_pids))
            .by([Remedy::ForceDelete]),
    );
}

pub(super) fn judge(evidence: &Evidence, cgroup: &CgroupSeen, out: &mut Vec<Finding>) {
    let dir = || cgroup.dir.clone();
    if let (Some(pids), Some(Limit::At(limit))) = (cgroup.pids, cgroup.pids_limit)
        && pids >= limit
    {
        let cause = CgroupCause::PidsLimit {
            cgroup: dir(),
            limit,
            refused: cgroup.counts.forks_refused,
        };
        out.push(
            find(Weight::Blocks, cause)
                .seen([words::of_pids(cgroup)])
                .by([Remedy::RaisePids { cgroup: dir() }, Remedy::ForceDelete]),
        );
    }
    if cgroup.oom_waits {
        let waits = |task: &&Task| task.waits.iter().any(|wait| wait.kind == WaitKind::Oom);
        let pids = evidence.tasks.iter().filter(waits);
        let cause = CgroupCause::OomKillerOff {
            cgroup: dir(),
            pids: pids.map(|task| task.process.who.pid).take(NAMED).collect(),
        };
        out.push(
            find(Weight::Blocks, cause)
                .seen(["memory.oom_control: oom_kill_disable 1, under_oom 1".to_owned()])
                .by([Remedy::OomKiller { cgroup: dir() }, Remedy::ForceDelete]),
        );
    }
    high(evidence, cgroup, out);
    if !starves(evidence, cgroup, out) {
        throttled(cgroup, out);
    }
    oom_kills(evidence, cgroup, out);
    at_limit(evidence, cgroup, out);
}

fn high(evidence: &Evidence, cgroup: &CgroupSeen, out: &mut Vec<Finding>) {
    let Some(Limit::At(high)) = cgroup.high else {
        return;
    };
    let reached = cgroup.since.high.unwrap_or(0);
    // Who is far above it sleeps two seconds at a time, and the counter stands still meanwhile.
    let mut waits = evidence.tasks.iter().flat_map(|task| &task.waits);
    let above = cgroup.memory.filter(|memory| *memory > high);
    let line = match above {
        _ if reached > 0 => format!("memory.events: high rose by {reached}"),
        Some(memory) if waits.any(|wait| wait.kind == WaitKind::MemoryHigh) => {
            format!("memory.current: {memory}, and a process is held back")
        }
        _ => return,
    };
    let cause = CgroupCause::MemoryHigh {
        cgroup: cgroup.dir.clone(),
        high,
    };
    let raise = Remedy::RaiseHigh {
        cgroup: cgroup.dir.clone(),
    };
    out.push(find(Weight::Hampers, cause).seen([line]).by([raise]));
}

/// True if the quota is far too small.
fn starves(evidence: &Evidence, cgroup: &CgroupSeen, out: &mut Vec<Finding>) -> bool {
    let throttled = cgroup.counts.cpu.map_or(0, |cpu| cpu.throttled);
    let (Some(Limit::At(quota)), 1..) = (cgroup.quota, throttled) else {
        return false;
    };
    let wants = || {
        evidence
            .tasks
            .iter()
            .filter(|task| task.process.state == 'R')
    };
    let runnable = wants().count();
    let needed = STARVING.saturating_mul(u64::try_from(runnable).unwrap_or(u64::MAX));
    if runnable == 0 || quota >= needed {
        return false;
    }
    let killed = wants().any(|task| task.process.kill_pending());
    let cause = CgroupCause::CpuQuota {
        cgroup: cgroup.dir.clone(),
        version: cgroup.version,
        level: cgroup.level,
        quota,
        runnable,
        killed,
    };
    let weight = if killed {
        Weight::Blocks
    } else {
        Weight::Hampers
    };
    let force = (cgroup.level.is_own()).then_some(Remedy::ForceDelete);
    out.push(
        find(weight, cause)
            .seen([format!("cpu.stat: throttled in {throttled} periods")])
            .by([Remedy::LiftQuota {
                cgroup: cgroup.dir.clone(),
                version: cgroup.version,
            }])
            .by(force),
    );
    true
}

/// Held back by its quota: worth a look if that is so at each period now, or was at one in ten.
fn throttled(cgroup: &CgroupSeen, out: &mut Vec<Finding>) {
    let (Some(Limit::At(quota)), Some(counted)) = (cgroup.quota, cgroup.counts.cpu) else {
        return;
    };
    let one_in = |periods: u64, cpu: Throttling| {
        cpu.throttled > 0 && cpu.throttled.saturating_mul(periods) >= cpu.periods
    };
    let now = cgroup.since.cpu.unwrap_or_default();
    let weight = if one_in(1, now) || one_in(THROTTLED.0, counted) {
        Weight::Ails
    } else if one_in(THROTTLED.1, counted) {
        Weight::Note
    } else {
        return;
    };
    let cause = CgroupCause::CpuThrottled {
        cgroup: cgroup.dir.clone(),
        level: cgroup.level,
        quota,
        throttled: counted.throttled,
        periods: counted.periods,
        now: (now.throttled, now.periods),
    };
    out.push(find(weight, cause).by([Remedy::LiftQuota {
        cgroup: cgroup.dir.clone(),
        version: cgroup.version,
    }]));
}

/// Of cgroups that others are in too it cannot be told whose the processes were.
fn oom_kills(evidence: &Evidence, cgroup: &CgroupSeen, out: &mut Vec<Finding>) {
    let kills = cgroup.counts.oom_kills.unwrap_or(0);
    // v2 counts what is below too.
    let counts = match (cgroup.level, cgroup.version) {
        (Level::Own, _) | (Level::Below, Version::V1) => true,
        (Level::Below, Version::V2) | (Level::Above | Level::Elsewhere, _) => false,
    };
    if kills == 0 || !counts {
        return;
    }
    let cause = CgroupCause::OomKills {
        cgroup: cgroup.dir.clone(),
        kills,
        now: cgroup.since.oom_kills.unwrap_or(0),
        seconds: age(evidence),
    };
    out.push(find(Weight::Ails, cause));
}

fn at_limit(evidence: &Evidence, cgroup: &CgroupSeen, out: &mut Vec<Finding>) {
    let (Some(Limit::At(limit)), Some(hits @ 1..)) = (cgroup.memory_limit, cgroup.counts.at_limit)
    else {
        return;
    };
    let now = cgroup.since.at_limit.unwrap_or(0);
    let seconds = age(evidence);
    let often = seconds.is_some_and(|seconds| hits >= seconds.max(1).saturating_mul(OFTEN));
    let weight = if now > 0 || (often && cgroup.level.is_own()) {
        Weight::Ails
    } else {
        Weight::Note
    };
    let millis = u64::try_from(evidence.span.as_millis()).unwrap_or(u64::MAX);
    let cause = CgroupCause::MemoryAtLimit {
        cgroup: cgroup.dir.clone(),
        level: cgroup.level,
        limit,
        hits,
        seconds,
        per_second: now.saturating_mul(1000).checked_div(millis),
    };
    out.push(find(weight, cause));
}

/// How long init has been there: its cgroups were made for it.
fn age(evidence: &Evidence) -> Option<u64> {
    let init = evidence.tasks.iter().find(|task| task.process.is_init);
    init.map(|init| init.process.age.as_secs())
}
