//! From a leftover to a job for the engine.

use super::{Confidence, Leftover, LeftoverKind};
use crate::inventory::Inode;
use crate::lifecycle::{Clean, Force, Job, Target};

/// Whether processes in a leftover may be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillOrphans {
    /// Yes: it was asked for by name.
    Yes,
    /// No: processes in it are a reason to refuse.
    No,
}

/// Why there is no job for a leftover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoOrder {
    /// Something lives in it.
    #[error("processes live in it; --kill kills them")]
    Populated,
    /// It cannot be pinned.
    #[error("it is gone, or cannot be looked at")]
    Gone,
}

/// The job that removes it. Of a container whose record can be read that is its delete, hooks
/// included.
pub fn order(leftover: &Leftover, kill: KillOrphans) -> Result<Job, NoOrder> {
    if leftover.populated && kill == KillOrphans::No {
        return Err(NoOrder::Populated);
    }
    let parts = &leftover.parts;
    // A mount has none that could be read without touching it.
    let nothing = Inode {
        device: 0,
        number: 0,
    };
    let is_mount = leftover.kind == LeftoverKind::Mount;
    let own = if is_mount {
        nothing
    } else {
        parts.own.ok_or(NoOrder::Gone)?
    };
    let target = Target {
        key: leftover.key.clone(),
        state_dir: own,
        init: None,
    };
    if leftover.kind == LeftoverKind::StateDir && parts.recorded {
        return Ok(Job::Delete(target, Force::No));
    }
    let pin = (leftover.kind == LeftoverKind::BpfPin).then(|| (leftover.key.dir(), own));
    let mounts = is_mount.then(|| leftover.key.dir()).into_iter().collect();
    let clean = Clean {
        id: leftover
            .id
            .clone()
            .filter(|_| leftover.producer.is_some() || !is_cgroup(leftover)),
        cgroups: parts.cgroups.clone(),
        rdt: parts.rdt.clone(),
        scope: parts.scope.clone(),
        mounts,
        pin,
        state_dir: leftover.kind == LeftoverKind::StateDir,
        author: parts.author,
        kill: kill == KillOrphans::Yes && leftover.populated,
        sure: leftover.confidence != Confidence::Unknown,
    };
    Ok(Job::Clean(target, Box::new(clean)))
}

/// Whether its name is all that it is told by.
fn is_cgroup(leftover: &Leftover) -> bool {
    leftover.kind == LeftoverKind::Cgroup
}
