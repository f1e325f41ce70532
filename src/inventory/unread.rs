//! What could not be read, and may know of a container all the same: a state root, an engine's
//! records, the command lines of shims.
//!
//! Where one of these is missing, that nobody knows an id proves nothing. It counts against all that
//! it may own: what lies below a user's own runtime directory can own nothing but that user's, so
//! that no user can hide the leftovers of others behind a directory that never answers.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::author::Author;
use super::roots::user_of;
use super::sight::OutOfSight;
use crate::kernel::refused::{Obstacle, Refused};
use crate::text::visible_path;

/// One place that was not read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unread {
    /// What.
    pub place: Place,
    /// Why not.
    pub why: WhyUnread,
}

/// What was not read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A state root, or a directory in which an engine keeps a record of each container.
    Dir(PathBuf),
    /// So many records in a directory that itself can be read, which this one makes.
    RecordsIn(PathBuf, usize, Author),
    /// What a shim, a monitor or a runtime was told.
    CommandLine {
        /// Its pid.
        pid: i32,
        /// Its command, safe to print.
        command: String,
        /// Whose it is.
        author: Author,
    },
    /// What so many of them were told.
    CommandLines {
        /// How many.
        count: usize,
        /// Whose they are.
        author: Author,
    },
    /// The processes of other users.
    Processes,
    /// The processes of the host.
    HostProcesses,
    /// The cgroups of a hierarchy.
    Cgroups(String),
    /// The cgroups in one, which this one makes.
    CgroupsBelow(PathBuf, Author),
}

/// Why something was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhyUnread {
    /// The system said no: this error number.
    Refused(i32),
    /// It failed without an error number.
    Failed(io::ErrorKind),
    /// It lies on a file system whose other end can go away.
    MayNeverAnswer,
    /// It did not answer in its time.
    Late,
    /// Too many questions before it have not been answered.
    NotAsked,
    /// It may never answer, and no thread can be made that could be left behind with it.
    NoThread,
    /// It holds more than ocitop looks at.
    TooMany(usize),
    /// A user's root has more than is read at a time.
    OverBudget,
    /// A user's file that stands in several directories.
    Linked,
    /// It is longer than what ocitop reads of it, bytes.
    TooLong(usize),
    /// procfs is mounted so that it shows a user's own only (proc(5), `hidepid`).
    Hidden,
    /// It cannot be seen from where ocitop runs.
    OutOfSight(OutOfSight),
    /// It is not followed or entered, for what stands there.
    InTheWay(Obstacle),
}

impl Unread {
    /// A directory that could not be read.
    pub fn dir(path: &Path, why: WhyUnread) -> Self {
        let place = Place::Dir(path.to_owned());
        Self { place, why }
    }

    /// A state root that could not be read: the part of its path that is to blame, if that is known.
    pub fn root(path: &Path, error: &io::Error) -> Self {
        match Refused::of(error) {
            Some(refused) => Self::dir(&refused.at, WhyUnread::InTheWay(refused.obstacle)),
            None => Self::dir(path, error.into()),
        }
    }

    /// Whether it may know of what belongs to `uid` and lies at `path`.
    pub fn may_own(&self, uid: u32, path: &Path) -> bool {
        let user = match &self.place {
            Place::Dir(dir) => user_of(dir),
            Place::RecordsIn(dir, _, author) => author.user().or_else(|| user_of(dir)),
            Place::CgroupsBelow(_, author)
            | Place::CommandLine { author, .. }
            | Place::CommandLines { author, .. } => author.user(),
            Place::Processes | Place::HostProcesses | Place::Cgroups(_) => None,
        };
        user.is_none_or(|user| {
            let slice = format!("user-{user}.slice");
            user == uid || path.iter().any(|name| name == slice.as_str())
        })
    }

    /// Whether it may know of what is root's.
    pub fn is_roots(&self) -> bool {
        self.may_own(0, Path::new("/"))
    }

    /// In words, safe to print.
    pub fn words(&self) -> String {
        self.to_string()
    }
}

impl From<&io::Error> for WhyUnread {
    fn from(error: &io::Error) -> Self {
        error
            .raw_os_error()
            .map_or(Self::Failed(error.kind()), Self::Refused)
    }
}

impl fmt::Display for WhyUnread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(errno) => io::Error::from_raw_os_error(*errno).fmt(f),
            Self::Failed(kind) => kind.fmt(f),
            Self::MayNeverAnswer => f.write_str("on a file system that may never answer"),
            Self::Late => f.write_str("no answer in time"),
            Self::NotAsked => f.write_str("not asked: too many others do not answer"),
            Self::NoThread => f.write_str("not asked: no thread can be made for it"),
            Self::TooMany(most) => write!(f, "only the first {most} were looked at"),
            Self::OverBudget => f.write_str("too many, too long or too slow for a user's root"),
            Self::Linked => f.write_str("a user's state file with several links"),
            Self::TooLong(cap) => write!(f, "longer than the {cap} bytes that are read"),
            Self::OutOfSight(why) => f.write_str(why.words()),
            Self::InTheWay(obstacle) => obstacle.fmt(f),
            Self::Hidden => f.write_str("/proc hides them (hidepid)"),
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Dir(dir) => write!(f, "{}", visible_path(dir))?,
            Place::RecordsIn(dir, 1, _) => write!(f, "1 record in {}", visible_path(dir))?,
            Place::RecordsIn(dir, count, _) => {
                write!(f, "{count} records in {}", visible_path(dir))?;
            }
            Place::CommandLine { pid, command, .. } => {
                write!(f, "the command line of pid {pid} ({command})")?;
            }
            Place::CommandLines { count: 1, .. } => {
                write!(f, "the command line of 1 shim or monitor")?;
            }
            Place::CommandLines { count, .. } => {
                write!(f, "the command lines of {count} shims and monitors")?;
            }
            Place::HostProcesses => write!(f, "the processes of the host")?,
            Place::CgroupsBelow(dir, _) => write!(f, "the cgroups in {}", visible_path(dir))?,
            Place::Cgroups(hierarchy) => write!(f, "the cgroups of {hierarchy}")?,
            Place::Processes => write!(f, "the processes of other users")?,
        }
        write!(f, ": {}", self.why)
    }
}

impl Serialize for Unread {
    /// As a sentence: it is told, and never asked for its parts.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(path: &str) -> Unread {
        Unread::dir(Path::new(path), WhyUnread::MayNeverAnswer)
    }

    #[test]
    fn what_lies_below_a_users_own_directory_may_own_that_users_alone() {
        let cgroup = Path::new("/sys/fs/cgroup/system.slice/runc-web.scope");
        let below = Path::new("/sys/fs/cgroup/user.slice/user-1000.slice/runc-web.scope");
        for path in ["/run/user/1000/runc", "/tmp/youki-1000"] {
            assert!(!unread(path).may_own(0, cgroup), "{path}");
            assert!(!unread(path).may_own(1001, cgroup), "{path}");
            assert!(unread(path).may_own(1000, cgroup), "{path}");
            assert!(unread(path).may_own(0, below), "{path}");
        }
    }

    #[test]
    fn what_is_roots_or_nobodys_may_own_anything() {
        let cgroup = Path::new("/sys/fs/cgroup/x");
        for path in [
            "/run/runc",
            "/run/user/0/runc",
            "/tmp/mine",
            "/run/user/me/runc",
        ] {
            assert!(unread(path).may_own(1000, cgroup), "{path}");
        }
        let processes = Unread {
            place: Place::Processes,
            why: WhyUnread::Hidden,
        };
        assert!(processes.may_own(1000, cgroup));
    }
}
