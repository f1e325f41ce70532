//! Paths that are longer than the system takes, opened in pieces.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};

/// Most bytes of a path in one call: `PATH_MAX`, its end and room for a file's name.
const PIECE: usize = 3500;

/// A path as a directory that is open and what is left of it, short enough for any call.
#[derive(Debug)]
pub(super) struct LongPath<'a> {
    dir: Option<OwnedFd>,
    rest: std::borrow::Cow<'a, Path>,
}

impl<'a> LongPath<'a> {
    /// Opens as much of a path as it takes; nothing of a short one.
    pub(super) fn of(path: &'a Path) -> io::Result<Self> {
        if path.as_os_str().len() <= PIECE {
            let rest = path.into();
            return Ok(Self { dir: None, rest });
        }
        let mut dir: Option<OwnedFd> = None;
        let mut piece = PathBuf::new();
        for part in path.components().filter(|part| *part != Component::CurDir) {
            let part: &Path = part.as_ref();
            if piece.as_os_str().len() + part.as_os_str().len() >= PIECE {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let from = dir.as_ref().map_or(CWD, |dir| dir.as_fd());
                dir = Some(rustix::fs::openat(from, &piece, flags, Mode::empty())?);
                piece = PathBuf::new();
            }
            piece.push(part);
        }
        let rest = piece.into();
        Ok(Self { dir, rest })
    }

    /// The directory that the rest is below.
    pub(super) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_ref().map_or(CWD, |dir| dir.as_fd())
    }

    /// What is left.
    pub(super) fn rest(&self) -> &Path {
        &self.rest
    }
}
