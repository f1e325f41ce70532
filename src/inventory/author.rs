//! Whose word something is: who could have written a record, made a directory or started a process.
//!
//! A state root in a user's runtime directory, a directory below it and a command line say what that
//! user wants them to say. Root's word, and that of the user ocitop runs as, counts for everything;
//! that of anybody else for what is that user's alone.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::Machine;
use super::members;

/// Who could have written something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Author {
    /// Root, or the user that ocitop runs as.
    #[default]
    Trusted,
    /// Another user.
    User(u32),
}

/// Who has a directory: its owner, and the owner of the directory that it is in, who can remove it and
/// make another. A container's own user may have its cgroup, below one of the user who runs it
/// (`subuid(5)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// Its owner.
    pub uid: u32,
    /// The owner of the directory it is in.
    pub above: u32,
}

impl Whose {
    /// Root's: what no plain user can make.
    pub const ROOTS: Self = Self { uid: 0, above: 0 };

    /// Whose the directory or file at `path` is; no link is followed.
    pub fn at(path: &Path) -> io::Result<Self> {
        let uid = path.symlink_metadata()?.uid();
        let above = path.parent().map_or(Ok(uid), |above| {
            above.symlink_metadata().map(|found| found.uid())
        })?;
        Ok(Self { uid, above })
    }
}

impl Author {
    /// The one behind a user id.
    pub fn of(uid: u32) -> Self {
        let own = rustix::process::geteuid().as_raw();
        if uid == 0 || uid == own {
            Self::Trusted
        } else {
            Self::User(uid)
        }
    }

    /// Who makes what is in a directory: its owner. `None` if others can as well, or that cannot be told.
    pub fn of_dir(path: &Path) -> Option<Self> {
        let found = path.metadata().ok()?;
        (found.mode() & 0o022 == 0).then(|| Self::of(found.uid()))
    }

    /// Who runs a process. A program that became root for its caller (setuid) has that caller's
    /// name and words, and none of its files in `/proc` is owned by that caller: all its user ids are
    /// asked. `None` of a process that cannot be asked.
    pub fn of_process(machine: &Machine, pid: i32) -> Option<Self> {
        let uids = members::status(machine, pid)?.uids?;
        uids.into_iter().map(Self::of).max()
    }

    /// The user, if it is not trusted.
    pub fn user(self) -> Option<u32> {
        match self {
            Self::Trusted => None,
            Self::User(uid) => Some(uid),
        }
    }

    /// Whether it has this, all by itself.
    pub fn owns(self, uid: u32) -> bool {
        match self {
            Self::Trusted => true,
            Self::User(own) => own == uid,
        }
    }

    /// Whether its word counts for a directory: for the user's own, and for what is in the user's own.
    pub fn speaks_for(self, whose: Whose) -> bool {
        self.owns(whose.uid) || self.owns(whose.above)
    }

    /// Whether its word counts for what is made of these directories: for each of them.
    pub fn speaks_for_all(self, all: &[Whose]) -> bool {
        self == Self::Trusted || (!all.is_empty() && all.iter().all(|one| self.speaks_for(*one)))
    }

    /// Whether the user made this directory, or it was made for the user, or it is nobody else's but root's:
    /// a name that another user gave to something of that user's own says nothing of what is root's.
    pub fn may_have(self, whose: Whose) -> bool {
        match self {
            Self::Trusted => {
                Self::of(whose.uid) == Self::Trusted || Self::of(whose.above) == Self::Trusted
            }
            Self::User(own) => own == whose.uid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn whose(uid: u32, above: u32) -> Whose {
        Whose { uid, above }
    }

    /// Neither root nor whoever runs the tests.
    fn other() -> u32 {
        rustix::process::geteuid().as_raw() + 4242
    }

    #[test]
    fn root_speaks_for_everything_and_a_user_for_what_is_that_users() {
        let user = Author::of(other());
        assert_eq!(user, Author::User(other()));
        assert_eq!(Author::of(0), Author::Trusted);
        for (at, counts) in [
            (whose(0, 0), false),
            (whose(other() + 1, 0), false),
            (whose(other(), 0), true),
            // A subordinate user's, in the user's own.
            (whose(other() + 1, other()), true),
        ] {
            assert!(Author::Trusted.speaks_for(at));
            assert_eq!(user.speaks_for(at), counts, "{at:?}");
        }
        let mixed = [whose(other(), other()), whose(0, 0)];
        assert!(!user.speaks_for_all(&mixed));
        assert!(user.speaks_for_all(&mixed[..1]));
        assert!(!user.speaks_for_all(&[]), "of nothing nobody's word counts");
    }

    #[test]
    fn what_a_user_made_may_be_no_part_of_roots_container() {
        assert!(Author::Trusted.may_have(whose(0, 0)));
        // Given to the container's own user by root.
        assert!(Author::Trusted.may_have(whose(other(), 0)));
        assert!(!Author::Trusted.may_have(whose(other(), other())));
        // What may be killed of a user's record is that user's own.
        assert!(Author::of(other()).may_have(whose(other(), 0)));
        assert!(!Author::of(other()).may_have(whose(0, other())));
    }
}
