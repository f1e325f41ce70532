//! A directory of the user that ocitop runs as: for its log, and for what is saved.
//!
//! Root may have been started with another user's HOME (`sudo -E`, `su`). There that user could put a
//! link where the directory is looked for, and have root append to and remove files elsewhere. So the
//! way to it is walked by descriptors, and nothing on it may be another user's; what lies in it is
//! reached through its descriptor, and no link in it is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::way::{self, Blocked, Foreign, Waypoint};
use crate::text::visible_path;

/// Why a directory is not used. Paths are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOwn {
    /// Something on the way to it.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// Something in it is no file of this user alone.
    #[error("{0} is not a file of this user alone")]
    File(String),
}

impl From<NotOwn> for io::Error {
    fn from(why: NotOwn) -> Self {
        Self::other(why)
    }
}

/// The directory, held.
#[derive(Debug)]
pub struct OwnDir(Waypoint);

impl OwnDir {
    /// Opens it; what is missing of it is made, for its user alone.
    pub fn make(path: &Path) -> io::Result<Self> {
        let parts: Vec<&Path> = path.ancestors().collect();
        for part in parts.into_iter().rev() {
            if walk(part)?.is_none() {
                match rustix::fs::mkdir(part, Mode::from_raw_mode(0o700)) {
                    // Made by somebody meanwhile: whose it is, is looked at below.
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        let place = walk(path)?.ok_or(Errno::NOENT)?;
        if place.kind() != FileType::Directory {
            return Err(Errno::NOTDIR.into());
        }
        let own = rustix::process::geteuid().as_raw();
        if place.owner() == own {
            Ok(Self(place))
        } else {
            Err(NotOwn::from(place.of_another()).into())
        }
    }

    /// Opens a file in it to add to, made for its user alone.
    pub fn append(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.open(name, flags)?;
        let stat = rustix::fs::fstat(&file)?;
        let alone = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && stat.st_nlink == 1
            && stat.st_uid == rustix::process::geteuid().as_raw();
        if !alone {
            return Err(NotOwn::File(visible_path(&self.path(name))).into());
        }
        if stat.st_mode & 0o077 != 0 {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(0o600))?;
        }
        Ok(file)
    }

    /// Makes a file in it, for its user alone.
    pub fn create_new(&self, name: &OsStr) -> io::Result<File> {
        self.open(name, OFlags::CREATE | OFlags::EXCL)
    }

    fn open(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o600))?;
        Ok(File::from(file))
    }

    /// The names in it.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let listed = rustix::fs::openat(&self.0, ".", flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::new(listed)? {
            names.push(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned());
        }
        Ok(names)
    }

    /// Removes a file from it.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Where a file in it is.
    pub fn path(&self, name: &OsStr) -> PathBuf {
        self.0.path.join(name)
    }
}

/// What a path leads to, past nothing that another user could have made.
fn walk(path: &Path) -> io::Result<Option<Waypoint>> {
    let way = way::from_top(path).map_err(|Blocked { source, .. }| source)?;
    // Root's own directories are no group's; a user's may be, where each user has a group.
    let is_root = rustix::process::geteuid().is_root();
    let others = if is_root { 0o022 } else { 0o002 };
    let trusted = |place: &Waypoint| place.check(others).map_err(NotOwn::from);
    way.passed.iter().try_for_each(trusted)?;
    Ok(way.end)
}
