//! What a job will do, from the evidence: data, printable with `--dry-run`.

use super::evidence::TeardownEvidence;
use super::job::{Force, Job, Options};
use super::outer_freeze::OuterFreeze;
use super::refusal::Refusal;
use super::sharing::Common;
use super::step::{OnFailure, Plan, PlannedStep, Step};
use super::steps::{drain, freeze, hooks, marks, quota, signal};
use super::trust;
use crate::inventory::cgroups::{self, CgroupDir};
use crate::inventory::identity::Identity;
use crate::inventory::{Condition, Machine};
use crate::kernel::Signal;
use crate::oci::record::{Hook, Hooks};
use crate::oci::{RuntimeKind, Status};

pub(super) fn stop(step: Step) -> PlannedStep {
    PlannedStep {
        step,
        on_failure: OnFailure::Stop,
    }
}

pub(super) fn warn(step: Step) -> PlannedStep {
    PlannedStep {
        step,
        on_failure: OnFailure::Continue,
    }
}

/// The plan of a job, or why it is refused.
pub(super) fn plan(
    machine: &Machine,
    job: &Job,
    evidence: &TeardownEvidence,
    options: &Options,
) -> Result<Plan, Refusal> {
    if let Some(forbidden) = &evidence.forbidden {
        return Err(forbidden.clone());
    }
    check_sight(job, evidence)?;
    let mut steps = vec![stop(Step::Identify {
        pid: evidence.identity.alive().map(|i| i.pid),
    })];
    steps.extend(match job {
        Job::Delete(_, force) => delete(machine, *force, evidence, options)?,
        Job::Kill(_, signal) => {
            alive(evidence)?;
            signal_steps(machine, evidence, *signal, Step::Signal { signal: *signal })
        }
        Job::KillAll(_, signal) => {
            let (signal, processes) = (*signal, evidence.pids.len());
            let step = Step::SignalAll { signal, processes };
            signal_steps(machine, evidence, signal, step)
        }
        Job::SignalOne(_, process, signal) => {
            signal::check(machine, evidence, *process)?;
            let (pid, start_time, signal) = (process.pid, process.start_time, *signal);
            vec![stop(Step::SignalOne {
                pid,
                start_time,
                signal,
            })]
        }
        Job::Stop(_) => {
            alive(evidence)?;
            if let Some(held) = &evidence.held {
                return Err(Refusal::FrozenOutside(held.clone()));
            }
            let limit = options.timeout;
            let signal = Signal::TERM;
            vec![stop(Step::Signal { signal }), stop(Step::Drain { limit })]
        }
        Job::Pause(_) => freeze(machine, evidence)?,
        Job::Resume(_) => thaw(evidence)?,
        Job::Start(_) => start(machine, evidence, options)?,
        // Made from what was shown, not from a record: see `clean`.
        Job::Clean(..) => return Err(Refusal::NotAContainer),
    });
    Ok(Plan(steps))
}

/// Nothing is done on the strength of what was not seen. A verified init can be signalled wherever
/// its cgroups are; what concerns all of a container needs all of them.
fn check_sight(job: &Job, evidence: &TeardownEvidence) -> Result<(), Refusal> {
    if let Identity::Unknown(why) = evidence.identity {
        return Err(Refusal::OutOfSight(why));
    }
    let whole = match job {
        Job::Delete(..) | Job::KillAll(..) | Job::Pause(_) | Job::Resume(_) => true,
        Job::Kill(..) | Job::SignalOne(..) | Job::Stop(_) | Job::Start(_) | Job::Clean(..) => false,
    };
    match &evidence.out_of_sight {
        Some(cgroups) if whole => Err(Refusal::CgroupsOutOfSight(cgroups.clone())),
        _ => Ok(()),
    }
}

