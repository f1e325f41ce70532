//! What its cgroups do to it.

use super::tasks::NAMED;
use super::{find, state};
use crate::cgroup::freezer::Freezer;
use crate::cgroup::{Limit, Version};
use crate::diagnosis::cause::CgroupCause;
use crate::diagnosis::evidence::{CgroupSeen, Evidence, Level, Task};
use crate::diagnosis::nature::Nature;
use crate::diagnosis::remedy::Advice;
use crate::diagnosis::{Finding, Futile, Remedy, Weight, wording};
use crate::inventory::Condition;
use crate::oci::Status;

/// A quota that gives each process that wants to run less than this is far too small, millionths
/// of a core.
const STARVING: u64 = 100_000;
/// Forks refused, or processes that appeared, between two looks, that no sane program makes.
const BOMB: u64 = 50;

pub(super) fn judge(evidence: &Evidence, out: &mut Vec<Finding>) {
    frozen(evidence, out);
    frozen_unseen(evidence, out);
    guarded(evidence, out);
    for cgroup in &evidence.cgroups {
        if cgroup.level != Level::Elsewhere {
            limits(evidence, cgroup, out);
        }
        shape(cgroup, out);
    }
    below(evidence, out);
    out.extend(
        evidence
            .mounts
            .iter()
            .filter(|mount| on_cgroup(evidence, mount))
            .map(|mount| {
                find(
                    Weight::Blocks,
                    CgroupCause::MountOn {
                        mount: mount.clone(),
                    },
                )
                .by([Remedy::Unmount {
                    mount: mount.clone(),
                    force: false,
                    within: None,
                }])
            }),
    );
}

/// Whether a mount lies on a cgroup of the container.
pub(super) fn on_cgroup(evidence: &Evidence, mount: &std::path::Path) -> bool {
    let mut own = evidence
        .cgroups
        .iter()
        .filter(|cgroup| cgroup.level.is_own());
    own.any(|cgroup| mount.starts_with(&cgroup.dir))
}

fn frozen(evidence: &Evidence, out: &mut Vec<Finding>) {
    let paused = evidence.condition == Condition::Known(Status::Paused);
    let plain = state::plain_pause(evidence).filter(|_| paused);
    let thawable = matches!(
        evidence.condition,
        Condition::Known(Status::Paused) | Condition::Freezing
    );
    for cgroup in &evidence.cgroups {
        let (dir, version, level) = (cgroup.dir.clone(), cgroup.version, cgroup.level);
        let thaw = Remedy::Thaw {
            cgroup: dir.clone(),
            version,
        };
        let own = level == Level::Own && thawable;
        let killed = killed(evidence, cgroup);
        match cgroup.freezer {
            Some(Freezer::Frozen) if plain.as_ref() == Some(&dir) => {}
            // v2 calls a cgroup frozen that holds nobody: nothing waits in it.
            Some(Freezer::Frozen) if !is_peopled(evidence, cgroup) => {}
            Some(Freezer::Frozen) => {
                let pending = version == Version::V1 && !killed.is_empty();
                let cause = CgroupCause::Frozen {
                    cgroup: dir,
                    version,
                    level,
                    killed,
                };
                let first = (level.is_own()).then_some(Remedy::ForceDelete);
                let second = if own { Remedy::Resume } else { thaw };
                out.push(
                    find(Weight::Blocks, cause)
                        .seen([wording::of_freezer(cgroup)])
                        .not_by(pending.then_some(Futile::KillFrozen))
                        .by(first)
                        .by([second]),
                );
            }
            Some(Freezer::Freezing) => {
                let cause = CgroupCause::FreezeUnfinished {
                    cgroup: dir,
                    version,
                    pid: unfreezable(evidence),
                };
                out.push(
                    find(Weight::Blocks, cause)
                        .seen([wording::of_freezer(cgroup)])
                        .by([if own { Remedy::Resume } else { thaw }]),
                );
            }
            Some(Freezer::Thawed | Freezer::FrozenAbove) | None => {}
        }
    }
}

/// Those whose SIGKILL waits for the thaw of this cgroup.
fn killed(evidence: &Evidence, cgroup: &CgroupSeen) -> Vec<i32> {
    let waits = |task: &&Task| {
        let mut over = task.freezers.set.iter();
        task.process.kill_pending() && over.any(|at| at.dir == cgroup.dir)
    };
    let killed = evidence.tasks.iter().filter(waits);
    killed
        .map(|task| task.process.who.pid)
        .take(NAMED)
        .collect()
}

/// Frozen, and nothing that is seen from here freezes it.
fn frozen_unseen(evidence: &Evidence, out: &mut Vec<Finding>) {
    let above = |cgroup: &&CgroupSeen| cgroup.freezer == Some(Freezer::FrozenAbove);
    let set = |cgroup: &CgroupSeen| cgroup.freezer == Some(Freezer::Frozen);
    let hidden = evidence.tasks.iter().filter(|task| task.freezers.hidden);
    let pids: Vec<i32> = hidden
        .map(|task| task.process.who.pid)
        .take(NAMED)
        .collect();
    let inherited = evidence.cgroups.iter().find(above);
    let inherited = inherited.filter(|_| !evidence.cgroups.iter().any(set));
    if pids.is_empty() && inherited.is_none() {
        return;
    }
    out.push(
        find(Weight::Blocks, CgroupCause::FrozenUnseen { pids })
            .seen(inherited.map(wording::of_freezer))
            .by([Advice::HostCgroups.into()]),
    );
}

/// A process that waits for what no signal and no freezer can cut short.
fn unfreezable(evidence: &Evidence) -> Option<i32> {
    let held = |wait: &crate::diagnosis::evidence::Wait| {
        wait.nature.holds() && wait.nature != Nature::Other
    };
    let mut tasks = evidence.tasks.iter();
    let culprit = tasks.find(|task| task.process.state == 'D' && task.waits.iter().any(held));
    culprit.map(|task| task.process.who.pid)
}

