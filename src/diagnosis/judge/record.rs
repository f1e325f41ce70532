//! What is wrong with what is recorded of it, and who else has a hand in it.

use super::groups::on_cgroup;
use crate::diagnosis::cause::RecordCause;
use crate::diagnosis::evidence::{Evidence, InitSeen, RecordProblem};
use crate::diagnosis::finding::find;
use crate::diagnosis::{Finding, Remedy, Weight, checks, words};
use crate::inventory::manager::{EngineCommand, Request};

pub(super) fn judge(evidence: &Evidence, out: &mut Vec<Finding>) {
    problem(evidence, out);
    if let InitSeen::Recycled(neighbour) = &evidence.init {
        let cause = RecordCause::Recycled {
            pid: neighbour.who.pid,
            name: neighbour.name.clone(),
        };
        out.push(
            find(Weight::Blocks, cause)
                .seen([words::of_neighbour(neighbour)])
                .by([Remedy::Delete]),
        );
    }
    out.extend(evidence.record.note.iter().map(|problem| {
        let problem = problem.clone();
        find(Weight::Hampers, RecordCause::Incomplete { problem }).by([Remedy::ForceDelete])
    }));
    out.extend(
        evidence
            .record
            .foreign
            .map(|uid| find(Weight::Note, RecordCause::Foreign { uid })),
    );
    hooks(evidence, out);
    runtimes(evidence, out);
    owners(evidence, out);
    let inside = evidence
        .mounts
        .iter()
        .filter(|mount| !on_cgroup(evidence, mount));
    out.extend(inside.map(|mount| {
        find(
            Weight::Blocks,
            RecordCause::MountIn {
                mount: mount.clone(),
            },
        )
        .by([Remedy::Unmount {
            mount: mount.clone(),
            force: false,
            within: None,
        }])
    }));
}

fn problem(evidence: &Evidence, out: &mut Vec<Finding>) {
    let Some(problem) = &evidence.record.problem else {
        return;
    };
    let living = evidence
        .tasks
        .iter()
        .filter(|task| !task.process.is_zombie());
    let processes = living.count();
    let cause = match problem.clone() {
        RecordProblem::Missing(problem) => RecordCause::Missing { problem, processes },
        RecordProblem::Torn(problem) => RecordCause::Torn { problem, processes },
        RecordProblem::Corrupt(problem) => RecordCause::Corrupt { problem, processes },
        RecordProblem::Unreadable(problem) => RecordCause::Unreadable { problem },
    };
    let peopled = evidence
        .cgroups
        .iter()
        .filter(|cgroup| cgroup.level.is_own() && cgroup.processes > 0);
    let lines = peopled.map(words::of_members);
    out.push(
        find(Weight::Blocks, cause)
            .seen(lines.take(3))
            .by([Remedy::ForceDelete]),
    );
}

fn hooks(evidence: &Evidence, out: &mut Vec<Finding>) {
    for hook in &evidence.hooks {
        if let Some((process, time)) = &hook.running {
            let cause = RecordCause::HookRuns {
                hook: hook.path.clone(),
                pid: process.who.pid,
                seconds: time.as_secs(),
            };
            out.push(
                find(Weight::Blocks, cause)
                    .seen([words::of_neighbour(process)])
                    .by([Remedy::SignalOther {
                        pid: process.who.pid,
                        name: process.name.clone(),
                        signal: crate::kernel::Signal::KILL,
                    }]),
            );
        }
        if let Some(why) = &hook.broken {
            let cause = RecordCause::HookBroken {
                hook: hook.path.clone(),
                why: why.clone(),
            };
            out.push(find(Weight::Hampers, cause).by([Remedy::ForceDelete]));
        }
    }
}

/// What stays with a container for as long as it lives is no work on it.
fn runtimes(evidence: &Evidence, out: &mut Vec<Finding>) {
    for runtime in &evidence.runtimes {
        let process = &runtime.process;
        let attached = matches!(runtime.verb.as_str(), "run" | "exec");
        let cause = RecordCause::RuntimeWorks {
            pid: process.who.pid,
            name: process.name.clone(),
            verb: runtime.verb.clone(),
            seconds: runtime.time.as_secs(),
        };
        let weight = if attached {
            Weight::Note
        } else {
            Weight::Hampers
        };
        let end = Remedy::SignalOther {
            pid: process.who.pid,
            name: process.name.clone(),
            signal: crate::kernel::Signal::TERM,
        };
        out.push(
            find(weight, cause)
                .seen([words::of_neighbour(process)])
                .by((!attached).then_some(end)),
        );
    }
}

fn owners(evidence: &Evidence, out: &mut Vec<Finding>) {
    let alive = matches!(evidence.init, InitSeen::Alive(_));
    let unit = |loaded| {
        let unit = evidence.unit.as_ref();
        unit.filter(|unit| unit.loaded == Some(loaded) && unit.active == Some(false))
    };
    if let Some(unit) = unit(false).filter(|_| alive) {
        let unit = unit.name.clone();
        let lines = ["systemd has it neither loaded nor active".to_owned()];
        out.push(find(Weight::Ails, RecordCause::UnitGone { unit }).seen(lines));
    }
    if let Some(unit) = unit(true) {
        let name = unit.name.clone();
        out.push(
            find(
                Weight::Hampers,
                RecordCause::UnitFailed { unit: name.clone() },
            )
            .seen(["systemd has it loaded and not active".to_owned()])
            .by([Remedy::ResetFailed { unit: name }]),
        );
    }
    let engine = evidence.manager.as_ref().map(|managed| managed.engine);
    let told = evidence.manager.iter().flat_map(|managed| {
        let told = managed.commands(Request::Remove).into_iter();
        told.map(|EngineCommand { object, command }| Remedy::ByManager { object, command })
    });
    match (&evidence.supervisor, engine) {
        (Some(process), manager) => {
            let cause = RecordCause::Managed {
                manager,
                pid: process.who.pid,
                name: process.name.clone(),
            };
            out.push(
                find(Weight::Note, cause)
                    .seen([words::of_neighbour(process)])
                    .by(told),
            );
        }
        (None, Some(manager)) => {
            // Where not every process is seen, one of them may hold it.
            let unseen = checks::processes_of_host(evidence).is_err();
            let cause = RecordCause::Abandoned { manager, unseen };
            out.push(find(Weight::Note, cause).by(told));
        }
        (None, None) => {}
    }
}
