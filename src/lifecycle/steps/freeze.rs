//! The freezer: pause and resume, and the thaw that lets a killed process die.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cgroup::Version;
use crate::cgroup::freezer::Freezer;
use crate::inventory::Machine;
use crate::inventory::cgroups::{CgroupDir, for_controller, freezer_at, freezer_of};
use crate::kernel::Kernel;
use crate::kernel::walk::{MOST, walk};
use crate::lifecycle::context::Context;
use crate::lifecycle::outcome::io_error;
use crate::lifecycle::removable::Removable;
use crate::lifecycle::{Outcome, OuterFreeze, Reason, Refusal, Seen, StepError, survivors};
use crate::text::visible_path;

/// A freeze that is not done by then is undone: one process in uninterruptible sleep would keep
/// all others frozen for nothing.
const FREEZE_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn place<K: Kernel, Q: Removable>(
    context: &Context<'_, K, Q>,
) -> Result<(PathBuf, Version), StepError> {
    let hierarchies = &context.machine.hierarchies;
    let cgroups = context.evidence.cgroups(context.machine);
    let found = for_controller(&cgroups, "freezer", hierarchies);
    found
        .map(|(cgroup, version)| (cgroup.dir(hierarchies), version))
        .ok_or(StepError::Refused(Refusal::NoFreezer))
}

fn control(version: Version, frozen: bool) -> (&'static str, &'static str) {
    match (version, frozen) {
        (Version::V1, true) => ("freezer.state", "FROZEN"),
        (Version::V1, false) => ("freezer.state", "THAWED"),
        (Version::V2, true) => ("cgroup.freeze", "1"),
        (Version::V2, false) => ("cgroup.freeze", "0"),
    }
}

fn write<K: Kernel, Q: Removable>(
    context: &Context<'_, K, Q>,
    dir: &Path,
    version: Version,
    frozen: bool,
) -> Result<(), StepError> {
    let (file, value) = control(version, frozen);
    let file = dir.join(file);
    let written = context.kernel.write_control(&file, value);
    written.map_err(|error| io_error("write", &file, &error))
}

/// Freezes the container and waits, briefly, until the kernel says so.
pub(in crate::lifecycle) fn freeze<K: Kernel>(
    context: &mut Context<'_, K>,
) -> Result<Outcome, StepError> {
    let (dir, version) = place(context)?;
    let deadline = context.kernel.now() + FREEZE_WITHIN.min(context.options.timeout);
    loop {
        // v1 answers FREEZING until a later write finds every process stopped.
        write(context, &dir, version, true)?;
        match freezer_at(&dir, version) {
            Some(Freezer::Frozen) => return Ok(Outcome::Done(Seen::Frozen)),
            None => {
                return Err(StepError::Refused(Refusal::CgroupGone));
            }
            _ if context.kernel.now() >= deadline => break,
            _ => context.kernel.pause(LOOK_EVERY),
        }
    }
    write(context, &dir, version, false)?;
    let cgroups = context.evidence.cgroups(context.machine);
    let pids = context.evidence.members(context.machine).pids;
    let pids: Vec<i32> = pids.into_iter().collect();
    let busy = survivors::uninterruptible(context.machine, &pids, &cgroups);
    Err(StepError::NotFrozen { busy })
}

/// Thaws the container's own freezer.
pub(in crate::lifecycle) fn thaw<K: Kernel>(
    context: &mut Context<'_, K>,
) -> Result<Outcome, StepError> {
    let (dir, version) = place(context)?;
    if freezer_at(&dir, version) == Some(Freezer::Thawed) {
        return Ok(Outcome::Skipped(Reason::AlreadySo));
    }
    write(context, &dir, version, false)?;
    let deadline = context.kernel.now() + FREEZE_WITHIN.min(context.options.timeout);
    loop {
        match freezer_at(&dir, version) {
            Some(Freezer::Thawed) => return Ok(Outcome::Done(Seen::Thawed)),
            Some(Freezer::FrozenAbove) => {
                return Err(StepError::Refused(Refusal::FrozenOutside(
                    OuterFreeze::above(),
                )));
            }
            None => {
                return Err(StepError::Refused(Refusal::CgroupGone));
            }
            _ if context.kernel.now() >= deadline => {
                let cause = "still frozen".to_owned();
                return Err(StepError::Left {
                    paths: vec![dir],
                    cause,
                });
            }
            _ => context.kernel.pause(LOOK_EVERY),
        }
    }
}

