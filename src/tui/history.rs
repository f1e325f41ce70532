//! The history view's lines: what happened to containers, what the operator did and what came of it;
//! which are shown, and the one under the cursor, by identity.

use std::sync::Arc;

use jiff::Timestamp;

use crate::inventory::happenings::{ExitStatus, Happened, Happening};
use crate::kernel::Signal;
use crate::oci::ContainerKey;

use super::action::Motion;
use super::deeds::{Deed, Deeds};
use super::filter::Filter;
use super::place::first_row;

/// One line of the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum HistoryEntry<'a> {
    /// Something happened to a container.
    Happened(&'a Happening),
    /// The operator had something done.
    Did(&'a Arc<Deed>),
}

/// The same, to be remembered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Remembered {
    Happened(Happening),
    Did(Arc<Deed>),
}

impl<'a> HistoryEntry<'a> {
    /// When.
    pub(crate) fn at(self) -> Timestamp {
        match self {
            Self::Happened(happening) => happening.at,
            Self::Did(deed) => deed.at,
        }
    }

    /// To which container.
    pub(crate) fn key(self) -> &'a ContainerKey {
        match self {
            Self::Happened(happening) => &happening.key,
            Self::Did(deed) => &deed.key,
        }
    }

    /// What, in words; in fourteen columns if they must be few.
    pub(crate) fn words(self, few: bool) -> String {
        match self {
            Self::Happened(happening) => words(&happening.what, few),
            Self::Did(deed) if few => format!("{} {}", deed.act.word(), deed.ending.word()),
            Self::Did(deed) => format!("{} {}", deed.act.words(), deed.ending.word()),
        }
    }

    /// Why something was not done.
    pub(crate) fn reason(self) -> Option<String> {
        match self {
            Self::Happened(_) => None,
            Self::Did(deed) => deed.ending.reason(),
        }
    }

    fn is(self, other: &Remembered) -> bool {
        match (self, other) {
            (Self::Happened(happening), Remembered::Happened(other)) => happening == other,
            // Two actions may read the same.
            (Self::Did(deed), Remembered::Did(other)) => Arc::ptr_eq(deed, other),
            _ => false,
        }
    }

    pub(crate) fn remember(self) -> Remembered {
        match self {
            Self::Happened(happening) => Remembered::Happened(happening.clone()),
            Self::Did(deed) => Remembered::Did(Arc::clone(deed)),
        }
    }
}

impl Remembered {
    /// As it is told.
    pub(crate) fn past(&self) -> HistoryEntry<'_> {
        match self {
            Self::Happened(happening) => HistoryEntry::Happened(happening),
            Self::Did(deed) => HistoryEntry::Did(deed),
        }
    }
}

/// Cursor and first line. Without a cursor the newest stays in sight; once there is one it stays
/// on its line, whatever comes above it.
#[derive(Debug, Default)]
pub(crate) struct HistoryCursor {
    cursor: Option<Remembered>,
    /// Where the cursor was, for when its line goes.
    index: usize,
    /// First line on the screen.
    pub(crate) top: usize,
}

/// What the filter lets through, newest first.
pub(crate) fn shown<'a>(
    happened: &'a [Happening],
    deeds: &'a Deeds,
    filter: &Filter,
) -> Vec<HistoryEntry<'a>> {
    let mut happened = happened.iter().rev().map(HistoryEntry::Happened).peekable();
    let mut did = deeds.all().rev().map(HistoryEntry::Did).peekable();
    let newest_first = std::iter::from_fn(move || match (happened.peek(), did.peek()) {
        // What was done is told before what was seen of it.
        (Some(seen), Some(done)) if seen.at() >= done.at() => happened.next(),
        (Some(_), None) => happened.next(),
        _ => did.next(),
    });
    newest_first
        .filter(|past| filter.matches_past(*past))
        .collect()
}

impl HistoryCursor {
    /// Whether the cursor is on this line.
    pub(crate) fn is_on(&self, past: HistoryEntry<'_>) -> bool {
        self.cursor.as_ref().is_some_and(|cursor| past.is(cursor))
    }

    /// The container that the line under the cursor is about.
    pub(crate) fn key(&self) -> Option<&ContainerKey> {
        self.cursor.as_ref().map(|cursor| match cursor {
            Remembered::Happened(happening) => &happening.key,
            Remembered::Did(deed) => &deed.key,
        })
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Stays on its line, or goes to the neighbour if that is no longer shown.
    pub(crate) fn settle(&mut self, rows: &[HistoryEntry<'_>], page: usize) {
        if self.cursor.is_some() {
            let found = rows.iter().position(|row| self.is_on(*row));
            let index = found.unwrap_or(self.index.min(rows.len().saturating_sub(1)));
            self.put(rows, index);
        }
        self.top = first_row(self.top, self.index, page, rows.len());
    }

    pub(crate) fn put(&mut self, rows: &[HistoryEntry<'_>], index: usize) {
        self.cursor = rows.get(index).map(|row| row.remember());
        self.index = if self.cursor.is_some() { index } else { 0 };
    }

    /// The first movement only puts the cursor on the newest line.
    pub(crate) fn go(&mut self, rows: &[HistoryEntry<'_>], motion: Motion, page: usize) {
        let index = match self.cursor {
            None if matches!(motion, Motion::Down | Motion::Up) => 0,
            _ => motion.apply(self.index, rows.len(), page),
        };
        self.put(rows, index);
        self.top = first_row(self.top, self.index, page, rows.len());
    }

    /// Follows the newest again.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// What happened, in words; in fourteen columns if they must be few.
pub(crate) fn words(what: &Happened, few: bool) -> String {
    let word = match what {
        Happened::Created => "created",
        Happened::Started => "started",
        Happened::Paused => "paused",
        Happened::Resumed => "resumed",
        Happened::Deleted => "deleted",
        Happened::Exited { status } => return exited(*status, few),
        Happened::OomKilled { processes } if few => return format!("OOM x{processes}"),
        Happened::OomKilled { processes } => return format!("oom-killed x{processes}"),
    };
    word.to_owned()
}

fn exited(status: Option<ExitStatus>, few: bool) -> String {
    match status {
        None => "exited".to_owned(),
        Some(ExitStatus::Code(code)) if few => format!("exited {code}"),
        Some(ExitStatus::Code(code)) => format!("exited with code {code}"),
        Some(ExitStatus::Signal(signal)) if few => format!("by {}", Signal(signal)),
        Some(ExitStatus::Signal(signal)) => format!("ended by {}", Signal(signal)),
    }
}

/// The letter by which a chart marks it.
pub(crate) fn glyph(what: &Happened) -> char {
    match what {
        Happened::Created => 'c',
        Happened::Started => 's',
        Happened::Paused => 'p',
        Happened::Resumed => 'r',
        Happened::Exited { .. } => 'e',
        Happened::OomKilled { .. } => 'x',
        Happened::Deleted => 'd',
    }
}

/// What the letters stand for.
pub(crate) const LEGEND: &str = "x OOM kill  s start  e exit  p pause  r resume";
