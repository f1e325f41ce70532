//! What a search found, and what one remembers for the next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::leftover::{Confidence, Leftover};
use crate::inventory::Unread;
use crate::inventory::author::{Author, Whose};
use crate::oci::ContainerKey;

/// What the caller knows beforehand.
#[derive(Debug, Clone, Default)]
pub struct KnownBefore {
    /// Ids of containers that this session saw die or vanish, and who wrote their records.
    pub gone: BTreeSet<(String, Author)>,
    /// When this session first saw a directory.
    pub seen: BTreeMap<(u64, u64), jiff::Timestamp>,
    /// Only what lies below one of these is looked at; without any, everything.
    pub within: Vec<PathBuf>,
}

impl KnownBefore {
    /// Remembers when the directories of `found` were seen first, and forgets those that are gone.
    pub fn remember(&mut self, found: &FoundLeftovers) {
        let before = std::mem::take(&mut self.seen);
        for inode in found.list.iter().flat_map(Leftover::inodes) {
            let key = (inode.device, inode.number);
            let since = before.get(&key).copied().unwrap_or(found.taken);
            self.seen.insert(key, since);
        }
    }

    /// Takes in which containers were seen to end. Who wrote their records is told by their roots, which
    /// are still there; of one that anybody may have written nothing is known.
    pub fn saw(&mut self, ended: &BTreeSet<ContainerKey>) {
        let ended = ended.iter().filter_map(|key| {
            let author = Author::of_dir(key.root())?;
            Some((key.name().to_str()?.to_owned(), author))
        });
        self.gone = ended.collect();
    }

    /// Whether a container of this id, which may have had what is at these places, was seen to end.
    pub(super) fn saw_end(&self, id: &str, places: &[Whose]) -> bool {
        let mut gone = self.gone.iter();
        gone.any(|(name, author)| name == id && author.speaks_for_all(places))
    }

    /// Whether a path is to be looked at.
    pub(super) fn covers(&self, path: &Path) -> bool {
        self.within.is_empty() || self.within.iter().any(|dir| path.starts_with(dir))
    }

    /// Whether something below a directory may be to be looked at.
    pub(super) fn reaches(&self, dir: &Path) -> bool {
        self.covers(dir) || self.within.iter().any(|within| within.starts_with(dir))
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLeftovers {
    /// The leftovers: those of which it is surest first, then by kind and path.
    pub list: Vec<Leftover>,
    /// When the search began.
    pub taken: jiff::Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Cgroup directories looked at.
    pub cgroups: usize,
    /// State roots read.
    pub roots: usize,
    /// What could not be read: nothing that somebody there may own is more than unknown.
    pub unread: Vec<Unread>,
}

impl FoundLeftovers {
    /// Those of a confidence.
    pub fn of(&self, confidence: Confidence) -> impl Iterator<Item = &Leftover> {
        let all = self.list.iter();
        all.filter(move |leftover| leftover.confidence == confidence)
    }
}
