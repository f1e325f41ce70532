//! A program that is held by a descriptor: what was checked is what is run, whatever stands under its
//! name by then.
//!
//! Run by a descriptor it has another name: a script's `$0` is `/proc/self/fd/N`, and `ps` calls it by
//! that number. So it is run by its name where nobody but who may write the program itself can give
//! that name to another file; then the name is the file.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags};

use super::way::Waypoint;

/// Who can put another file under a program's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameSafety {
    /// Only who may write the program too: its name is as good as the file.
    Sure,
    /// Others can make names on the way to it: in a sticky directory.
    Unsure,
}

/// A program, and the file itself.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    file: Arc<OwnedFd>,
    name: NameSafety,
}

/// The same under the same name.
impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Program {}

impl Program {
    /// What a way led to, as `path` names it in its own root directory.
    pub fn at(path: &Path, place: &Waypoint, name: NameSafety) -> Self {
        Self {
            path: path.to_owned(),
            file: place.file(),
            name,
        }
    }

    /// One of the system's own, that no record names.
    pub fn of_system(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(rustix::fs::open(path, flags, Mode::empty())?),
            name: NameSafety::Sure,
        })
    }

    /// How it is called.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How to run it.
    pub(super) fn call(&self) -> io::Result<ExecBy> {
        match self.name {
            // It is called as its runtime calls it: a script finds what lies beside it by its name.
            NameSafety::Sure => Ok(ExecBy::Name),
            // Whoever reads it opens it by the name that it is given, after the exec.
            NameSafety::Unsure if self.is_read_by_another() => {
                Ok(ExecBy::Kept(rustix::io::dup(&*self.file)?))
            }
            NameSafety::Unsure => Ok(ExecBy::Closed(Arc::clone(&self.file))),
        }
    }

    /// Whether it is a script, or another kind of file that the kernel hands to an interpreter.
    fn is_read_by_another(&self) -> bool {
        let is_file = rustix::fs::fstat(&*self.file)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
        // What may not be read is none: its interpreter could not read it either.
        is_file && self.start().is_ok_and(|start| start != *b"\x7fELF")
    }

    fn start(&self) -> io::Result<[u8; 4]> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(name_of(&self.file), flags, Mode::empty())?;
        let mut start = [0; 4];
        rustix::io::pread(&file, &mut start, 0)?;
        Ok(start)
    }
}

/// How a program is run, so that it is the one that was opened.
#[derive(Debug)]
pub(super) enum ExecBy {
    /// By its name.
    Name,
    /// By a descriptor that it does not get to see.
    Closed(Arc<OwnedFd>),
    /// By a descriptor that it inherits.
    Kept(OwnedFd),
}

impl ExecBy {
    /// What exec(3) is given.
    pub(super) fn path(&self, program: &Program) -> PathBuf {
        match self {
            Self::Name => program.path.clone(),
            Self::Closed(file) => name_of(file),
            Self::Kept(file) => name_of(file),
        }
    }
}

/// A file's name in this process, as long as it is open.
fn name_of(file: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}
