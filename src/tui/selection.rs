//! Which row the cursor is on and which are marked: by identity, never by row number.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::inventory::Container;
use crate::oci::ContainerKey;

use super::action::Motion;

/// Cursor and marks.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    key: Option<ContainerKey>,
    /// Where the cursor was, for the neighbour when its container goes.
    index: usize,
    marks: BTreeSet<ContainerKey>,
    /// Where a range began.
    anchor: Option<ContainerKey>,
}

fn position(rows: &[Arc<Container>], key: Option<&ContainerKey>) -> Option<usize> {
    rows.iter().position(|row| Some(&row.key) == key)
}

impl Selection {
    pub(crate) fn key(&self) -> Option<&ContainerKey> {
        self.key.as_ref()
    }

    /// The cursor's row number, as of the last [`Self::settle`].
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Stays on its container, or goes to the neighbour if that is no longer shown.
    pub(crate) fn settle(&mut self, rows: &[Arc<Container>]) {
        if let Some(index) = position(rows, self.key.as_ref()) {
            self.index = index;
        } else {
            self.put(rows, self.index.min(rows.len().saturating_sub(1)));
        }
    }

    /// Puts the cursor on a row.
    pub(crate) fn put(&mut self, rows: &[Arc<Container>], index: usize) {
        self.key = rows.get(index).map(|row| row.key.clone());
        self.index = index;
    }

    pub(crate) fn go(&mut self, rows: &[Arc<Container>], motion: Motion, page: usize) {
        self.put(rows, motion.apply(self.index, rows.len(), page));
    }

    pub(crate) fn is_marked(&self, key: &ContainerKey) -> bool {
        self.marks.contains(key)
    }

    pub(crate) fn marks(&self) -> &BTreeSet<ContainerKey> {
        &self.marks
    }

    pub(crate) fn anchor(&self) -> Option<&ContainerKey> {
        self.anchor.as_ref()
    }

    /// Marks or unmarks the row under the cursor.
    pub(crate) fn toggle(&mut self) {
        if let Some(key) = &self.key
            && !self.marks.remove(key)
        {
            self.marks.insert(key.clone());
        }
    }

    /// The first call begins a range, the second marks all from there to the cursor.
    pub(crate) fn range(&mut self, rows: &[Arc<Container>]) {
        match self.anchor.take() {
            None => self.anchor.clone_from(&self.key),
            Some(anchor) => {
                let from = position(rows, Some(&anchor)).unwrap_or(self.index);
                let (first, last) = (from.min(self.index), from.max(self.index));
                let span = rows.iter().take(last + 1).skip(first);
                self.marks.extend(span.map(|row| row.key.clone()));
            }
        }
    }

    pub(crate) fn mark_all(&mut self, rows: &[Arc<Container>]) {
        self.marks.extend(rows.iter().map(|row| row.key.clone()));
    }

    /// Takes the mark off one.
    pub(crate) fn unmark(&mut self, key: &ContainerKey) {
        self.marks.remove(key);
    }

    /// A range that was begun is no more.
    pub(crate) fn end_range(&mut self) {
        self.anchor = None;
    }

    /// Drops marks and range; says whether there was anything to drop.
    pub(crate) fn clear(&mut self) -> bool {
        let had = !self.marks.is_empty() || self.anchor.is_some();
        self.marks.clear();
        self.anchor = None;
        had
    }

    /// Forgets the marks of containers that no longer exist. Those only hidden by a filter keep
    /// theirs: the dialog lists every one before anything is done.
    pub(crate) fn forget_gone(&mut self, all: &[Arc<Container>]) {
        let exists: BTreeSet<&ContainerKey> = all.iter().map(|row| &row.key).collect();
        self.marks.retain(|key| exists.contains(key));
        if self
            .anchor
            .as_ref()
            .is_some_and(|key| !exists.contains(key))
        {
            self.anchor = None;
        }
    }
}
