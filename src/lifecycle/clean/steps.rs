//! The steps of cleaning a leftover: what is removed is looked at right before.

use std::path::Path;

use super::check::{check, check_author, check_rdt, is_empty};
use super::{Kept, Remains};
use crate::cgroup::CgroupPath;
use crate::inventory::cgroups::CgroupDir;
use crate::kernel::read::is_gone;
use crate::kernel::{Contents, Inode, Kernel, StateDir};
use crate::lifecycle::claims::Claims;
use crate::lifecycle::context::Context;
use crate::lifecycle::outcome::{Outcome, Reason, Seen, StepError, Survivor, io_error};
use crate::lifecycle::refusal::Refusal;
use crate::lifecycle::removable::Removable;
use crate::lifecycle::step::Step;
use crate::lifecycle::steps::{drain, freeze, groups, quota, scope};
use crate::text::visible_path;

/// Does one step.
pub(super) fn perform<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
    step: &Step,
    claims: &Claims,
    waiting: &mut dyn FnMut(Vec<Survivor>),
) -> Result<Outcome, StepError> {
    match step {
        Step::Recheck { .. } => {
            let found = check(context.machine, &context.evidence, claims);
            found.map_err(StepError::Refused)?;
            Ok(Outcome::Done(Seen::Unowned))
        }
        Step::LiftQuota { .. } => quota::lift(context),
        Step::ThawKilled { .. } => freeze::thaw_killed(context),
        Step::Kill { .. } => {
            check_still_own(context)?;
            drain::kill(context)
        }
        Step::Drain { .. } => drain::drain(context, waiting),
        Step::StopUnit { .. } => stop_unit(context),
        Step::RemoveMonGroup { dir } | Step::RemoveCtrlGroup { dir } => remove_rdt(context, dir),
        Step::RemoveCgroups { .. } => remove_cgroups(context),
        Step::Unmount { point } => detach(context, point),
        Step::RemovePin { file } => remove_pin(context, file),
        Step::RemoveStateDir { .. } => remove_state_dir(context),
        Step::Verify => verify(context),
        // In no plan of a leftover's.
        Step::Identify { .. }
        | Step::ReserveMarks { .. }
        | Step::PutQuotaBack { .. }
        | Step::PersistStopped
        | Step::Persist { .. }
        | Step::PoststopHook { .. }
        | Step::PoststartHook { .. }
        | Step::Signal { .. }
        | Step::SignalAll { .. }
        | Step::SignalOne { .. }
        | Step::Freeze
        | Step::Thaw
        | Step::Release => Err(StepError::NotPlanned),
    }
}

/// Whose it is can have changed since the first step.
fn check_still_own<K: Kernel>(context: &Context<'_, K, Remains<'_>>) -> Result<(), StepError> {
    let cgroups = context.evidence.cgroups(context.machine);
    check_author(context.machine, context.evidence.order, &cgroups)
        .map_err(|why| StepError::Refused(why.into()))
}

fn refused(why: Kept) -> StepError {
    StepError::Refused(why.into())
}

fn verify<K: Kernel>(context: &Context<'_, K, Remains<'_>>) -> Result<Outcome, StepError> {
    drain::check_gone(context)?;
    match context.evidence.left(context.machine) {
        left if left.is_empty() => Ok(Outcome::Done(Seen::Gone)),
        paths => Err(StepError::Left {
            paths,
            cause: "seen when looking again".to_owned(),
        }),
    }
}

/// Stopping a unit kills what is in its cgroup: one of that name may have been started since.
fn stop_unit<K: Kernel>(context: &mut Context<'_, K, Remains<'_>>) -> Result<Outcome, StepError> {
    let hierarchies = &context.machine.hierarchies;
    let path = context
        .evidence
        .scope()
        .map(|scope| CgroupPath::new(&scope.cgroup));
    let killed = context.evidence.order.kill;
    for (at, hierarchy) in hierarchies.iter().enumerate() {
        let Some(Some(path)) = path.clone() else {
            break;
        };
        let cgroup = CgroupDir {
            hierarchy: at,
            path,
        };
        if !killed && !is_empty(context.machine, &cgroup) {
            let dir = visible_path(&hierarchy.dir(&cgroup.path));
            return Err(refused(Kept::Entered(dir)));
        }
    }
    scope::stop(context)
}

