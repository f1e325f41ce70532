//! What its cgroups do to it.

use super::tasks::NAMED;
use super::{limits, state};
use crate::cgroup::Version;
use crate::cgroup::freezer::Freezer;
use crate::diagnosis::cause::CgroupCause;
use crate::diagnosis::evidence::{CgroupSeen, Evidence, InitSeen, Level, Task};
use crate::diagnosis::finding::find;
use crate::diagnosis::remedy::Advice;
use crate::diagnosis::wait_kind::WaitKind;
use crate::diagnosis::{Finding, Futile, Remedy, Weight, words};
use crate::inventory::Condition;
use crate::inventory::processes::ProcessPlace;
use crate::oci::Status;

pub(super) fn judge(evidence: &Evidence, out: &mut Vec<Finding>) {
    gone(evidence, out);
    unlisted(evidence, out);
    frozen(evidence, out);
    frozen_unseen(evidence, out);
    guarded(evidence, out);
    for cgroup in &evidence.cgroups {
        if cgroup.level != Level::Elsewhere {
            limits::judge(evidence, cgroup, out);
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

/// Of a container that is dead it is as it should be.
fn gone(evidence: &Evidence, out: &mut Vec<Finding>) {
    let (gone, of) = &evidence.gone;
    let out_of_sight = evidence.unseen.cgroups.is_some();
    if gone.is_empty() || out_of_sight || !matches!(evidence.init, InitSeen::Alive(_)) {
        return;
    }
    let cause = CgroupCause::Gone {
        cgroups: gone.iter().take(NAMED).cloned().collect(),
        count: gone.len(),
        of: *of,
    };
    let lines = gone
        .iter()
        .take(3)
        .map(|dir| crate::text::visible_path(dir));
    out.push(find(Weight::Ails, cause).seen(lines));
}

/// What the kernel says is populated is believed, whatever the lists say.
fn unlisted(evidence: &Evidence, out: &mut Vec<Finding>) {
    let inside = |task: &Task| matches!(task.place, ProcessPlace::Own(_) | ProcessPlace::Below(_));
    let lives = |task: &Task| inside(task) && !task.process.is_zombie();
    let mut own = evidence
        .cgroups
        .iter()
        .filter(|cgroup| cgroup.level.is_own());
    // Those of another pid namespace are told of by themselves.
    let listed = |cgroup: &CgroupSeen| cgroup.processes + cgroup.foreign > 0;
    let known = evidence.tasks.iter().any(lives) || own.clone().any(listed);
    let populated = own.find(|cgroup| cgroup.populated == Some(true));
    if let Some(cgroup) = populated.filter(|_| !known) {
        let cgroup = cgroup.dir.clone();
        out.push(
            find(Weight::Hampers, CgroupCause::Unlisted { cgroup })
                .seen(["cgroup.events: populated 1".to_owned()])
                .by([Advice::Watch.into()]),
        );
    }
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
                        .seen([words::of_freezer(cgroup)])
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
                        .seen([words::of_freezer(cgroup)])
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
            .seen(inherited.map(words::of_freezer))
            .by([Advice::HostCgroups.into()]),
    );
}

/// A process that waits for what no signal and no freezer can cut short.
fn unfreezable(evidence: &Evidence) -> Option<i32> {
    let held =
        |wait: &crate::diagnosis::evidence::Wait| wait.kind.holds() && wait.kind != WaitKind::Other;
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
            refused: evidence.forbidden.is_some(),
        };
        out.push(if evidence.forbidden.is_some() {
            find(Weight::Blocks, cause).by([Advice::DeleteFirst(with.clone()).into()])
        } else {
            find(Weight::Note, cause)
        });
    } else if let Some(why) = &evidence.forbidden {
        out.push(find(
            Weight::Blocks,
            CgroupCause::Forbidden { why: why.clone() },
        ));
    }
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
                Level::Above | Level::Own | Level::Elsewhere => {
                    (Weight::Blocks, Some(Remedy::ForceDelete))
                }
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
