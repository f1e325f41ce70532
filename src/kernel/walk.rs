//! Walking a tree of cgroups by descriptors, children before their parents.
//!
//! No path is resolved but that of the top, so a tree may be as deep and its paths as long as the
//! kernel lets them be made; and no more than three descriptors are open, however deep. What was not
//! seen is in the [`Walked`]: a walk that was cut proves nothing.

use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};

use super::Inode;
use super::long::LongPath;
use super::read::{as_text, is_gone, kernel_file_at, stat_beneath};

/// Most cgroups that one walk looks at. It holds none of them, so this bounds its time.
pub const MOST: usize = 1_000_000;

/// One cgroup on the way.
#[derive(Debug)]
pub struct WalkedCgroup<'a> {
    above: BorrowedFd<'a>,
    name: &'a Path,
    path: &'a Path,
}

impl WalkedCgroup<'_> {
    /// Its path. It may be longer than any that the system takes.
    pub fn path(&self) -> &Path {
        self.path
    }

    /// One of its files, as [`kernel_text`](super::read::kernel_text) gives it.
    pub fn text(&self, file: &str) -> io::Result<Option<String>> {
        as_text(kernel_file_at(self.above, self.name.join(file)))
    }

    /// Removes it.
    pub fn remove(&self) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(
            self.above,
            self.name,
            AtFlags::REMOVEDIR,
        )?)
    }
}

/// What came of a walk.
#[derive(Debug, Default)]
pub struct Walked {
    /// How many were looked at.
    pub cgroups: usize,
    /// The first that could not be looked at or into, and why; or where the walk was cut.
    pub unseen: Option<UnseenPart>,
}

/// A part of a tree that was not seen.
#[derive(Debug)]
pub struct UnseenPart {
    /// The cgroup that was not looked at, or where the walk was cut.
    pub at: PathBuf,
    /// The error of the system.
    pub why: io::Error,
}

impl Walked {
    fn miss(&mut self, at: &Path, why: io::Error) {
        if !is_gone(&why) && self.unseen.is_none() {
            let at = at.to_owned();
            self.unseen = Some(UnseenPart { at, why });
        }
    }
}

/// A directory on the way down, and what below it is still to be looked at.
struct WalkLevel {
    name: OsString,
    inode: Inode,
    todo: Vec<OsString>,
}

/// Shows every cgroup of a tree, each after all below it; nothing if it is gone. `most` of them at
/// most, or until the visitor breaks off.
pub fn walk(
    top: &Path,
    most: usize,
    visit: &mut dyn FnMut(&WalkedCgroup<'_>) -> ControlFlow<()>,
) -> Walked {
    let mut walked = Walked::default();
    let result = TreeWalk::begin(top, most, &mut walked, visit);
    if let Err((at, why)) = result {
        walked.miss(&at, why);
    }
    walked
}

struct TreeWalk<'a> {
    base: LongPath<'a>,
    levels: Vec<WalkLevel>,
    /// The deepest level.
    dir: OwnedFd,
    path: PathBuf,
}

type Missed = (PathBuf, io::Error);

