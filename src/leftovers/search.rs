//! What the parts of the search share.

use std::cell::RefCell;
use std::fs::DirEntry;
use std::io;
use std::path::Path;

use super::found::KnownBefore;
use crate::inventory::owners::Owners;
use crate::inventory::{Machine, Unread, mounts};
use crate::kernel::read::is_gone;
use crate::lifecycle::{Accounts, Claims};

/// Most entries of one directory that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// What the parts of the search share.
pub(super) struct LeftoverSearch<'a> {
    pub(super) machine: &'a Machine,
    pub(super) known: &'a KnownBefore,
    pub(super) claims: &'a Claims,
    pub(super) accounts: Accounts<'a>,
    pub(super) owners: Owners,
    pub(super) mounts: Vec<mounts::Mount>,
    pub(super) now: jiff::Timestamp,
    pub(super) unread: Vec<Unread>,
    /// Where leftovers themselves could not be looked for: they own nothing, and not all was found.
    pub(super) missed: RefCell<Vec<Unread>>,
}

impl LeftoverSearch<'_> {
    /// The entries of a directory in which leftovers may be; that it could not be listed is remembered.
    pub(super) fn entries(&self, dir: &Path) -> Vec<DirEntry> {
        let listed = std::fs::read_dir(dir).and_then(|all| all.take(MOST_ENTRIES).collect());
        listed.unwrap_or_else(|error: io::Error| {
            self.miss(dir, &error);
            Vec::new()
        })
    }

    /// Remembers what could not be read, unless it is gone.
    pub(super) fn miss(&self, path: &Path, error: &io::Error) {
        if !is_gone(error) {
            let unread = Unread::dir(path, error.into());
            self.missed.borrow_mut().push(unread);
        }
    }
}
