//! What remembers that a poststop hook began: one empty file in the state directory for each, made
//! in two moves.
//!
//! A hook that is run and not remembered is run again by the next teardown, and frees a network
//! address that is somebody else's by then. So the files are reserved before anything is changed,
//! and where that is not possible the delete is refused; right before its hook a file is renamed.

use std::io::{self, ErrorKind};

use rustix::fs::StatVfsMountFlags;

use crate::kernel::read::{is_gone, libc_errno};
use crate::kernel::{Kernel, OWN_PREFIX, StateMark};
use crate::lifecycle::context::Context;
use crate::lifecycle::evidence::TeardownEvidence;
use crate::lifecycle::refusal::NotRemembered;
use crate::lifecycle::{Outcome, Reason, Refusal, Seen, StepError};
use crate::text::visible_path;

/// The mark of the poststop hook `number`, counted from 1.
fn mark(number: usize) -> String {
    format!("{OWN_PREFIX}poststop-{number}")
}

/// What becomes it.
fn reserved(number: usize) -> String {
    format!("{OWN_PREFIX}reserved-{number}")
}

/// The poststop hooks that have not begun yet.
pub(in crate::lifecycle) fn due(evidence: &TeardownEvidence) -> Vec<usize> {
    let hooks = evidence.hooks.as_ref();
    let count = hooks.map_or(0, |hooks| hooks.poststop.len());
    let begun = |number: &usize| evidence.entry.has(&mark(*number));
    (1..=count).filter(|number| !begun(number)).collect()
}

fn refusal(evidence: &TeardownEvidence, why: NotRemembered) -> Refusal {
    let dir = visible_path(&evidence.entry.key.dir());
    Refusal::NotRemembered { dir, why }
}

/// Looks whether what is due could be remembered, without trying: for the plan.
pub(in crate::lifecycle) fn check(
    evidence: &TeardownEvidence,
    due: &[usize],
) -> Result<(), Refusal> {
    let there = |number: &usize| evidence.entry.has(&reserved(*number));
    let Ok(disk) = evidence.entry.file_system() else {
        // The step that makes them will tell.
        return Ok(());
    };
    if !due.is_empty() && disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(refusal(evidence, NotRemembered::ReadOnly));
    }
    // Where inodes are not counted, as on btrfs, both are 0.
    if !due.iter().all(there) && disk.f_files > 0 && disk.f_ffree == 0 {
        let bytes = disk.f_bfree == 0;
        let why = NotRemembered::Full {
            bytes,
            inodes: true,
        };
        return Err(refusal(evidence, why));
    }
    Ok(())
}

/// Why it failed, in terms of what is missing.
fn why(evidence: &TeardownEvidence, error: &io::Error) -> NotRemembered {
    match error.raw_os_error() {
        Some(libc_errno::EROFS) => NotRemembered::ReadOnly,
        Some(libc_errno::ENOSPC) => {
            let disk = evidence.entry.file_system();
            let (bytes, inodes) = disk.map_or((false, false), |disk| {
                (disk.f_bfree == 0, disk.f_files > 0 && disk.f_ffree == 0)
            });
            NotRemembered::Full { bytes, inodes }
        }
        _ => NotRemembered::Other(error.to_string()),
    }
}

/// Makes what will remember the hooks that are due.
pub(in crate::lifecycle) fn reserve<K: Kernel>(
    context: &mut Context<'_, K>,
) -> Result<Outcome, StepError> {
    let evidence = &context.evidence;
    let due = due(evidence);
    if due.is_empty() {
        return Ok(Outcome::Skipped(Reason::AlreadyRun));
    }
    let files: Vec<String> = due.into_iter().map(reserved).collect();
    match context.kernel.reserve_marks(evidence.state_dir(), &files) {
        Ok(()) => Ok(Outcome::Done(Seen::Reserved(files.len()))),
        // Somebody else removed the state meanwhile, after the hooks.
        Err(error) if is_gone(&error) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) if is_another(&error) => Err(StepError::Replaced),
        Err(error) => Err(StepError::Refused(refusal(evidence, why(evidence, &error)))),
    }
}

/// Remembers that a hook starts now; `Some` says why it must not.
pub(in crate::lifecycle) fn begin<K: Kernel>(
    context: &Context<'_, K>,
    number: usize,
) -> Result<Option<Reason>, StepError> {
    let evidence = &context.evidence;
    let (file, reserved) = (mark(number), reserved(number));
    let mark = StateMark {
        file: &file,
        reserved: &reserved,
        beside: evidence.entry.state_file(),
    };
    match context.kernel.mark_state(evidence.state_dir(), mark) {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Some(Reason::AlreadyRun)),
        // Somebody else removed the state meanwhile, or is at it, after the hooks; or even made it
        // anew.
        Err(error) if is_gone(&error) || is_another(&error) => Ok(Some(Reason::AlreadyGone)),
        Err(error) => Err(StepError::Refused(refusal(evidence, why(evidence, &error)))),
    }
}

fn is_another(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc_errno::ESTALE)
}