/// Whether a process of the container is in a cgroup or below it.
fn is_peopled(evidence: &Evidence, cgroup: &CgroupSeen) -> bool {
    let mut inside = evidence
        .cgroups
        .iter()
        .filter(|one| one.dir.starts_with(&cgroup.dir));
    let mut over = evidence.tasks.iter().flat_map(|task| &task.freezers.set);
    inside.any(|one| one.processes + one.foreign > 0) || over.any(|at| at.dir == cgroup.dir)
}

/// What an action must not touch.
fn guarded(evidence: &Evidence, out: &mut Vec<Finding>) {
    if let Some((cgroup, with)) = &evidence.shared {
        let cause = CgroupCause::Shared {
            cgroup: cgroup.clone(),
            with: with.clone(),
        };
        out.push(find(Weight::Blocks, cause).by([Advice::DeleteFirst(with.clone()).into()]));
    } else if let Some(why) = &evidence.forbidden {
        out.push(find(
            Weight::Blocks,
            CgroupCause::Forbidden { why: why.clone() },
        ));
    }
}

/// Processes that are made faster than anything else can be said of them.
pub(super) fn bomb(evidence: &Evidence, out: &mut Vec<Finding>) {
    let refusing = evidence
        .cgroups
        .iter()
        .find(|cgroup| cgroup.level.is_own() && cgroup.pids_refused_since >= BOMB);
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
            .seen(refusing.map(wording::of_pids))
            .by([Remedy::ForceDelete]),
    );
}

fn limits(evidence: &Evidence, cgroup: &CgroupSeen, out: &mut Vec<Finding>) {
    let dir = || cgroup.dir.clone();
    if let (Some(pids), Some(Limit::At(limit))) = (cgroup.pids, cgroup.pids_limit)
        && pids >= limit
    {
        let cause = CgroupCause::PidsLimit {
            cgroup: dir(),
            limit,
            refused: cgroup.pids_refused,
        };
        out.push(
            find(Weight::Blocks, cause)
                .seen([wording::of_pids(cgroup)])
                .by([Remedy::RaisePids { cgroup: dir() }, Remedy::ForceDelete]),
        );
    }
    if cgroup.oom_waits {
        let waits = |task: &&Task| task.waits.iter().any(|wait| wait.nature == Nature::Oom);
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
    quota(evidence, cgroup, out);
}

fn high(evidence: &Evidence, cgroup: &CgroupSeen, out: &mut Vec<Finding>) {
    let Some((Limit::At(high), reached)) = cgroup.high else {
        return;
    };
    // Who is far above it sleeps two seconds at a time, and the counter stands still meanwhile.
    let mut waits = evidence.tasks.iter().flat_map(|task| &task.waits);
    let above = cgroup.memory.filter(|memory| *memory > high);
    let line = match above {
        _ if reached > 0 => format!("memory.events: high rose by {reached}"),
        Some(memory) if waits.any(|wait| wait.nature == Nature::MemoryHigh) => {
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

fn quota(evidence: &Evidence, cgroup: &CgroupSeen, out: &mut Vec<Finding>) {
    let (Some(Limit::At(quota)), Some(1..)) = (cgroup.quota, cgroup.throttled) else {
        return;
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
        return;
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
            .seen(
                cgroup
                    .throttled
                    .map(|count| format!("cpu.stat: throttled in {count} periods")),
            )
            .by([Remedy::LiftQuota {
                cgroup: cgroup.dir.clone(),
                version: cgroup.version,
            }])
            .by(force),
    );
}

/// What kind of cgroup it is.
fn shape(cgroup: &CgroupSeen, out: &mut Vec<Finding>) {
    if !cgroup.level.is_own() {
        return;
    }
    let dir = cgroup.dir.clone();
    match cgroup.kind.as_deref() {
        Some("domain invalid") => {
            // One below its own that is empty for ever is in nobody's way.
            let (weight, remedy) = match cgroup.level {
                Level::Below => (Weight::Note, None),
                _ => (Weight::Blocks, Some(Remedy::ForceDelete)),
            };
            out.push(
                find(
                    weight,
                    CgroupCause::Invalid {
                        cgroup: dir.clone(),
                    },
                )
                .seen(["cgroup.type: domain invalid".to_owned()])
                .by(remedy),
            );
        }
        Some("threaded") => out.push(
            find(
                Weight::Note,
                CgroupCause::Threaded {
                    cgroup: dir.clone(),
                },
            )
            .seen(["cgroup.type: threaded".to_owned()]),
        ),
        _ => {}
    }
    if cgroup.foreign > 0 {
        let cause = CgroupCause::ForeignPids {
            cgroup: dir,
            count: cgroup.foreign,
        };
        out.push(find(Weight::Hampers, cause).by([Advice::HostPids.into()]));
    }
}

fn below(evidence: &Evidence, out: &mut Vec<Finding>) {
    let subs: Vec<&CgroupSeen> = evidence
        .cgroups
        .iter()
        .filter(|cgroup| cgroup.level == Level::Below)
        .collect();
    if subs.is_empty() {
        return;
    }
    // On v1 the same processes stand in every hierarchy.
    let processes = subs
        .iter()
        .map(|cgroup| cgroup.processes)
        .max()
        .unwrap_or(0);
    let cause = CgroupCause::SubCgroups {
        cgroups: subs
            .iter()
            .take(NAMED)
            .map(|cgroup| cgroup.dir.clone())
            .collect(),
        count: subs.len(),
        processes,
    };
    out.push(find(Weight::Note, cause));
}
