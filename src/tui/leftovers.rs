//! What the screen knows of leftovers: asked for once at the start for the count, and again while
//! somebody looks at them; never twice at a time. Cursor and marks are by identity.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::leftovers::{Confidence, FoundLeftovers, Leftover, LeftoverKind};
use crate::oci::ContainerKey;

/// How often they are looked for while they are shown.
const EVERY: Duration = Duration::from_secs(10);
/// A search that takes longer than this is said to be missing.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a leftover is told apart by.
pub(crate) type LeftoverKey = (LeftoverKind, ContainerKey);

/// The identity of a leftover.
pub(crate) fn identity(leftover: &Leftover) -> LeftoverKey {
    (leftover.kind, leftover.key.clone())
}

/// The newest search, and the cursor in it.
#[derive(Debug, Default)]
pub(crate) struct LeftoverList {
    pub(crate) found: Option<Arc<FoundLeftovers>>,
    /// When the last search was asked for.
    asked: Option<Duration>,
    /// Its answer has not come yet.
    pending: bool,
    cursor: Option<LeftoverKey>,
    /// Where the cursor was, for the neighbour when its leftover goes.
    index: usize,
    marks: BTreeSet<LeftoverKey>,
    /// What is unknown is shown, too.
    pub(crate) unknown: bool,
    /// First row on the screen.
    pub(crate) top: usize,
}

impl LeftoverList {
    /// Those shown, in order.
    pub(crate) fn rows(&self) -> Vec<&Leftover> {
        let all = self.found.iter().flat_map(|found| &found.list);
        all.filter(|one| self.unknown || one.confidence != Confidence::Unknown)
            .collect()
    }

    /// How many there are that are more than unknown, for the tab: ` 6!`.
    pub(crate) fn badge(&self) -> String {
        let all = self.found.iter().flat_map(|found| &found.list);
        match all
            .filter(|one| one.confidence != Confidence::Unknown)
            .count()
        {
            0 => String::new(),
            count => format!(" {count}!"),
        }
    }

    /// The number of the row under the cursor.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The leftover under the cursor.
    pub(crate) fn selected(&self) -> Option<&Leftover> {
        self.rows().get(self.index).copied()
    }

    /// The same one as it was found last.
    pub(crate) fn newest(&self, leftover: &Leftover) -> Option<&Leftover> {
        let mut all = self.found.iter().flat_map(|found| &found.list);
        all.find(|one| identity(one) == identity(leftover))
    }

    pub(crate) fn is_marked(&self, leftover: &Leftover) -> bool {
        !self.marks.is_empty() && self.marks.contains(&identity(leftover))
    }

    /// How many are marked.
    pub(crate) fn marked(&self) -> usize {
        self.marks.len()
    }

    /// The marked ones, or else the one under the cursor.
    pub(crate) fn targets(&self) -> Vec<Leftover> {
        if self.marks.is_empty() {
            return self.selected().cloned().into_iter().collect();
        }
        let all = self.found.iter().flat_map(|found| &found.list);
        all.filter(|one| self.is_marked(one)).cloned().collect()
    }

    /// Every one that is certain.
    pub(crate) fn certain(&self) -> Vec<Leftover> {
        let found = self.found.iter();
        found
            .flat_map(|found| found.of(Confidence::Certain))
            .cloned()
            .collect()
    }

    pub(crate) fn toggle(&mut self) {
        if let Some(own) = self.selected().map(identity)
            && !self.marks.remove(&own)
        {
            self.marks.insert(own);
        }
    }

    /// Marks what ocitop itself would choose.
    pub(crate) fn mark_all(&mut self) {
        self.marks = self.certain().iter().map(identity).collect();
    }

    /// Takes the mark off what has this key.
    pub(crate) fn unmark(&mut self, key: &ContainerKey) {
        self.marks.retain(|(_, marked)| marked != key);
    }

    pub(crate) fn clear(&mut self) -> bool {
        let had = !self.marks.is_empty();
        self.marks.clear();
        had
    }

    /// The thread that looks is gone, and with it the answer.
    pub(crate) fn lost(&mut self) {
        self.pending = false;
    }

    /// The next search is due at once.
    pub(crate) fn forget_time(&mut self) {
        // One that is under way may have begun before what makes another necessary.
        self.asked = None;
    }

    /// For how long a search has been missing, if that is too long.
    pub(crate) fn silent(&self, now: Duration) -> Option<Duration> {
        let since = now.saturating_sub(self.asked.filter(|_| self.pending)?);
        (since >= PATIENCE).then_some(since)
    }

    /// Stays on its leftover, or goes to the neighbour if that is gone.
    pub(crate) fn settle(&mut self) {
        let rows = self.rows();
        let found = rows
            .iter()
            .position(|row| Some(identity(row)) == self.cursor);
        let index = found.unwrap_or(self.index.min(rows.len().saturating_sub(1)));
        let cursor = rows.get(index).map(|row| identity(row));
        (self.index, self.cursor) = (index, cursor);
    }

    /// Puts the cursor there.
    pub(crate) fn put(&mut self, index: usize) {
        self.cursor = self.rows().get(index).map(|row| identity(row));
        self.index = index;
    }

    /// The answer of a search has come; it is what is shown, unless that `is_held`.
    pub(crate) fn take(&mut self, found: Arc<FoundLeftovers>, is_held: bool) {
        self.pending = false;
        if is_held && self.found.is_some() {
            return;
        }
        let exists: BTreeSet<LeftoverKey> = found.list.iter().map(identity).collect();
        self.marks.retain(|mark| exists.contains(mark));
        self.found = Some(found);
        self.settle();
    }

    /// Whether it is time for a search; one that is asked for is not asked for again before it is answered.
    pub(crate) fn is_due(&mut self, now: Duration, is_shown: bool) -> bool {
        let due = match self.asked {
            None => is_shown || self.found.is_none(),
            Some(asked) => is_shown && now.saturating_sub(asked) >= EVERY,
        };
        if self.pending || !due {
            return false;
        }
        (self.asked, self.pending) = (Some(now), true);
        true
    }
}
