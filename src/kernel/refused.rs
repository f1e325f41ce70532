//! Why a directory of state was not opened, and which part of its path is to blame: the kernel's own
//! words for it, "Too many levels of symbolic links" and the like, name neither.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use serde::Serialize;

use super::read::{beneath, foreign_base, kind, open_dir};
use crate::text::visible_path;

/// A part of a path that keeps a directory from being opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which part.
    pub at: PathBuf,
    /// What it is.
    pub obstacle: Obstacle,
}

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// A symlink where another user can make one.
    Symlink,
    /// A mount where another user can make one.
    Mount,
    /// Something else than a directory.
    NotDirectory(&'static str),
}

impl Refused {
    /// Looks for it. Nothing is followed or entered that was not, when the path was opened.
    pub fn find(path: &Path) -> Option<Self> {
        let Some(base) = foreign_base(path) else {
            return Self::in_trusted(path);
        };
        let rest = path.strip_prefix(base).ok()?;
        let dir = open_dir(base).ok()?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut below = PathBuf::new();
        for part in rest.components() {
            below.push(part);
            let refused = |obstacle| {
                let at = base.join(&below);
                Some(Self { at, obstacle })
            };
            let fd = match rustix::fs::openat2(&dir, &below, flags, Mode::empty(), beneath()) {
                Ok(fd) => fd,
                Err(rustix::io::Errno::XDEV) => return refused(Obstacle::Mount),
                Err(rustix::io::Errno::LOOP) => return refused(Obstacle::Symlink),
                Err(_) => return None,
            };
            let stat = rustix::fs::fstat(&fd).ok()?;
            let found = FileType::from_raw_mode(stat.st_mode);
            if found == FileType::Symlink {
                return refused(Obstacle::Symlink);
            }
            if found != FileType::Directory {
                return refused(Obstacle::NotDirectory(kind(&stat)));
            }
        }
        None
    }

    /// Where links are followed, because nobody but root makes them.
    fn in_trusted(path: &Path) -> Option<Self> {
        let mut parts: Vec<&Path> = path.ancestors().collect();
        parts.reverse();
        parts.into_iter().find_map(|at| {
            let stat = rustix::fs::stat(at).ok()?;
            let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            (!is_dir).then(|| Self {
                at: at.to_owned(),
                obstacle: Obstacle::NotDirectory(kind(&stat)),
            })
        })
    }

    /// The refusal in an error of [`open_root`](super::read::open_root), if it is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// The error of an open of `path`, with the part that is to blame if one can be told.
    pub(super) fn explain(path: &Path, errno: rustix::io::Errno) -> io::Error {
        use rustix::io::Errno;
        let error = io::Error::from(errno);
        if !matches!(errno, Errno::LOOP | Errno::XDEV | Errno::NOTDIR) {
            return error;
        }
        match Self::find(path) {
            Some(refused) => io::Error::new(error.kind(), refused),
            None => error,
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symlink => f.write_str("a symlink that others could aim anywhere; not followed"),
            Self::Mount => f.write_str("a mount that others could have made; not entered"),
            Self::NotDirectory(kind) => write!(f, "a {kind}, not a directory"),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", visible_path(&self.at), self.obstacle)
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::read::open_root;
    use super::*;

    #[test]
    fn the_part_of_a_path_that_is_to_blame_is_told_with_what_it_is() {
        // Where others can lay out links.
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("real/sub")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        symlink("real", at("link")).unwrap();
        let told = |name: &str| {
            let error = open_root(&at(name)).unwrap_err();
            let refused = Refused::of(&error).cloned();
            assert_eq!(refused, Refused::find(&at(name)));
            refused.map(|refused| (refused.at, refused.obstacle))
        };
        let link = Some((at("link"), Obstacle::Symlink));
        let file = Some((at("file"), Obstacle::NotDirectory("regular file")));
        assert_eq!(told("link"), link);
        assert_eq!(told("link/sub"), link);
        assert_eq!(told("file"), file);
        assert_eq!(told("file/x"), file);
        assert_eq!(told("nothing/x"), None);
        assert!(open_root(&at("real/sub")).is_ok());
        assert_eq!(Refused::find(&at("real/sub")), None);
    }

    #[test]
    fn where_links_are_followed_what_is_no_directory_is_told() {
        let error = open_root(Path::new("/proc/self/stat/x")).unwrap_err();
        let refused = Refused::of(&error).unwrap();
        assert_eq!(
            refused.to_string(),
            "/proc/self/stat is a regular file, not a directory"
        );
    }
}
