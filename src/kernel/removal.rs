//! What came of removing a tree of cgroups.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::read::is_gone;
use super::walk::{MOST, WalkedCgroup, walk};

/// How many directories went, and why others did not.
#[derive(Debug, Default)]
pub struct Removal {
    /// How many were removed.
    pub removed: usize,
    /// The first that was not, and why.
    pub failed: Option<(PathBuf, io::Error)>,
}

impl Removal {
    /// Walks a tree and removes each cgroup in it.
    pub fn of(top: &Path, mut remove: impl FnMut(&WalkedCgroup<'_>) -> io::Result<()>) -> Self {
        let mut removal = Self::default();
        let walked = walk(top, MOST, &mut |cgroup| {
            removal.take(|| cgroup.path().to_owned(), remove(cgroup));
            ControlFlow::Continue(())
        });
        removal.miss(walked.unseen.map(|unseen| (unseen.at, unseen.why)));
        removal
    }

    /// Counts one.
    pub(super) fn take(&mut self, dir: impl FnOnce() -> PathBuf, result: io::Result<()>) {
        match result {
            Ok(()) => self.removed += 1,
            Err(error) if is_gone(&error) || self.failed.is_some() => {}
            Err(error) => self.failed = Some((dir(), error)),
        }
    }

    /// What was not even looked at.
    pub(super) fn miss(&mut self, unseen: Option<(PathBuf, io::Error)>) {
        self.failed = self.failed.take().or(unseen);
    }
}
