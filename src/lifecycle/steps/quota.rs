//! CPU quotas: lifted before a kill, because processes die on CPU time too and a quota can stretch
//! that to many seconds; put back if they do not die.
//!
//! Nobody else knows the old values. They are in the plan, in the log and in the report; what ends
//! ocitop itself by SIGKILL in between keeps them from being put back.

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::cgroup::Version;
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::kernel::Kernel;
use crate::kernel::read::is_gone;
use crate::kernel::walk::{MOST, walk};
use crate::lifecycle::context::{Context, Reporter, reported};
use crate::lifecycle::outcome::io_error;
use crate::lifecycle::removable::Removable;
use crate::lifecycle::step::{CpuQuota, OnFailure, PlannedStep, Step};
use crate::lifecycle::{Outcome, Reason, Seen, StepError};

/// The control file of a quota, and what it says where there is none.
fn control(version: Version) -> (&'static str, &'static str) {
    match version {
        Version::V1 => ("cpu.cfs_quota_us", "-1"),
        Version::V2 => ("cpu.max", "max"),
    }
}

/// The quotas of these cgroups and of those below them.
pub(in crate::lifecycle) fn set(machine: &Machine, cgroups: &[CgroupDir]) -> Vec<CpuQuota> {
    let mut found = Vec::new();
    for cgroup in cgroups {
        let hierarchy = machine.hierarchies.at(cgroup.hierarchy);
        let counts = |version| version == Version::V2 || hierarchy.is_some_and(|h| h.has("cpu"));
        let version = hierarchy.map(|h| h.version);
        let Some(version) = version.filter(|version| counts(*version)) else {
            continue;
        };
        let (name, none) = control(version);
        walk(&cgroup.dir(&machine.hierarchies), MOST, &mut |below| {
            let text = below.text(name).ok().flatten().unwrap_or_default();
            let was = text.trim().to_owned();
            if !was.is_empty() && !was.starts_with(none) {
                let file = below.path().join(name);
                found.push(CpuQuota { file, was });
            }
            ControlFlow::Continue(())
        });
    }
    found
}

/// Lifts every quota, and remembers each.
pub(in crate::lifecycle) fn lift<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
) -> Result<Outcome, StepError> {
    let cgroups = context.evidence.cgroups(context.machine);
    let mut failed = None;
    let mut lifted = Vec::new();
    for quota in set(context.machine, &cgroups) {
        let is_v2 = quota.file.ends_with("cpu.max");
        let (_, none) = control(if is_v2 { Version::V2 } else { Version::V1 });
        match context.kernel.write_control(&quota.file, none) {
            Ok(()) => lifted.push(quota),
            Err(error) if is_gone(&error) => {}
            Err(error) => failed = Some(io_error("write", &quota.file, &error)),
        }
    }
    context.lifted.extend(lifted.iter().cloned());
    match failed {
        Some(error) => Err(error),
        None if lifted.is_empty() => Ok(Outcome::Skipped(Reason::AlreadySo)),
        None => Ok(Outcome::Done(Seen::Lifted(lifted))),
    }
}

/// Puts back, as a step of its own, what was lifted only so that processes die faster, where they did
/// not: also when ocitop was asked to leave off.
pub(in crate::lifecycle) fn undo<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
    number: usize,
    reporter: &mut Reporter<'_>,
) {
    let quotas = owed(context);
    if quotas.is_empty() {
        return;
    }
    let planned = PlannedStep {
        step: Step::PutQuotaBack {
            quotas: quotas.clone(),
        },
        on_failure: OnFailure::Continue,
    };
    reported(context, number, &planned, reporter, |context, _, _| {
        put_back(context, &quotas)
    });
}

/// The quotas that were lifted and whose cgroups are still there, those above first: none below
/// another may be wider than that.
fn owed<K: Kernel, Q: Removable>(context: &Context<'_, K, Q>) -> Vec<CpuQuota> {
    let dirs: Vec<PathBuf> = context
        .evidence
        .cgroups(context.machine)
        .iter()
        .map(|cgroup| cgroup.dir(&context.machine.hierarchies))
        .collect();
    // A cgroup that was made anew under the same path is somebody else's.
    let same = |quota: &&CpuQuota| dirs.iter().any(|dir| quota.file.starts_with(dir));
    let there = |quota: &&CpuQuota| quota.file.exists();
    let owed = context.lifted.iter().rev().filter(same).filter(there);
    owed.cloned().collect()
}

/// Puts them back.
fn put_back<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
    quotas: &[CpuQuota],
) -> Result<Outcome, StepError> {
    let mut failed = None;
    for quota in quotas {
        match context.kernel.write_control(&quota.file, &quota.was) {
            Err(error) if !is_gone(&error) => failed = Some(io_error("write", &quota.file, &error)),
            Ok(()) | Err(_) => {}
        }
    }
    context.lifted.clear();
    match failed {
        Some(error) => Err(error),
        None => Ok(Outcome::Done(Seen::PutBack(quotas.len()))),
    }
}
