//! The way to a file, walked by descriptors: what was looked at on it is what it leads through,
//! whoever moves names about meanwhile.
//!
//! Each part of the path is opened with `O_PATH` below the one before, no link followed; a link is
//! read through its own descriptor and its target walked alike (path_resolution(7)).

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::text::visible_path;

/// As many links as the kernel follows in one path.
const MAX_LINKS: usize = 40;
/// Deeper than any program or state root lies: each part of the way keeps a descriptor.
const MAX_DEPTH: usize = 128;

/// Why something on a way is not believed: another user could have written it. Paths are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// Another user owns it.
    #[error("{path} belongs to uid {uid}")]
    Owner {
        /// The path, safe to print.
        path: String,
        /// Its owner.
        uid: u32,
    },
    /// Others may write it.
    #[error("{0} can be written by others")]
    Writable(String),
}

/// Something on a way: a directory, a link, or what it leads to.
#[derive(Debug, Clone)]
pub struct Waypoint {
    /// By which name it was come to.
    pub path: PathBuf,
    file: Arc<OwnedFd>,
    stat: Stat,
}

impl Waypoint {
    fn of(path: PathBuf, file: OwnedFd) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&file)?;
        let file = Arc::new(file);
        Ok(Self { path, file, stat })
    }

    /// Who owns it.
    pub fn owner(&self) -> u32 {
        self.stat.st_uid
    }

    /// Its permissions.
    pub fn mode(&self) -> u32 {
        self.stat.st_mode & 0o7777
    }

    /// What it is.
    pub fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Which file it is, whatever its name.
    pub fn inode(&self) -> super::Inode {
        super::Inode::from(&self.stat)
    }

    /// Whether only root and the user ocitop runs as could have written it: `others` are the permissions
    /// by which somebody else could. In a sticky directory others can add names, and not replace one.
    pub fn check(&self, others: u32) -> Result<(), Foreign> {
        let own = rustix::process::geteuid().as_raw();
        if self.owner() != 0 && self.owner() != own {
            return Err(self.of_another());
        }
        let sticky = self.kind() == FileType::Directory && self.mode() & 0o1000 != 0;
        if self.kind() != FileType::Symlink && self.mode() & others != 0 && !sticky {
            return Err(Foreign::Writable(visible_path(&self.path)));
        }
        Ok(())
    }

    /// That its owner is another user.
    pub(super) fn of_another(&self) -> Foreign {
        Foreign::Owner {
            path: visible_path(&self.path),
            uid: self.owner(),
        }
    }

    pub(super) fn file(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.file)
    }
}

impl AsFd for Waypoint {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A way that was walked.
#[derive(Debug)]
pub struct Way {
    /// Every directory and link on it, in order, its start among them.
    pub passed: Vec<Waypoint>,
    /// What it leads to; `None` where something on it is not there.
    pub end: Option<Waypoint>,
}

/// Why a way could not be walked to its end.
#[derive(Debug)]
pub struct Blocked {
    /// The part of the way that could not be opened.
    pub path: PathBuf,
    /// The error of the system.
    pub source: io::Error,
}

/// Walks from the root directory of this process.
pub fn from_top(path: &Path) -> Result<Way, Blocked> {
    let top = PathBuf::from("/");
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let start = rustix::fs::open(&top, flags, Mode::empty())
        .map_err(io::Error::from)
        .and_then(|file| Waypoint::of(top.clone(), file));
    match start {
        Ok(start) => from(&start, path),
        Err(source) => Err(Blocked { path: top, source }),
    }
}

/// Walks `path` as a process with the root directory `root` would.
pub fn from(root: &Waypoint, path: &Path) -> Result<Way, Blocked> {
    let mut todo: VecDeque<OsString> = names(path).into();
    // From the root directory to where the way has come.
    let mut stack = vec![root.clone()];
    let mut passed = vec![root.clone()];
    let mut links = 0;
    while let Some(name) = todo.pop_front() {
        if name == ".." {
            if stack.len() > 1 {
                stack.pop();
            }
            continue;
        }
        let here = stack.last().unwrap_or(root);
        let Some(place) = below(here, &name)? else {
            return Ok(Way { passed, end: None });
        };
        let blocked = |errno: Errno| Blocked {
            path: place.path.clone(),
            source: errno.into(),
        };
        passed.push(place.clone());
        if place.kind() == FileType::Symlink {
            links += 1;
            let target = match rustix::fs::readlinkat(&place, "", Vec::new()) {
                Ok(target) if links <= MAX_LINKS => target,
                Ok(_) => return Err(blocked(Errno::LOOP)),
                Err(errno) => return Err(blocked(errno)),
            };
            let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
            if target.is_absolute() {
                stack.truncate(1);
            }
            for name in names(&target).into_iter().rev() {
                todo.push_front(name);
            }
        } else if stack.len() < MAX_DEPTH {
            stack.push(place);
        } else {
            return Err(blocked(Errno::NAMETOOLONG));
        }
    }
    let end = stack.pop();
    Ok(Way { passed, end })
}

/// What has this name in a directory, a link not followed; `None` if nothing has.
pub fn below(dir: &Waypoint, name: &OsStr) -> Result<Option<Waypoint>, Blocked> {
    let path = dir.path.join(name);
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        Ok(file) => Waypoint::of(path.clone(), file),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => Err(errno.into()),
    };
    place.map(Some).map_err(|source| Blocked { path, source })
}

fn names(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    parts.collect()
}