fn delete(
    machine: &Machine,
    force: Force,
    evidence: &TeardownEvidence,
    options: &Options,
) -> Result<Vec<PlannedStep>, Refusal> {
    let free = matches!(
        evidence.condition,
        Condition::Known(Status::Stopped | Status::Created)
    );
    // Nothing was left of it when its record went; a cgroup of its name is another's, or came since.
    let free = free || (evidence.emptied && !evidence.has_cgroup());
    if force == Force::No && !free {
        return Err(Refusal::NotStopped {
            id: evidence.id.to_string(),
            condition: evidence.condition,
        });
    }
    check_held(evidence.held.as_ref())?;
    check_hooks(machine, evidence, options, |hooks| &hooks.poststop)?;
    let mut steps = remember(evidence, options)?;
    let cgroups = evidence.cgroups(machine);
    steps.extend(kill(machine, &cgroups, evidence.pids.len()));
    steps.push(stop(Step::Drain {
        limit: options.timeout,
    }));
    if evidence.entry.record.is_ok() && evidence.entry.runtime == Some(RuntimeKind::Youki) {
        steps.push(warn(Step::PersistStopped));
    }
    steps.extend(remove_groups(machine, &cgroups, evidence));
    for (index, hook) in evidence
        .hooks
        .iter()
        .flat_map(|hooks| &hooks.poststop)
        .enumerate()
    {
        steps.push(warn(Step::PoststopHook {
            number: index + 1,
            path: hook.path.clone(),
        }));
    }
    // State goes last: while it exists the container is listed, so a failed teardown can be
    // repeated.
    steps.push(stop(Step::RemoveStateDir {
        dir: evidence.entry.key.dir(),
    }));
    steps.push(stop(Step::Verify));
    Ok(steps)
}

/// What the kernel, resctrl and systemd have of it: each goes once nothing lives in it.
fn remove_groups(
    machine: &Machine,
    cgroups: &[CgroupDir],
    evidence: &TeardownEvidence,
) -> Vec<PlannedStep> {
    let mut steps = Vec::new();
    let mon = evidence
        .mon_group
        .iter()
        .map(|dir| Step::RemoveMonGroup { dir: dir.clone() });
    steps.extend(mon.map(warn));
    let ctrl = evidence
        .ctrl_group
        .iter()
        .map(|dir| Step::RemoveCtrlGroup { dir: dir.clone() });
    steps.extend(ctrl.map(warn));
    let scope = evidence.scope.iter().map(|scope| Step::StopUnit {
        unit: scope.name.clone(),
    });
    steps.extend(scope.map(warn));
    let dirs = cgroups
        .iter()
        .map(|cgroup| cgroup.dir(&machine.hierarchies))
        .collect();
    let common = evidence.common.as_ref();
    let shared = common.map_or_else(Vec::new, |common| common.dirs.clone());
    steps.push(stop(Step::RemoveCgroups { dirs, shared }));
    let pin = evidence.pin.iter().map(|pin| Step::RemovePin {
        file: pin.file.clone(),
    });
    steps.extend(pin.map(warn));
    steps
}

/// The kill, and all that is written for it: what dies slowly for want of CPU time, and on v1 what is
/// frozen, has to be let go.
pub(super) fn kill(machine: &Machine, cgroups: &[CgroupDir], processes: usize) -> Vec<PlannedStep> {
    let quotas = quota::set(machine, cgroups);
    let mut steps = Vec::new();
    if processes > 0 && !quotas.is_empty() {
        steps.push(warn(Step::LiftQuota { quotas }));
    }
    let at_once = drain::at_once(machine, cgroups);
    steps.push(stop(Step::Kill { processes, at_once }));
    steps.extend(thaw_killed(machine, cgroups));
    steps
}

/// The thaw of what a SIGKILL is pending for, if anything is frozen.
fn thaw_killed(machine: &Machine, cgroups: &[CgroupDir]) -> Option<PlannedStep> {
    let frozen = freeze::frozen(machine, cgroups).into_iter();
    let dirs: Vec<_> = frozen.map(|(dir, _)| dir).collect();
    (!dirs.is_empty()).then(|| warn(Step::ThawKilled { dirs }))
}

/// What is frozen from outside dies only once that is thawed, which is not ocitop's to do.
pub(super) fn check_held(held: Option<&OuterFreeze>) -> Result<(), Refusal> {
    match held {
        Some(held) if held.kills_wait => Err(Refusal::FrozenOutside(held.clone())),
        _ => Ok(()),
    }
}

fn alive(evidence: &TeardownEvidence) -> Result<(), Refusal> {
    match evidence.identity.alive() {
        Some(_) => Ok(()),
        None => Err(Refusal::NotRunning {
            id: evidence.id.to_string(),
        }),
    }
}

