//! What can be wrong with one entry of a state root.

use std::io;

use super::sight::OutOfSight;
use crate::kernel::read::{ReadError, is_absent, libc_errno};
use crate::oci::{InvalidId, RecordError, RuntimeKind};

/// Why an entry is broken, or what else an operator should know of it.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Its name is no container id, so nothing can be done with it.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// Not a directory.
    #[error("is a {0}, not a directory; not followed")]
    NotDirectory(&'static str),
    /// It cannot be opened.
    #[error("open the state directory")]
    Open(#[source] io::Error),
    /// A state file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A state file makes no sense.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The state file names another container.
    #[error("its state file names {0:?}")]
    OtherId(String),
    /// No state file at all.
    #[error("{0} state file missing")]
    NoState(RuntimeKind),
    /// Nothing tells which runtime made it.
    #[error("no state file; half created, or not a container")]
    Nothing,
    /// The recorded pid belongs to another process now.
    #[error("pid {0} belongs to another process now")]
    Recycled(i32),
    /// Whether its init lives cannot be told from here.
    #[error("its status cannot be known from here: {}", .0.words())]
    OutOfSight(OutOfSight),
    /// A second file is needed and not there.
    #[error("{0} missing: cgroup and hooks not known from it")]
    NoConfig(&'static str),
}

impl Problem {
    /// Whether what it is about is there and the system does not let it be read: then it says nothing
    /// of the container, not that there is nothing to say. What is gone, and what is not followed or
    /// entered, is not that.
    pub fn is_unread(&self) -> bool {
        let left_unread = matches!(
            self,
            Self::Read(ReadError::Linked { .. } | ReadError::OverBudget { .. })
        );
        left_unread || self.unread().is_some()
    }

    /// As [`Self::is_unread`]: the system's error.
    pub fn unread(&self) -> Option<&io::Error> {
        let (Self::Open(error) | Self::Read(ReadError::Io { source: error, .. })) = self else {
            return None;
        };
        let is_escape = matches!(
            error.raw_os_error(),
            Some(libc_errno::ELOOP | libc_errno::EXDEV)
        );
        (!is_absent(error) && !is_escape).then_some(error)
    }
}
