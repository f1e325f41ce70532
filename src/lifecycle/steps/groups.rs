//! Removing cgroups and resctrl groups: directories that the kernel fills and only `rmdir` empties.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::kernel::Kernel;
use crate::kernel::read::{is_gone, is_there, libc_errno};
use crate::lifecycle::context::Context;
use crate::lifecycle::outcome::io_error;
use crate::lifecycle::removable::Removable;
use crate::lifecycle::{Outcome, Reason, Seen, StepError, sharing};

/// A process leaves its cgroup a moment after it died: the first retry comes at once, the others
/// ever later.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// Removal gets this much time even if the drain took nearly all of the deadline's.
const AT_LEAST: Duration = Duration::from_secs(2);

/// Removes the container's cgroups in every hierarchy, children first. One that cannot go does not
/// keep the others.
pub(in crate::lifecycle) fn remove_cgroups<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
) -> Result<Outcome, StepError> {
    let hierarchies = &context.machine.hierarchies;
    let tops: Vec<PathBuf> = context
        .evidence
        .cgroups(context.machine)
        .iter()
        .map(|cgroup| whole(context, cgroup.dir(hierarchies)))
        .collect();
    let common = context.evidence.common();
    let shared = common.map_or(0, |common| {
        sharing::remove(context.kernel, context.machine, common)
    });
    if tops.is_empty() {
        return Ok(match (shared, common) {
            (0, Some(common)) => Outcome::Skipped(Reason::Shared(common.with.clone())),
            (0, None) => Outcome::Skipped(Reason::None),
            (shared, _) => Outcome::Done(Seen::DirectoriesGone(shared)),
        });
    }
    let deadline = context.deadline.max(context.kernel.now() + AT_LEAST);
    let mut wait = FIRST_WAIT;
    let mut removed = shared;
    loop {
        let removals = context.kernel.remove_trees(tops.clone());
        let before = removed;
        removed += removals
            .iter()
            .map(|removal| removal.removed)
            .sum::<usize>();
        // What takes long goes on for as long as there is time, if it goes on at all.
        let goes_on = removed > before;
        let last = removals.into_iter().find_map(|removal| removal.failed);
        let left = tops.iter().filter(|top| may_be_there(top));
        let left: Vec<PathBuf> = left.cloned().collect();
        match last {
            _ if left.is_empty() && removed == 0 => {
                return Ok(Outcome::Skipped(Reason::AlreadyGone));
            }
            _ if left.is_empty() => return Ok(Outcome::Done(Seen::DirectoriesGone(removed))),
            Some((dir, error))
                if !may_settle(&error, goes_on) || context.kernel.now() >= deadline =>
            {
                let cause = io_error("remove", &dir, &error).words();
                return Err(StepError::Left { paths: left, cause });
            }
            // A child that appeared while its parent was emptied: once more.
            _ if context.kernel.now() >= deadline => {
                return Err(StepError::Left {
                    paths: left,
                    cause: "at the deadline".to_owned(),
                });
            }
            _ => {}
        }
        context.kernel.pause(wait);
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// The scope that a directory is the only part of, as crun makes it; else the directory itself.
fn whole<K: Kernel, Q: Removable>(context: &Context<'_, K, Q>, dir: PathBuf) -> PathBuf {
    let scope = context.evidence.scope().map(|scope| &scope.name);
    match (dir.parent(), scope) {
        (Some(above), Some(name)) if above.file_name().is_some_and(|last| *last == **name) => {
            above.to_owned()
        }
        _ => dir,
    }
}

/// What came of one rmdir: true if it did it, false if the directory was gone.
fn outcome(dir: &Path, result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if is_gone(&error) => Ok(false),
        // A read-only mount answers so even for what is not there.
        Err(error) if error.raw_os_error() == Some(libc_errno::EROFS) && !may_be_there(dir) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Whether it is there, or a look at it fails.
fn may_be_there(dir: &Path) -> bool {
    is_there(dir).unwrap_or(true)
}

fn may_settle(error: &io::Error, goes_on: bool) -> bool {
    let is_late = error.raw_os_error() == Some(libc_errno::ETIMEDOUT);
    error.raw_os_error() == Some(libc_errno::EBUSY) || (is_late && goes_on)
}

/// Removes one resctrl group. Its tasks fall back to the group above, so nothing has to die first.
pub(in crate::lifecycle) fn remove_rdt<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
    dir: &Path,
) -> Result<Outcome, StepError> {
    match outcome(dir, context.kernel.remove_group(dir)) {
        Ok(_) if may_be_there(dir) => Err(StepError::Left {
            paths: vec![dir.to_owned()],
            cause: "rmdir succeeded".to_owned(),
        }),
        Ok(true) => Ok(Outcome::Done(Seen::Gone)),
        Ok(false) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => {
            let mut error = io_error("remove", dir, &error);
            if let (StepError::Io { cause, .. }, Some(said)) = (&mut error, last_status(context)) {
                *cause = format!("{cause} ({said})");
            }
            Err(error)
        }
    }
}

/// Why resctrl refused, in its own words.
fn last_status<K: Kernel, Q: Removable>(context: &Context<'_, K, Q>) -> Option<String> {
    let file = context
        .machine
        .resctrl
        .as_ref()?
        .join("info/last_cmd_status");
    let text = crate::kernel::read::kernel_text(&file).ok()??;
    Some(crate::text::visible(text.trim())).filter(|text| text != "ok" && !text.is_empty())
}
