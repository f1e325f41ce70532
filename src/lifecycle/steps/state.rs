//! The state directory: storing a status, starting what was created, and removing it all.

use std::ffi::OsStr;

use crate::inventory::Inode;
use crate::kernel::read::{STATE_CAP, is_gone, libc_errno, open_root, stat_beneath};
use crate::kernel::{Contents, Kernel, Release};
use crate::lifecycle::context::Context;
use crate::lifecycle::outcome::io_error;
use crate::lifecycle::{Outcome, Reason, Refusal, Seen, StepError};
use crate::oci::record::youki;
use crate::oci::{RuntimeKind, Status};

/// Whether the directory is still this container's.
fn inode_now<K: Kernel>(context: &Context<'_, K>) -> std::io::Result<Option<Inode>> {
    let key = &context.evidence.entry.key;
    let root = match open_root(key.root()) {
        Ok(root) => root,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let stat = stat_beneath(&root, OsStr::new(context.evidence.id.as_str()))?;
    Ok(stat.map(|stat| Inode {
        device: stat.st_dev,
        number: stat.st_ino,
    }))
}

/// Whether its state directory is still there, the very one.
pub(in crate::lifecycle) fn is_there<K: Kernel>(context: &Context<'_, K>) -> std::io::Result<bool> {
    Ok(inode_now(context)? == Some(context.evidence.entry.inode))
}

/// Stores a status in youki's `state.json`, so that youki's own commands agree.
pub(in crate::lifecycle) fn persist<K: Kernel>(
    context: &mut Context<'_, K>,
    status: Status,
) -> Result<Outcome, StepError> {
    let evidence = &context.evidence;
    let failed = |cause: String| StepError::Io {
        action: "store the status in",
        object: crate::text::visible_path(&evidence.entry.key.dir().join(youki::STATE)),
        cause,
    };
    let read = || {
        evidence
            .entry
            .file(youki::STATE, STATE_CAP)
            .map_err(|error| failed(crate::text::chain(&error)))
    };
    let status_of = |bytes: &[u8]| {
        youki::parse(bytes)
            .map(|record| record.stored_status)
            .map_err(|error| failed(crate::text::chain(&error)))
    };
    let before = read()?;
    if status_of(&before)? == Some(status) {
        return Ok(Outcome::Skipped(Reason::AlreadySo));
    }
    let after =
        youki::with_status(&before, status).map_err(|error| failed(crate::text::chain(&error)))?;
    let written = context
        .kernel
        .write_state(evidence.state_dir(), youki::STATE, &after);
    written.map_err(|error| failed(error.to_string()))?;
    match status_of(&read()?)? {
        Some(now) if now == status => Ok(Outcome::Done(Seen::Status(now))),
        other => Err(failed(format!("reads back {other:?}"))),
    }
}

/// Removes the state directory.
pub(in crate::lifecycle) fn remove<K: Kernel>(
    context: &mut Context<'_, K>,
) -> Result<Outcome, StepError> {
    let dir = context.evidence.entry.key.dir();
    let look = |context: &Context<'_, K>| {
        inode_now(context).map_err(|error| io_error("look at", &dir, &error))
    };
    match look(context)? {
        None => return Ok(Outcome::Skipped(Reason::AlreadyGone)),
        // A new container of the same id: not ours to remove.
        Some(inode) if inode != context.evidence.entry.inode => return Err(StepError::Replaced),
        Some(_) => {}
    }
    let what = if context.evidence.emptied {
        Contents::OwnMarks
    } else {
        Contents::All
    };
    match context
        .kernel
        .remove_state_dir(context.evidence.state_dir(), what)
    {
        Ok(()) => {}
        // Somebody makes a container there.
        Err(error) if what == Contents::OwnMarks && is_filled(&error) => {
            return Err(StepError::Replaced);
        }
        Err(error) if is_gone(&error) => {}
        Err(error) => return Err(io_error("remove", &dir, &error)),
    }
    if is_there(context).map_err(|error| io_error("look at", &dir, &error))? {
        let cause = "still there after its removal".to_owned();
        return Err(StepError::Left {
            paths: vec![dir],
            cause,
        });
    }
    Ok(Outcome::Done(Seen::Gone))
}

fn is_filled(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(libc_errno::ENOTEMPTY)
}

/// Tells init to go on, as its runtime's own start does.
pub(in crate::lifecycle) fn release<K: Kernel>(
    context: &mut Context<'_, K>,
) -> Result<Outcome, StepError> {
    let evidence = &context.evidence;
    let how = match evidence.entry.runtime {
        Some(RuntimeKind::Youki) => Release::NotifySocket,
        Some(RuntimeKind::Runc) => Release::ReadFifo,
        Some(RuntimeKind::Crun) => Release::WriteFifo,
        None => {
            return Err(StepError::Refused(Refusal::NoRuntime));
        }
    };
    context
        .kernel
        .release_init(evidence.state_dir(), how)
        .map_err(|error| io_error("start", &evidence.entry.key.dir(), &error))?;
    Ok(Outcome::Done(Seen::Released))
}