/// A signal, and after SIGKILL the thaw without which it would stay pending.
fn signal_steps(
    machine: &Machine,
    evidence: &TeardownEvidence,
    signal: Signal,
    step: Step,
) -> Vec<PlannedStep> {
    let mut steps = vec![stop(step)];
    if signal == Signal::KILL {
        steps.extend(thaw_killed(machine, &evidence.cgroups(machine)));
    }
    steps
}

fn with_status(
    evidence: &TeardownEvidence,
    steps: Vec<PlannedStep>,
    status: Status,
) -> Vec<PlannedStep> {
    let mut steps = steps;
    if evidence.entry.runtime == Some(RuntimeKind::Youki) {
        steps.push(stop(Step::Persist { status }));
    }
    steps
}

fn freeze(machine: &Machine, evidence: &TeardownEvidence) -> Result<Vec<PlannedStep>, Refusal> {
    alive(evidence)?;
    match evidence.condition {
        Condition::Known(Status::Running | Status::Created) | Condition::Freezing => {}
        condition @ (Condition::Known(Status::Creating | Status::Paused | Status::Stopped)
        | Condition::Broken
        | Condition::Unknown(_)) => return Err(Refusal::NotPausable(condition)),
    }
    let freezes = |common: &&Common| {
        cgroups::for_controller(&common.cgroups, "freezer", &machine.hierarchies).is_some()
    };
    if let Some(common) = evidence.common.as_ref().filter(freezes) {
        return Err(Refusal::SharedFreezer {
            with: common.with.clone(),
        });
    }
    if !evidence.has_cgroup() {
        return Err(Refusal::NoCgroup);
    }
    Ok(with_status(
        evidence,
        vec![stop(Step::Freeze)],
        Status::Paused,
    ))
}

fn thaw(evidence: &TeardownEvidence) -> Result<Vec<PlannedStep>, Refusal> {
    // A thaw of its own would change nothing.
    if let Some(held) = &evidence.held {
        return Err(Refusal::FrozenOutside(held.clone()));
    }
    match evidence.condition {
        Condition::Known(Status::Paused) | Condition::Freezing => Ok(with_status(
            evidence,
            vec![stop(Step::Thaw)],
            Status::Running,
        )),
        condition @ (Condition::Known(
            Status::Creating | Status::Created | Status::Running | Status::Stopped,
        )
        | Condition::Broken
        | Condition::Unknown(_)) => Err(Refusal::NotPaused(condition)),
    }
}

/// Refuses before anything is changed: a hook that is not run is not made up for later.
fn check_hooks(
    machine: &Machine,
    evidence: &TeardownEvidence,
    options: &Options,
    which: impl Fn(&Hooks) -> &Vec<Hook>,
) -> Result<(), Refusal> {
    let host = machine.host_dir.as_deref();
    let hooks = evidence.hooks.as_ref().filter(|_| options.hooks);
    let Some(hooks) = hooks.map(which) else {
        return Ok(());
    };
    // What is not found here may be there all the same: no word of who could make it.
    hooks::check_seen(machine, evidence, hooks)?;
    match trust::distrusted(evidence, hooks, host) {
        Some(why) => Err(Refusal::Hooks(why)),
        None => Ok(()),
    }
}

/// What has to be there before a hook runs: also refused before anything is changed.
fn remember(evidence: &TeardownEvidence, options: &Options) -> Result<Vec<PlannedStep>, Refusal> {
    let due = if options.hooks {
        marks::due(evidence)
    } else {
        Vec::new()
    };
    marks::check(evidence, &due)?;
    Ok(match due.len() {
        0 => Vec::new(),
        hooks => vec![stop(Step::ReserveMarks { hooks })],
    })
}

fn start(
    machine: &Machine,
    evidence: &TeardownEvidence,
    options: &Options,
) -> Result<Vec<PlannedStep>, Refusal> {
    if evidence.condition != Condition::Known(Status::Created) {
        return Err(Refusal::NotCreated(evidence.condition));
    }
    check_hooks(machine, evidence, options, |hooks| &hooks.poststart)?;
    let mut steps = with_status(evidence, vec![stop(Step::Release)], Status::Running);
    for (index, hook) in evidence
        .hooks
        .iter()
        .flat_map(|hooks| &hooks.poststart)
        .enumerate()
    {
        steps.push(warn(Step::PoststartHook {
            number: index + 1,
            path: hook.path.clone(),
        }));
    }
    Ok(steps)
}
