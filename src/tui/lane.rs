//! The history view's lines: which are shown, and the one under the cursor, by identity.

use crate::inventory::lane::{ExitStatus, Happened, Happening};
use crate::kernel::Signal;

use super::action::Motion;
use super::filter::Filter;
use super::model::first_row;

/// Cursor and first line. Without a cursor the newest stays in sight; once there is one it stays
/// on its line, whatever comes above it.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    cursor: Option<Happening>,
    /// Where the cursor was, for when its line goes.
    index: usize,
    /// First line on the screen.
    pub(crate) top: usize,
}

/// What the filter lets through, newest first.
pub(crate) fn shown<'a>(all: &'a [Happening], filter: &Filter) -> Vec<&'a Happening> {
    let newest_first = all.iter().rev();
    newest_first
        .filter(|happening| filter.matches_happening(happening))
        .collect()
}

impl Lane {
    pub(crate) fn cursor(&self) -> Option<&Happening> {
        self.cursor.as_ref()
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Stays on its line, or goes to the neighbour if that is no longer shown.
    pub(crate) fn settle(&mut self, rows: &[&Happening], page: usize) {
        if self.cursor.is_some() {
            let found = rows.iter().position(|row| Some(*row) == self.cursor());
            let index = found.unwrap_or(self.index.min(rows.len().saturating_sub(1)));
            self.put(rows, index);
        }
        self.top = first_row(self.top, self.index, page, rows.len());
    }

    pub(crate) fn put(&mut self, rows: &[&Happening], index: usize) {
        self.cursor = rows.get(index).map(|row| (*row).clone());
        self.index = if self.cursor.is_some() { index } else { 0 };
    }

    /// The first movement only puts the cursor on the newest line.
    pub(crate) fn go(&mut self, rows: &[&Happening], motion: Motion, page: usize) {
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

/// What happened, in words; in twelve columns if they must be few.
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
