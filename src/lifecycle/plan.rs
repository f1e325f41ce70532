//! What a job will do, from the evidence: data, printable with `--dry-run`.

use super::evidence::Evidence;
use super::{Force, Job, OnFailure, Options, Plan, PlannedStep, Step, signal, trust};
use crate::inventory::{Condition, Machine};
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
    evidence: &Evidence,
    options: &Options,
) -> Result<Plan, String> {
    if let Some(forbidden) = &evidence.forbidden {
        return Err(forbidden.clone());
    }
    let mut steps = vec![stop(Step::Identify {
        pid: evidence.identity.alive().map(|i| i.pid),
    })];
    steps.extend(match job {
        Job::Delete(_, force) => delete(machine, *force, evidence, options)?,
        Job::Kill(_, signal) => signal_steps(evidence, Step::Signal { signal: *signal })?,
        Job::KillAll(_, signal) => {
            vec![stop(Step::SignalAll {
                signal: *signal,
                processes: evidence.pids.len(),
            })]
        }
        Job::SignalOne(_, process, signal) => {
            signal::check(machine, evidence, *process).map_err(signal::NotOne::words)?;
            let (pid, start_time, signal) = (process.pid, process.start_time, *signal);
            vec![stop(Step::SignalOne {
                pid,
                start_time,
                signal,
            })]
        }
        Job::Stop(_) => {
            let signal = crate::kernel::Signal::TERM;
            let mut steps = signal_steps(evidence, Step::Signal { signal })?;
            steps.push(stop(Step::Drain {
                limit: options.timeout,
            }));
            steps
        }
        Job::Pause(_) => freeze(evidence)?,
        Job::Resume(_) => thaw(evidence)?,
        Job::Start(_) => start(evidence, options)?,
        // Made from what was shown, not from a record: see `clean`.
        Job::Clean(..) => return Err("not a container".to_owned()),
    });
    Ok(Plan(steps))
}

fn delete(
    machine: &Machine,
    force: Force,
    evidence: &Evidence,
    options: &Options,
) -> Result<Vec<PlannedStep>, String> {
    let free = matches!(
        evidence.condition,
        Condition::Known(Status::Stopped | Status::Created)
    );
    if force == Force::No && !free {
        return Err(not_stopped(evidence));
    }
    check_hooks(evidence, options, |hooks| &hooks.poststop)?;
    let mut steps = vec![
        stop(Step::Kill {
            processes: evidence.pids.len(),
        }),
        stop(Step::Drain {
            limit: options.timeout,
        }),
    ];
    if evidence.entry.record.is_ok() && evidence.entry.runtime == Some(RuntimeKind::Youki) {
        steps.push(warn(Step::PersistStopped));
    }
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
    let unit = evidence.unit.iter().map(|unit| Step::StopUnit {
        unit: unit.name.clone(),
    });
    steps.extend(unit.map(warn));
    let dirs = evidence
        .cgroups(machine)
        .iter()
        .map(|cgroup| cgroup.dir(&machine.hierarchies))
        .collect();
    steps.push(stop(Step::RemoveCgroups { dirs }));
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

/// In runc's words, which tools above the runtimes look for.
fn not_stopped(evidence: &Evidence) -> String {
    match evidence.condition {
        Condition::Broken => format!(
            "cannot delete container {} without --force: its state cannot be read",
            evidence.id
        ),
        condition => {
            format!(
                "cannot delete container {} that is not stopped: {condition}",
                evidence.id
            )
        }
    }
}

fn alive(evidence: &Evidence) -> Result<(), String> {
    match evidence.identity.alive() {
        Some(_) => Ok(()),
        None => Err(format!("container not running: {}", evidence.id)),
    }
}

fn signal_steps(evidence: &Evidence, step: Step) -> Result<Vec<PlannedStep>, String> {
    alive(evidence)?;
    Ok(vec![stop(step)])
}

fn with_status(evidence: &Evidence, steps: Vec<PlannedStep>, status: Status) -> Vec<PlannedStep> {
    let mut steps = steps;
    if evidence.entry.runtime == Some(RuntimeKind::Youki) {
        steps.push(stop(Step::Persist { status }));
    }
    steps
}

fn freeze(evidence: &Evidence) -> Result<Vec<PlannedStep>, String> {
    alive(evidence)?;
    match evidence.condition {
        Condition::Known(Status::Running | Status::Created) | Condition::Freezing => {}
        condition => return Err(format!("container not running: it is {condition}")),
    }
    if !evidence.has_cgroup() {
        return Err("it has no cgroup to freeze".to_owned());
    }
    Ok(with_status(
        evidence,
        vec![stop(Step::Freeze)],
        Status::Paused,
    ))
}

fn thaw(evidence: &Evidence) -> Result<Vec<PlannedStep>, String> {
    match evidence.condition {
        Condition::Known(Status::Paused) | Condition::Freezing => Ok(with_status(
            evidence,
            vec![stop(Step::Thaw)],
            Status::Running,
        )),
        condition => Err(format!("container not paused: it is {condition}")),
    }
}

/// Refuses before anything is changed: a hook that is not run is not made up for later.
fn check_hooks(
    evidence: &Evidence,
    options: &Options,
    which: impl Fn(&Hooks) -> &Vec<Hook>,
) -> Result<(), String> {
    let hooks = evidence.hooks.as_ref().filter(|_| options.hooks);
    match hooks.and_then(|hooks| trust::refusal(evidence, which(hooks))) {
        Some(why) => Err(why),
        None => Ok(()),
    }
}

fn start(evidence: &Evidence, options: &Options) -> Result<Vec<PlannedStep>, String> {
    if evidence.condition != Condition::Known(Status::Created) {
        let condition = evidence.condition;
        return Err(format!(
            "cannot start a container that is {condition}, only a created one"
        ));
    }
    check_hooks(evidence, options, |hooks| &hooks.poststart)?;
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
