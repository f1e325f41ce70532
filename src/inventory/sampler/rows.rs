//! The rows, each under a number of its own that events carry, and their order.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::events::RowId;
use super::row::SampledRow;
use crate::inventory::entry::{Depth, Entry, Lead};
use crate::inventory::problem::Problem;
use crate::inventory::tracked::{Fingerprint, Tracked};
use crate::inventory::users::Users;
use crate::inventory::{Container, Machine};
use crate::kernel::read::is_gone;
use crate::oci::{ContainerKey, RuntimeKind};

/// Every container.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// By number; a free number has none.
    all: Vec<Option<SampledRow>>,
    free: Vec<RowId>,
    ids: HashMap<ContainerKey, RowId>,
    /// By root as looked at, then by name.
    order: Vec<RowId>,
    sorted: bool,
    changed: bool,
    /// Where the next turns begin.
    reopened: usize,
    unseen: usize,
    hint: Option<RuntimeKind>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn id(&self, key: &ContainerKey) -> Option<RowId> {
        self.ids.get(key).copied()
    }

    pub(super) fn get(&self, id: RowId) -> Option<&SampledRow> {
        self.all.get(usize::try_from(id).ok()?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: RowId) -> Option<&mut SampledRow> {
        self.all.get_mut(usize::try_from(id).ok()?)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SampledRow> {
        self.all.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut SampledRow> {
        self.all.iter_mut().flatten()
    }

    /// Every row with its number.
    pub(super) fn each_mut(&mut self) -> impl Iterator<Item = (RowId, &mut SampledRow)> {
        let numbered = self.all.iter_mut().enumerate();
        numbered.filter_map(|(at, row)| Some((RowId::try_from(at).ok()?, row.as_mut()?)))
    }

    /// The numbers, in order as of the last [`Self::shown`].
    pub(super) fn order(&self) -> &[RowId] {
        &self.order
    }

    /// Whether rows came or went since it was last asked.
    pub(super) fn have_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Reads the files of one entry; `None` if it is gone.
    pub(super) fn read(
        &mut self,
        root: &OwnedFd,
        key: &ContainerKey,
        users: &mut Users,
        machine: &Machine,
    ) -> Option<Tracked> {
        // Before the files: a change while they are read is then seen next time.
        let fingerprint = Fingerprint::take(root, key, None);
        let lead = Lead {
            key,
            depth: Depth::State,
            hint: self.hint,
            budget: None,
        };
        match Entry::read(root.as_fd(), lead) {
            Ok(entry) => {
                self.hint = entry.runtime;
                let fingerprint = fingerprint.with_file(root, key, entry.runtime);
                let owner = users.name(entry.uid);
                Some(Tracked::new(entry, fingerprint, owner, machine))
            }
            Err(Problem::Open(error)) if is_gone(&error) => None,
            Err(problem) => Some(Tracked::broken(key, fingerprint, &problem)),
        }
    }

    pub(super) fn insert(
        &mut self,
        key: ContainerKey,
        root: usize,
        tracked: Tracked,
        machine: &Machine,
    ) -> RowId {
        let row = SampledRow::new(key.clone(), root, tracked, machine);
        let id = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            RowId::try_from(self.all.len() - 1).unwrap_or(RowId::MAX)
        });
        if let Some(place) = usize::try_from(id).ok().and_then(|id| self.all.get_mut(id)) {
            *place = Some(row);
        }
        self.ids.insert(key, id);
        self.order.push(id);
        (self.sorted, self.changed) = (false, true);
        id
    }

    pub(super) fn remove(&mut self, id: RowId) -> Option<SampledRow> {
        let row = self.all.get_mut(usize::try_from(id).ok()?)?.take()?;
        self.ids.remove(&row.key);
        self.order.retain(|other| *other != id);
        self.free.push(id);
        self.changed = true;
        Some(row)
    }

    /// The next rows, round and round, whose files are opened anew for each look.
    pub(super) fn reopened(&mut self, most: usize) -> Vec<RowId> {
        let (ids, next) = self.turn(self.reopened, most, |row| row.counts() && !row.is_kept());
        self.reopened = next;
        ids
    }

    /// Those that are not shown yet.
    pub(super) fn unborn(&self) -> impl Iterator<Item = RowId> {
        let unborn = |id: &&RowId| self.get(**id).is_some_and(|row| row.unborn);
        self.order.iter().filter(unborn).copied()
    }

    /// The next rows that were never looked at closely.
    pub(super) fn unseen(&mut self, most: usize) -> Vec<RowId> {
        let (ids, next) = self.turn(self.unseen, most, |row| !row.seen);
        self.unseen = next;
        ids
    }

    fn turn(
        &self,
        from: usize,
        most: usize,
        wanted: fn(&SampledRow) -> bool,
    ) -> (Vec<RowId>, usize) {
        let len = self.order.len();
        let mut found = Vec::new();
        for step in 0..len {
            let at = (from + step) % len;
            let id = self.order.get(at).copied();
            if let Some(id) = id.filter(|id| self.get(*id).is_some_and(wanted)) {
                found.push(id);
                if found.len() == most {
                    return (found, at + 1);
                }
            }
        }
        (found, 0)
    }

    /// What all of them show, in order; `place` tells the place of a root.
    pub(super) fn shown(&mut self, place: impl Fn(usize) -> usize) -> Vec<Arc<Container>> {
        if !self.sorted {
            let mut order = std::mem::take(&mut self.order);
            order.sort_by(|a, b| match (self.get(*a), self.get(*b)) {
                (Some(a), Some(b)) => place(a.root)
                    .cmp(&place(b.root))
                    .then_with(|| a.key.name().cmp(b.key.name())),
                (a, b) => a.is_some().cmp(&b.is_some()),
            });
            (self.order, self.sorted) = (order, true);
        }
        let rows = self.order.iter().filter_map(|id| self.get(*id));
        rows.filter(|row| !row.unborn)
            .map(|row| Arc::clone(row.shown()))
            .collect()
    }

    /// The places of roots changed.
    pub(super) fn sort_again(&mut self) {
        (self.sorted, self.changed) = (false, true);
    }
}