impl<'a> TreeWalk<'a> {
    fn begin(
        top: &'a Path,
        most: usize,
        walked: &mut Walked,
        visit: &mut dyn FnMut(&WalkedCgroup<'_>) -> ControlFlow<()>,
    ) -> Result<(), Missed> {
        let missed = |why: io::Error| (top.to_owned(), why);
        let base = LongPath::of(top).map_err(missed)?;
        let cgroup = WalkedCgroup {
            above: base.dir(),
            name: base.rest(),
            path: top,
        };
        match stat_beneath(base.dir(), base.rest().as_os_str()).map_err(missed)? {
            Some(stat) if is_dir(&stat) && is_leaf(&stat) => {
                walked.cgroups += 1;
                let _ends: ControlFlow<()> = visit(&cgroup);
                return Ok(());
            }
            Some(stat) if is_dir(&stat) => {}
            Some(_) | None => return Ok(()),
        }
        let dir = open(base.dir(), base.rest().as_os_str()).map_err(missed)?;
        let mut walk = Self {
            path: top.to_owned(),
            levels: Vec::new(),
            dir,
            base,
        };
        walk.enter(OsString::new(), walked).map_err(missed)?;
        walk.go_on(most, walked, visit)
    }

    /// Takes the directory that is open for the next level down.
    fn enter(&mut self, name: OsString, walked: &mut Walked) -> io::Result<()> {
        let inode = Inode::from(&rustix::fs::fstat(&self.dir)?);
        let todo = below(&self.dir).unwrap_or_else(|why| {
            walked.miss(&self.path, why);
            Vec::new()
        });
        self.levels.push(WalkLevel { name, inode, todo });
        Ok(())
    }

    fn go_on(
        &mut self,
        most: usize,
        walked: &mut Walked,
        visit: &mut dyn FnMut(&WalkedCgroup<'_>) -> ControlFlow<()>,
    ) -> Result<(), Missed> {
        while let Some(level) = self.levels.last_mut() {
            let is_over = if let Some(name) = level.todo.pop() {
                self.path.push(&name);
                let leaf = self.descend(&name, walked);
                match leaf {
                    Ok(true) => {
                        walked.cgroups += 1;
                        let ends = visit(&self.cgroup(self.dir.as_fd(), Path::new(&name)));
                        self.path.pop();
                        ends.is_break()
                    }
                    Ok(false) => false,
                    Err(why) => {
                        walked.miss(&self.path, why);
                        self.path.pop();
                        false
                    }
                }
            } else {
                walked.cgroups += 1;
                self.ascend(visit)?
            };
            if is_over {
                return Ok(());
            }
            if walked.cgroups >= most && !self.levels.is_empty() {
                walked.miss(&self.path, rustix::io::Errno::TOOBIG.into());
                return Ok(());
            }
        }
        Ok(())
    }

    fn cgroup<'s>(&'s self, above: BorrowedFd<'s>, name: &'s Path) -> WalkedCgroup<'s> {
        WalkedCgroup {
            above,
            name,
            path: &self.path,
        }
    }

    /// Goes down into a directory, if anything is below it; true if it is one with nothing below,
    /// which needs no descriptor. What is gone, or no directory, is left aside.
    fn descend(&mut self, name: &OsStr, walked: &mut Walked) -> io::Result<bool> {
        match stat_beneath(&self.dir, name)? {
            Some(stat) if !is_dir(&stat) => Err(rustix::io::Errno::NOENT.into()),
            None => Err(rustix::io::Errno::NOENT.into()),
            Some(stat) if is_leaf(&stat) => Ok(true),
            Some(_) => {
                let child = open(self.dir.as_fd(), name)?;
                let above = std::mem::replace(&mut self.dir, child);
                if let Err(error) = self.enter(name.to_owned(), walked) {
                    self.dir = above;
                    return Err(error);
                }
                Ok(false)
            }
        }
    }

