//! The state roots a sampler looks at: which there are, what is in them, and when to list them again.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::events::{Notice, RowId, Watches};
use super::rows::Rows;
use crate::config::StateRoot;
use crate::inventory::machine::Parted;
use crate::inventory::scan::entry_names;
use crate::inventory::{Inode, Machine, RootState, RootView};
use crate::kernel::read::{is_gone, open_dir, open_root};
use crate::oci::ContainerKey;

/// How often which roots there are, and what is in them, is looked at without having been told.
const LIST_EVERY: Duration = Duration::from_secs(5);

/// One state root.
#[derive(Debug)]
struct WatchedRoot {
    view: RootView,
    /// The open directory, which it was, and the watch on it.
    open: Option<(OwnedFd, Inode, Option<i32>)>,
    due: bool,
}

/// A directory in which a root may come to be.
#[derive(Debug)]
struct Above {
    path: PathBuf,
    /// What is, or leads to, a root.
    names: HashSet<OsString>,
    watch: i32,
}

/// The state roots.
#[derive(Debug)]
pub(super) struct WatchedRoots {
    /// Every one there ever was: a row knows its root by its place here.
    all: Vec<WatchedRoot>,
    /// Those there are, in the order looked at.
    current: Vec<usize>,
    /// Watches on directories in which roots may come to be.
    above: Vec<Above>,
    apart: Vec<StateRoot>,
    find: bool,
    listed: Option<Duration>,
    changed: bool,
}

impl Default for WatchedRoots {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            current: Vec::new(),
            above: Vec::new(),
            apart: Vec::new(),
            find: true,
            listed: None,
            changed: false,
        }
    }
}

/// What came of a look at the roots.
#[derive(Debug, Default)]
pub(super) struct RootsLook {
    /// Entries that have no row, with their root.
    pub(super) new: Vec<(usize, ContainerKey)>,
    /// Rows that have no entry.
    pub(super) gone: Vec<RowId>,
}

impl WatchedRoots {
    /// The open directory of a root.
    pub(super) fn dir(&self, root: usize) -> Option<&OwnedFd> {
        self.all.get(root)?.open.as_ref().map(|(dir, _, _)| dir)
    }

    /// Those that are looked at by others.
    pub(super) fn apart(&self) -> &[StateRoot] {
        &self.apart
    }

    /// Entries of a root came or went.
    pub(super) fn list_again(&mut self, root: usize) {
        if let Some(root) = self.all.get_mut(root) {
            root.due = true;
        }
    }

    /// Roots may have come or gone.
    pub(super) fn find_again(&mut self) {
        self.find = true;
    }

    /// Whether anything was told that has not been looked at.
    pub(super) fn are_due(&self) -> bool {
        self.find || self.all.iter().any(|root| root.due)
    }

    /// Whether a root became readable, unreadable or absent since it was last asked.
    pub(super) fn have_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// What came of each, with how many of `rows` it has.
    pub(super) fn views(&self, rows: &Rows) -> Vec<RootView> {
        let mut counts = vec![0; self.all.len()];
        for row in rows.iter() {
            if let Some(count) = counts.get_mut(row.root) {
                *count += 1;
            }
        }
        let view = |index: &usize| {
            let mut view = self.all.get(*index)?.view.clone();
            if let RootState::Read(count) = &mut view.state {
                *count = counts.get(*index).copied().unwrap_or(0);
            }
            Some(view)
        };
        self.current.iter().filter_map(view).collect()
    }

    /// The place of a root in the order looked at.
    pub(super) fn place(&self, root: usize) -> usize {
        let place = self.current.iter().position(|index| *index == root);
        place.unwrap_or(usize::MAX)
    }

    /// Lists what is due, and everything from time to time.
    pub(super) fn look(
        &mut self,
        machine: &Machine,
        events: &mut Watches,
        rows: &Rows,
        now: Duration,
    ) -> RootsLook {
        let overdue = self
            .listed
            .is_none_or(|listed| now.saturating_sub(listed) >= LIST_EVERY);
        if overdue || std::mem::take(&mut self.find) {
            self.find = false;
            self.find_roots(machine);
            self.watch_above(events);
        }
        if overdue {
            self.listed = Some(now);
        }
        let mut found = RootsLook::default();
        for index in 0..self.all.len() {
            let due = self.all.get(index).is_some_and(|root| root.due) || overdue;
            // Opening costs two microseconds, and tells whether it still is the same directory.
            if self.open(index, events) || due {
                self.list(index, rows, &mut found);
            }
        }
        found
    }

