//! Emptying a state directory: by descriptors, no link followed, no mount entered.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, RenameFlags};
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

/// The permissions of a state directory whose state file is about to go. No runtime gives it the
/// sticky bit: who finds the directory without a state file, because this was killed, knows that a
/// removal had begun, and that nobody is making a container there.
const SEALED: u32 = 0o1700;

/// Whether these are the permissions of a state directory whose removal had begun.
pub fn is_sealed(mode: u32) -> bool {
    mode & 0o7777 == SEALED
}

/// When a name in a state directory goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RemovalTurn {
    /// Before all else.
    Other,
    /// The state file: while it is there the container can be deleted like any other.
    State,
    /// What ocitop remembers things by.
    Own,
}

impl RemovalTurn {
    fn of(name: &[u8]) -> Self {
        if is_own(name) {
            Self::Own
        } else if matches!(name, b"state.json" | b"status") {
            Self::State
        } else {
            Self::Other
        }
    }
}

/// Whether it is the name of something that ocitop remembers things by.
pub fn is_own(name: &[u8]) -> bool {
    name.starts_with(OWN_PREFIX.as_bytes())
}

/// Takes what ocitop remembers things by out of a state directory, and nothing else.
pub(super) fn forget(top: &OwnedFd) -> io::Result<()> {
    for name in names_in(top)? {
        if is_own(name.as_bytes()) {
            unlink_or_detach(top, &name)?;
        }
    }
    Ok(())
}

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
    let mut sealed = depth > 0;
    for name in names_in(dir)? {
        if !sealed && RemovalTurn::of(name.as_bytes()) == RemovalTurn::State {
            // Its owner alone may go in from now on; where that is not allowed it goes all the same.
            rustix::fs::fchmod(dir, Mode::from_raw_mode(SEALED)).ok();
            sealed = true;
        }
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

/// The names in a directory, the state file late and ocitop's own last; all read first: removing
/// while reading may skip some.
fn names_in(dir: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort_by_key(|name| RemovalTurn::of(name.as_bytes()));
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
    use rustix::fs::OFlags;

    fn opened(dir: &tempfile::TempDir) -> OwnedFd {
        rustix::fs::open(dir.path(), OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    #[test]
    fn a_directory_without_its_state_file_tells_that_it_was_being_removed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("other"), "").unwrap();
        let mode = |fd: &OwnedFd| rustix::fs::fstat(fd).unwrap().st_mode;
        let fd = opened(&dir);
        empty(&fd).unwrap();
        assert!(!is_sealed(mode(&fd)));
        std::fs::write(dir.path().join("state.json"), "").unwrap();
        empty(&fd).unwrap();
        assert!(is_sealed(mode(&fd)));
    }

    #[test]
    fn what_is_forgotten_is_ocitops_own() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".ocitop-poststop-1", "state.json"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        forget(&opened(&dir)).unwrap();
        assert!(!dir.path().join(".ocitop-poststop-1").exists());
        assert!(dir.path().join("state.json").exists());
    }

    #[test]
    fn the_state_file_goes_late_and_what_ocitop_remembers_things_by_last() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            ".ocitop-poststop-1",
            "state.json",
            ".ocitop-poststop-2",
            "youki_config.json",
            "a",
        ] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let mut names = names_in(&opened(&dir)).unwrap();
        assert_eq!(names[2], "state.json");
        names.truncate(2);
        names.sort();
        assert_eq!(names, ["a", "youki_config.json"]);
    }
}
