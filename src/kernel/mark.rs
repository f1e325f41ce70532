//! Files by which ocitop remembers something in a state directory.
//!
//! They are made before they are needed: to rename one takes neither an inode nor a block, so what was
//! reserved can be remembered also on a file system that is full by then.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::read::stat_beneath;

/// A mark, and what it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateMark<'a> {
    /// Its name.
    pub file: &'a str,
    /// The name under which it was reserved.
    pub reserved: &'a str,
    /// A file that is there for as long as nobody empties the directory.
    pub beside: &'a str,
}

fn make(dir: &OwnedFd, file: &str) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let made = rustix::fs::openat(dir, file, flags, Mode::from_raw_mode(0o600))?;
    sync(&made)
}

/// On the disk, where that means anything.
fn sync(file: &OwnedFd) -> Result<(), Errno> {
    match rustix::fs::fsync(file) {
        Err(Errno::INVAL) => Ok(()),
        other => other,
    }
}

/// Makes them all, or none that was not there.
pub(super) fn reserve(dir: &OwnedFd, files: &[String]) -> io::Result<()> {
    let mut made = Vec::new();
    for file in files {
        match make(dir, file) {
            Ok(()) => made.push(file),
            // Left by a teardown that did not come so far, or another one's: who marks first has it.
            Err(Errno::EXIST) => {}
            Err(errno) => {
                for file in made {
                    rustix::fs::unlinkat(dir, file, AtFlags::empty()).ok();
                }
                return Err(errno.into());
            }
        }
    }
    Ok(sync(dir)?)
}

/// Makes a reserved file the mark.
pub(super) fn set(dir: &OwnedFd, mark: StateMark<'_>) -> io::Result<()> {
    stat_beneath(dir, OsStr::new(mark.beside))?.ok_or(Errno::NOENT)?;
    let StateMark { file, reserved, .. } = mark;
    match rustix::fs::renameat_with(dir, reserved, dir, file, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        // Another one has it by now, or it was taken away, or this file system cannot: then the mark
        // itself is made, if there is none.
        Err(Errno::NOENT | Errno::INVAL | Errno::NOSYS) => make(dir, file)?,
        Err(errno) => return Err(errno.into()),
    }
    // It is marked, for everybody who looks; only a power cut could still undo it.
    sync(dir).ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(dir: &tempfile::TempDir) -> OwnedFd {
        rustix::fs::open(dir.path(), OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    const MARK: StateMark<'_> = StateMark {
        file: "mark",
        reserved: "reserved-1",
        beside: "state.json",
    };

    #[test]
    fn of_several_that_mark_one_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("state.json"), "").unwrap();
        let opened = opened(&dir);
        for _ in 0..2 {
            reserve(&opened, &["reserved-1".to_owned()]).unwrap();
        }
        set(&opened, MARK).unwrap();
        for reserved in [false, true] {
            if reserved {
                reserve(&opened, &["reserved-1".to_owned()]).unwrap();
            }
            let again = set(&opened, MARK).unwrap_err();
            assert_eq!(again.kind(), io::ErrorKind::AlreadyExists, "{reserved}");
        }
    }

    #[test]
    fn nothing_is_marked_where_the_directory_is_being_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let opened = opened(&dir);
        reserve(&opened, &["reserved-1".to_owned()]).unwrap();
        let error = set(&opened, MARK).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!dir.path().join("mark").exists());
    }

    #[test]
    fn what_cannot_be_reserved_whole_is_not_reserved_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["reserved-1".to_owned(), "no/such".to_owned()];
        reserve(&opened(&dir), &files).unwrap_err();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