    fn find_roots(&mut self, machine: &Machine) {
        let mut current = Vec::new();
        let roots = machine.state_roots();
        let (near, apart) = match roots.as_slice() {
            [_] if machine.is_alone() => (roots, Vec::new()),
            _ => {
                let Parted { near, apart } = machine.parted(roots);
                (near, apart)
            }
        };
        self.changed |= apart != self.apart;
        self.apart = apart;
        for root in near {
            let known = self
                .all
                .iter()
                .position(|known| known.view.path == root.path);
            current.push(known.unwrap_or_else(|| {
                self.all.push(WatchedRoot::new(root));
                self.all.len() - 1
            }));
        }
        self.changed |= current != self.current;
        self.current = current;
    }

    /// Where a root is absent, the nearest directory above it that exists is watched for the name
    /// that leads to it; /run sees much else come and go.
    fn watch_above(&mut self, events: &mut Watches) {
        let mut wanted: HashMap<PathBuf, HashSet<OsString>> = HashMap::new();
        for root in self.all.iter().filter(|root| root.open.is_none()) {
            let path = &root.view.path;
            let above = path.ancestors().skip(1).find(|dir| dir.is_dir());
            let name = above.and_then(|above| {
                let rest = path.strip_prefix(above).ok()?;
                Some((above.to_path_buf(), rest.components().next()?))
            });
            if let Some((above, name)) = name {
                let names = wanted.entry(above).or_default();
                names.insert(name.as_os_str().to_owned());
            }
        }
        let outdated = |above: &mut Above| wanted.get(&above.path) != Some(&above.names);
        for above in self.above.extract_if(.., outdated) {
            events.unwatch(Some(above.watch));
        }
        for (path, names) in wanted {
            if self.above.iter().all(|above| above.path != path)
                && let Ok(dir) = open_dir(&path)
                && let Some(watch) = events.watch_above(&dir, names.clone())
            {
                self.above.push(Above { path, names, watch });
            }
        }
    }

    /// Opens a root. True if it is another directory than before, or became absent or unreadable.
    fn open(&mut self, index: usize, events: &mut Watches) -> bool {
        let is_current = self.current.contains(&index);
        let Some(root) = self.all.get_mut(index) else {
            return false;
        };
        let opened = if is_current {
            open_root(&root.view.path).and_then(|dir| {
                let inode = Inode::from(&rustix::fs::fstat(&dir)?);
                Ok((dir, inode))
            })
        } else {
            Err(rustix::io::Errno::NOENT.into())
        };
        let state = match &opened {
            Ok(_) => RootState::Read(0),
            Err(error) if is_gone(error) => RootState::Absent,
            Err(error) => RootState::Failed(crate::text::safe(&error.to_string())),
        };
        let before = root.open.as_ref().map(|(_, inode, _)| *inode);
        let after = opened.as_ref().ok().map(|(_, inode)| *inode);
        if before == after && state == root.view.state {
            return false;
        }
        root.view.state = state;
        self.changed = true;
        if before != after {
            if let Some((_, _, watch)) = root.open.take() {
                events.unwatch(watch);
            }
            root.open = opened.ok().map(|(dir, inode)| {
                let watch = events.watch_root(&dir, Notice::Root(index));
                (dir, inode, watch)
            });
        }
        true
    }

    fn list(&mut self, index: usize, rows: &Rows, found: &mut RootsLook) {
        let Some(root) = self.all.get_mut(index) else {
            return;
        };
        root.due = false;
        let names = match root.open.as_ref().map(|(dir, _, _)| entry_names(dir)) {
            Some(Ok(names)) => names,
            Some(Err(error)) => {
                root.view.state = RootState::Failed(crate::text::safe(&error.to_string()));
                return;
            }
            None => Vec::new(),
        };
        let path = Arc::clone(&root.view.path);
        let names: HashSet<OsString> = names.into_iter().collect();
        let known: HashSet<&std::ffi::OsStr> = rows
            .iter()
            .filter(|row| row.root == index)
            .map(|row| row.key.name())
            .collect();
        for name in &names {
            if !known.contains(name.as_os_str()) {
                let key = ContainerKey::new(Arc::clone(&path), name.clone());
                found.new.push((index, key));
            }
        }
        for name in known {
            if !names.contains(name) {
                let key = ContainerKey::new(Arc::clone(&path), name);
                found.gone.extend(rows.id(&key));
            }
        }
    }
}

impl WatchedRoot {
    fn new(root: StateRoot) -> Self {
        Self {
            view: RootView {
                path: root.path,
                origin: root.origin,
                state: RootState::Absent,
            },
            open: None,
            due: true,
        }
    }
}
