//! What the screen knows of leftovers: asked for once at the start for the count, and again while
//! somebody looks at them; never twice at a time. Cursor and marks are by identity.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::inventory::lane::Happened;
use crate::leftovers::{Confidence, FoundLeftovers, Leftover, LeftoverKind};
use crate::oci::ContainerKey;

use super::action::Motion;
use super::effect::Effect;
use super::model::{Model, View, first_row};
use super::view::layout::{self, Class};

/// How often they are looked for while they are shown.
const EVERY: Duration = Duration::from_secs(10);
/// A search that takes longer than this is said to be missing.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a leftover is told apart by.
pub(crate) type Identity = (LeftoverKind, ContainerKey);

/// The identity of a leftover.
pub(crate) fn identity(leftover: &Leftover) -> Identity {
    (leftover.kind, leftover.key.clone())
}

/// The newest search, and the cursor in it.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    pub(crate) found: Option<Arc<FoundLeftovers>>,
    /// When the last search was asked for.
    asked: Option<Duration>,
    /// Its answer has not come yet.
    pending: bool,
    cursor: Option<Identity>,
    /// Where the cursor was, for the neighbour when its leftover goes.
    index: usize,
    marks: BTreeSet<Identity>,
    /// What is unknown is shown, too.
    pub(crate) unknown: bool,
    /// First row on the screen.
    pub(crate) top: usize,
}

impl Leftovers {
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

    fn put(&mut self, index: usize) {
        self.cursor = self.rows().get(index).map(|row| identity(row));
        self.index = index;
    }
}

/// Takes a search in.
pub(crate) fn take(model: &mut Model, found: Arc<FoundLeftovers>) {
    let own = &mut model.leftovers;
    own.pending = false;
    let exists: BTreeSet<Identity> = found.list.iter().map(identity).collect();
    // What is shown stays as it is while the screen is frozen.
    if model.frozen.is_none() || own.found.is_none() {
        own.marks.retain(|mark| exists.contains(mark));
        own.found = Some(found);
        own.settle();
    }
    follow(model);
}

/// Moves the cursor.
pub(crate) fn go(model: &mut Model, motion: Motion) {
    let page = super::view::leftovers::page(model);
    let len = model.leftovers.rows().len();
    let index = motion.apply(model.leftovers.index, len, page);
    model.leftovers.put(index);
    follow(model);
}

/// A click on a line of the view.
pub(crate) fn click(model: &mut Model, row: u16) {
    let page = super::view::leftovers::page(model);
    let line = layout::view_line(model, row).filter(|line| *line < page);
    let index = line.map(|line| model.leftovers.top + line);
    if let Some(index) = index.filter(|index| *index < model.leftovers.rows().len()) {
        model.leftovers.put(index);
    }
}

/// Keeps the cursor on the screen.
pub(crate) fn follow(model: &mut Model) {
    let page = super::view::leftovers::page(model);
    let len = model.leftovers.rows().len();
    let own = &mut model.leftovers;
    own.top = first_row(own.top, own.index, page, len);
}

/// Asks for a search, if one is wanted and it is time for it.
pub(crate) fn ask(model: &mut Model) -> Option<Effect> {
    let now = model.now.uptime;
    let snapshot = model.latest.as_ref()?;
    let shown = model.view == View::Leftovers
        && model.frozen.is_none()
        && Class::of(model.size) != Class::TooSmall;
    let own = &mut model.leftovers;
    let due = match own.asked {
        None => shown || own.found.is_none(),
        Some(asked) => shown && now.saturating_sub(asked) >= EVERY,
    };
    if own.pending || !due {
        return None;
    }
    (own.asked, own.pending) = (Some(now), true);
    let deleted = snapshot
        .happenings
        .iter()
        .filter(|what| what.what == Happened::Deleted);
    let keys = deleted.map(|what| what.key.clone());
    Some(Effect::FindLeftovers(keys.collect()))
}