    /// Leaves the deepest level, shows it, and goes up; whether the walk is over.
    fn ascend(
        &mut self,
        visit: &mut dyn FnMut(&WalkedCgroup<'_>) -> ControlFlow<()>,
    ) -> Result<bool, Missed> {
        let Some(left) = self.levels.pop() else {
            return Ok(true);
        };
        let Some(above) = self.levels.last() else {
            let cgroup = self.cgroup(self.base.dir(), self.base.rest());
            let _over: ControlFlow<()> = visit(&cgroup);
            return Ok(true);
        };
        let up = open(self.dir.as_fd(), OsStr::new(".."));
        let is_it = |dir: &OwnedFd| {
            rustix::fs::fstat(dir).is_ok_and(|stat| Inode::from(&stat) == above.inode)
        };
        self.dir = match up.ok().filter(is_it) {
            Some(dir) => dir,
            // It was removed or moved meanwhile: by the names from the top.
            None => self.again().map_err(|why| (self.path.clone(), why))?,
        };
        let ends = visit(&self.cgroup(self.dir.as_fd(), Path::new(&left.name)));
        self.path.pop();
        Ok(ends.is_break())
    }

    /// Opens the deepest level anew.
    fn again(&self) -> io::Result<OwnedFd> {
        let mut dir = open(self.base.dir(), self.base.rest().as_os_str())?;
        for level in self.levels.iter().skip(1) {
            dir = open(dir.as_fd(), &level.name)?;
        }
        let last = self.levels.last().map(|level| level.inode);
        if last == Some(Inode::from(&rustix::fs::fstat(&dir)?)) {
            Ok(dir)
        } else {
            Err(rustix::io::Errno::STALE.into())
        }
    }
}

fn open(above: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(rustix::fs::openat(above, name, flags, Mode::empty())?)
}

fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// kernfs counts two links and one for each child; file systems that do not count say 1.
fn is_leaf(stat: &Stat) -> bool {
    stat.st_nlink == 2
}

/// The directories in a directory.
fn below(dir: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let may_be = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
        if may_be && !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of directories with long names, made step by step; the descriptor of the last.
    fn chain(top: &Path, deep: usize, name: &str) {
        let mut dir = open(rustix::fs::CWD, top.as_os_str()).unwrap();
        for _ in 0..deep {
            rustix::fs::mkdirat(&dir, name, Mode::from_raw_mode(0o755)).unwrap();
            dir = open(dir.as_fd(), OsStr::new(name)).unwrap();
        }
        let flags = OFlags::WRONLY | OFlags::CREATE;
        let file = rustix::fs::openat(&dir, "cgroup.procs", flags, Mode::from_raw_mode(0o644));
        rustix::io::write(file.unwrap(), b"4711\n").unwrap();
    }

    #[test]
    fn a_tree_of_a_thousand_levels_with_long_names_is_walked_read_and_removed() {
        let made = tempfile::tempdir().unwrap();
        let top = made.path().join("top");
        std::fs::create_dir(&top).unwrap();
        let name = "n".repeat(255);
        chain(&top, 1000, &name);
        let mut found = Vec::new();
        let walked = walk(&top, MOST, &mut |cgroup| {
            found.extend(cgroup.text("cgroup.procs").unwrap());
            ControlFlow::Continue(())
        });
        assert!(walked.unseen.is_none(), "{walked:?}");
        assert_eq!(
            (walked.cgroups, &found[..]),
            (1001, &["4711\n".to_owned()][..])
        );
        // As cgroupfs would: the deepest has a file here, which goes first.
        let mut removed = 0;
        let walked = walk(&top, MOST, &mut |cgroup| {
            let file = cgroup.name.join("cgroup.procs");
            rustix::fs::unlinkat(cgroup.above, file, AtFlags::empty()).ok();
            cgroup.remove().unwrap();
            removed += 1;
            ControlFlow::Continue(())
        });
        assert!(walked.unseen.is_none() && removed == 1001, "{walked:?}");
        assert!(!top.exists());
    }

    #[test]
    fn what_is_below_comes_first_and_a_walk_that_is_cut_says_so() {
        let made = tempfile::tempdir().unwrap();
        let top = made.path().join("top");
        for path in ["a/b", "a/c", "d"] {
            std::fs::create_dir_all(top.join(path)).unwrap();
        }
        std::os::unix::fs::symlink("a", top.join("link")).unwrap();
        let mut seen = Vec::new();
        let walked = walk(&top, MOST, &mut |cgroup| {
            seen.push(cgroup.path().strip_prefix(&top).unwrap().to_owned());
            ControlFlow::Continue(())
        });
        assert!(walked.unseen.is_none());
        assert_eq!(seen.last().unwrap(), Path::new(""));
        let at = |path: &str| seen.iter().position(|one| one == Path::new(path)).unwrap();
        assert!(at("a/b") < at("a") && at("a/c") < at("a"), "{seen:?}");
        assert_eq!(seen.len(), 5);
        let walked = walk(&top, 2, &mut |_| ControlFlow::Continue(()));
        assert_eq!(
            walked.unseen.unwrap().why.raw_os_error(),
            Some(rustix::io::Errno::TOOBIG.raw_os_error())
        );
        let gone = walk(&made.path().join("gone"), MOST, &mut |_| {
            ControlFlow::Continue(())
        });
        assert!(gone.unseen.is_none() && gone.cgroups == 0);
    }
}
