//! The dialogs. At most one is open, which the type sees to.

mod button;
mod clean;
mod confirm;
mod ready;
mod why;

use std::sync::Arc;
use std::time::Duration;

use crate::inventory::Container;
use crate::inventory::processes::Process;
use crate::kernel::Signal;
use crate::process::InitProcess;
use crate::text::secrets::Masking;

use super::action::Action;
use super::place::Pane;
use super::processes::SortBy;
use super::table::{Column, SortKey};
pub(crate) use button::Button;
pub(crate) use clean::{CleanDialog, CleanItem};
pub(crate) use confirm::{AskedAct, Confirm, Item};
pub(crate) use why::{WhyPage, WhySpot, WhySubject};

/// Keys pressed earlier than this after a dialog that acts was first seen are thrown away: they
/// were meant for what was on the screen before.
pub(crate) const TYPE_AHEAD: Duration = Duration::from_millis(300);

/// An open dialog.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) modal: Modal,
    /// What answers of workers for it carry.
    pub(crate) ticket: u64,
    /// When it was first on the screen as it is now.
    pub(crate) shown: Option<Duration>,
}

#[derive(Debug)]
pub(crate) enum Modal {
    Prompt(Prompt),
    Menu(Menu),
    Confirm(Confirm),
    Clean(CleanDialog),
    Leave(Button),
    Page(Page),
    Why(WhyPage),
}

/// The line in which a filter or a search is typed.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) pane: Pane,
    pub(crate) text: String,
}

/// Lines to read: help, state and configuration.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    pub(crate) scroll: usize,
    pub(crate) sideways: usize,
    /// Its content is still being read.
    pub(crate) pending: bool,
    /// The process it is about: it shows what was read of that last.
    pub(crate) process: Option<InitProcess>,
    /// The container whose files it shows.
    pub(crate) inspected: Option<Inspected>,
}

/// Whose files a page shows, and what of them is masked.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) container: Arc<Container>,
    pub(crate) masking: Masking,
}

/// A list to choose from.
#[derive(Debug)]
pub(crate) struct Menu {
    pub(crate) title: String,
    pub(crate) entries: Vec<MenuItem>,
    pub(crate) selected: usize,
    /// The palette's search; `None` for plain menus.
    pub(crate) query: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct MenuItem {
    /// Safe to print.
    pub(crate) label: String,
    pub(crate) choice: Choice,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Choice {
    Act(Action),
    Sort(SortKey),
    Column(Column),
    /// To the container the menu was opened for, not to whichever is selected by then.
    Signal(Vec<Arc<Container>>, Signal),
    /// As for a container, to the very process the menu was opened for.
    SignalProcess(Arc<Container>, Arc<Process>, Signal),
    SortProcesses(SortBy),
    Copy(String),
    Export(ExportFormat),
    ExportPast(ExportFormat),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    Csv,
    Json,
}

impl Menu {
    /// The entries that the search leaves.
    pub(crate) fn found(&self) -> Vec<&MenuItem> {
        let query = self.query.as_deref().unwrap_or_default().to_lowercase();
        let hit = |entry: &&MenuItem| {
            let label = entry.label.to_lowercase();
            query.split_whitespace().all(|word| label.contains(word))
        };
        self.entries.iter().filter(hit).collect()
    }
}