/// The last look: somebody may have moved in since the first step.
fn remove_cgroups<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
) -> Result<Outcome, StepError> {
    check_still_own(context)?;
    // What was killed leaves its cgroup a moment after its end: there rmdir tries again for a while.
    let killed = context.evidence.order.kill;
    for cgroup in context.evidence.cgroups(context.machine) {
        if !killed && !is_empty(context.machine, &cgroup) {
            let dir = cgroup.dir(&context.machine.hierarchies);
            return Err(refused(Kept::Entered(visible_path(&dir))));
        }
    }
    groups::remove_cgroups(context)
}

fn remove_rdt<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
    dir: &Path,
) -> Result<Outcome, StepError> {
    let pinned = context.evidence.order.rdt.iter();
    let shown = pinned
        .clone()
        .find(|(path, _)| path == dir)
        .map(|(_, inode)| *inode);
    match Inode::at(dir).map_err(|error| io_error("look at", dir, &error))? {
        None => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        now if now != shown => Err(StepError::Replaced),
        _ => {
            check_rdt(dir).map_err(refused)?;
            groups::remove_rdt(context, dir)
        }
    }
}

fn detach<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
    point: &Path,
) -> Result<Outcome, StepError> {
    match context.kernel.detach(point) {
        Ok(()) => Ok(Outcome::Done(Seen::Gone)),
        // EINVAL: nothing is mounted there any more.
        Err(error) if is_gone(&error) || error.raw_os_error() == Some(EINVAL) => {
            Ok(Outcome::Skipped(Reason::AlreadyGone))
        }
        Err(error) => Err(io_error("detach", point, &error)),
    }
}

const EINVAL: i32 = rustix::io::Errno::INVAL.raw_os_error();

fn remove_pin<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
    file: &Path,
) -> Result<Outcome, StepError> {
    let Some((_, inode)) = context.evidence.order.pin else {
        return Ok(Outcome::Skipped(Reason::None));
    };
    match context.kernel.remove_pin(file, inode) {
        Ok(()) => Ok(Outcome::Done(Seen::Gone)),
        Err(error) if is_gone(&error) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => Err(io_error("remove", file, &error)),
    }
}

fn remove_state_dir<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
) -> Result<Outcome, StepError> {
    let target = context.evidence.target;
    let id = target.key.id();
    let id = id.map_err(|why| StepError::Refused(Refusal::Name(why)))?;
    let dir = StateDir {
        root: target.key.root(),
        id: &id,
        inode: target.state_dir,
    };
    match context.kernel.remove_state_dir(dir, Contents::All) {
        Ok(()) => Ok(Outcome::Done(Seen::Gone)),
        Err(error) if is_gone(&error) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => Err(io_error("remove", &target.key.dir(), &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Roots};
    use crate::inventory::Machine;
    use crate::kernel::LiveKernel;
    use crate::lifecycle::job::{Clean, Options};
    use crate::lifecycle::target::Target;
    use crate::oci::ContainerKey;

    #[test]
    fn a_step_that_is_in_no_plan_of_a_leftovers_is_not_called_skipped() {
        let (kernel, machine) = (LiveKernel::new(), Machine::new(&Roots::default()));
        let (options, order) = (Options::from(&Config::default()), Clean::default());
        let target = Target {
            key: ContainerKey::new(std::path::PathBuf::from("/nowhere"), "web"),
            state_dir: Inode {
                device: 0,
                number: 0,
            },
            init: None,
        };
        let mut context = Context {
            kernel: &kernel,
            machine: &machine,
            options: &options,
            evidence: Remains::new(&target, &order),
            deadline: std::time::Duration::ZERO,
            lifted: Vec::new(),
        };
        // Only such as would do nothing of their own.
        for step in [Step::Thaw, Step::Release, Step::PersistStopped] {
            let claims = Claims::default();
            let done = perform(&mut context, &step, &claims, &mut |_| {});
            assert_eq!(done, Err(StepError::NotPlanned), "{step:?}");
        }
    }
}