/// The cgroups among these, and below, that are frozen by their own setting, deepest first.
pub(in crate::lifecycle) fn frozen(
    machine: &Machine,
    cgroups: &[CgroupDir],
) -> Vec<(PathBuf, Version)> {
    let hierarchies = &machine.hierarchies;
    let Some((cgroup, version)) = for_controller(cgroups, "freezer", hierarchies) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    // What is not seen of it keeps what lives there alive, and that is told.
    walk(&cgroup.dir(hierarchies), MOST, &mut |below| {
        let freezer = freezer_of(version, |file| below.text(file).ok().flatten());
        if matches!(freezer, Some(Freezer::Frozen | Freezer::Freezing)) {
            found.push((below.path().to_owned(), version));
        }
        ControlFlow::Continue(())
    });
    found
}

/// Thaws the container and every cgroup below it that is frozen by itself, deepest first, so that
/// what was killed there dies. How many those were.
pub(in crate::lifecycle) fn thaw_tree<K: Kernel, Q: Removable>(
    context: &Context<'_, K, Q>,
) -> usize {
    let cgroups = context.evidence.cgroups(context.machine);
    let thaw = |(dir, version): &(PathBuf, Version)| write(context, dir, *version, false).is_ok();
    let found = frozen(context.machine, &cgroups);
    found.iter().filter(|at| thaw(at)).count()
}

/// The thaw after a kill, as a step.
pub(in crate::lifecycle) fn thaw_killed<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
) -> Result<Outcome, StepError> {
    let cgroups = context.evidence.cgroups(context.machine);
    let mut thawed = 0;
    for (dir, version) in frozen(context.machine, &cgroups) {
        write(context, &dir, version, false)?;
        thawed += 1;
    }
    Ok(match thawed {
        0 => Outcome::Skipped(Reason::AlreadySo),
        thawed => Outcome::Done(Seen::CgroupsThawed(thawed)),
    })
}

/// How long a kill may hold the processes frozen.
const HOLD_WITHIN: Duration = Duration::from_millis(500);

/// A freeze that ends when this is dropped, whatever happens in between.
pub(in crate::lifecycle) struct BriefFreeze<'a, K: Kernel> {
    kernel: &'a K,
    dir: PathBuf,
    version: Version,
}

impl<K: Kernel> Drop for BriefFreeze<'_, K> {
    fn drop(&mut self) {
        let (file, value) = control(self.version, false);
        if let Err(error) = self.kernel.write_control(&self.dir.join(file), value) {
            tracing::error!("thaw {}: {error}", visible_path(&self.dir));
        }
    }
}

/// Freezes the container for the moment of a kill; `None` if it has no freezer. It need not be
/// complete to help: what is frozen cannot fork.
pub(in crate::lifecycle) fn hold<'a, K: Kernel, Q: Removable>(
    context: &Context<'a, K, Q>,
) -> Option<BriefFreeze<'a, K>> {
    let (dir, version) = place(context).ok()?;
    let kernel = context.kernel;
    // From here on it is thawed again, on every way out.
    let hold = BriefFreeze {
        kernel,
        dir,
        version,
    };
    let deadline = kernel.now() + HOLD_WITHIN;
    while kernel.now() < deadline {
        write(context, &hold.dir, version, true).ok()?;
        if freezer_at(&hold.dir, version) == Some(Freezer::Frozen) {
            break;
        }
        kernel.pause(Duration::from_millis(1));
    }
    Some(hold)
}
