//! Emptying a state directory: by descriptors, no link followed, no mount entered.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::read::open_dir_beneath;

/// A state directory is shallow. What lies deeper than this is moved up before it is emptied, so
/// that neither descriptors nor stack run out.
const MAX_DEPTH: usize = 64;
/// How often that is done for one directory: somebody may be adding to it all the time.
const MAX_ROUNDS: usize = 10_000;

/// Opens a directory to empty it; mounts on it are detached first, never entered.
pub(super) fn open_or_detach(parent: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    for _ in 0..MAX_ROUNDS {
        match open_dir_beneath(parent, name) {
            Err(error) if error.raw_os_error() == Some(Errno::XDEV.raw_os_error()) => {
                detach(parent, name)?;
            }
            other => return other,
        }
    }
    Err(Errno::XDEV.into())
}

/// Removes what is no directory, with the mounts on it detached; false if it is one.
fn unlink_or_detach(dir: &OwnedFd, name: &OsStr) -> io::Result<bool> {
    for _ in 0..MAX_ROUNDS {
        match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(true),
            Err(Errno::ISDIR) => return Ok(false),
            Err(Errno::BUSY) => detach(dir, name)?,
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::BUSY.into())
}

fn detach(parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
    use rustix::mount::UnmountFlags;
    let path = Path::new("/proc/self/fd")
        .join(parent.as_raw_fd().to_string())
        .join(name);
    Ok(rustix::mount::unmount(
        path,
        UnmountFlags::DETACH | UnmountFlags::NOFOLLOW,
    )?)
}

/// How the files begin that ocitop remembers things by.
pub const OWN_PREFIX: &str = ".ocitop-";

/// Empties a directory, however deep. What ocitop remembers things by goes last, after the state
/// file: who finds neither there knows that somebody else is at it.
pub(super) fn empty(top: &OwnedFd) -> io::Result<()> {
    for round in 0..MAX_ROUNDS {
        if !empty_dir(top, top, 0, round)? {
            return Ok(());
        }
    }
    Err(Errno::NOTEMPTY.into())
}

/// Empties a directory; true if something was moved up to `top` instead.
fn empty_dir(top: &OwnedFd, dir: &OwnedFd, depth: usize, round: usize) -> io::Result<bool> {
    let mut moved = false;
    for name in names_in(dir)? {
        if unlink_or_detach(dir, &name)? {
            continue;
        }
        if depth >= MAX_DEPTH {
            move_up(top, dir, &name, round)?;
            moved = true;
            continue;
        }
        let child = open_or_detach(dir, &name)?;
        moved |= empty_dir(top, &child, depth + 1, round)?;
        drop(child);
        match rustix::fs::unlinkat(dir, &name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(moved)
}

/// The names in a directory, ocitop's own last; all read first: removing while reading may skip
/// some.
fn names_in(dir: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort_by_key(|name| name.as_bytes().starts_with(OWN_PREFIX.as_bytes()));
    Ok(names)
}

/// Moves a directory to the top under a name that is free there.
fn move_up(top: &OwnedFd, dir: &OwnedFd, name: &OsStr, round: usize) -> io::Result<()> {
    for number in 0..MAX_ROUNDS {
        let free = format!("{OWN_PREFIX}deep-{round}-{number}");
        match rustix::fs::renameat_with(dir, name, top, free, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::EXIST.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ocitop_remembers_things_by_goes_last() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            ".ocitop-poststop-1",
            "state.json",
            ".ocitop-poststop-2",
            "a",
        ] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let opened = rustix::fs::open(
            dir.path(),
            rustix::fs::OFlags::DIRECTORY,
            rustix::fs::Mode::empty(),
        );
        let mut names = names_in(&opened.unwrap()).unwrap();
        names.truncate(2);
        names.sort();
        assert_eq!(names, ["a", "state.json"]);
    }
}
