//! Everything the screen shows. Only `update` changes it, drawing only reads it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Size;

use crate::config::Config;
use crate::inventory::processes::ProcessSubject;
use crate::inventory::{Condition, Container, Snapshot};
use crate::lifecycle::Job;
use crate::oci::{ContainerKey, Status};

use super::axes::{Ceiling, TimeSpan};
use super::deeds::Deeds;
use super::event::Moment;
use super::filter::Filter;
use super::history::{HistoryCursor, HistoryEntry};
use super::leftovers::LeftoverList;
use super::log_pane::{LogPane, Tone};
use super::modal::{Modal, Open, WhySubject as Examined};
use super::place::{Pane, View};
use super::processes::ProcessPane;
use super::rdt::Rdt;
use super::selection::Selection;
use super::standing;
use super::table::{self, Column, SortKey};
use super::theme::TerminalLook;

/// A job under way.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) job: Job,
    pub(crate) since: Moment,
    /// Number and word of its present step.
    pub(crate) step: Option<(usize, &'static str)>,
    pub(crate) total: usize,
    /// It has come to the end of a step since the operator asked to leave.
    pub(crate) held: bool,
}

impl Running {
    /// Whether ocitop can end without cutting a step short: it has not begun one, or is held at
    /// the end of one.
    pub(crate) fn may_be_left(&self) -> bool {
        self.held || self.step.is_none()
    }

    /// The word its row wears.
    pub(crate) fn state_word(&self) -> &'static str {
        match self.job {
            Job::Delete(..) => "deleting",
            Job::Kill(..) | Job::KillAll(..) | Job::SignalOne(..) => "signaling",
            Job::Stop(_) => "stopping",
            Job::Pause(_) => "pausing",
            Job::Resume(_) => "resuming",
            Job::Start(_) => "starting",
            Job::Clean(..) => "cleaning",
        }
    }
}

/// Which rows of the list, in which order, and how they are shown.
#[derive(Debug)]
pub(crate) struct ContainerList {
    pub(crate) selection: Selection,
    pub(crate) sort: SortKey,
    pub(crate) reversed: bool,
    pub(crate) stopped: bool,
    /// Only what needs a person.
    pub(crate) attention: bool,
    pub(crate) filter_text: String,
    pub(crate) filter: Filter,
    pub(crate) hidden: Vec<Column>,
    /// First row on the screen.
    pub(crate) top: usize,
    /// Columns by which the ids are scrolled.
    pub(crate) sideways: usize,
}

/// The state of the screen.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own: any combination is a state"
)]
pub struct Model {
    pub(crate) now: Moment,
    pub(crate) look: TerminalLook,
    pub(crate) zone: jiff::tz::TimeZone,
    pub(crate) size: Size,
    pub(crate) read_only: bool,
    pub(crate) interval: Duration,
    /// A word for what is shown when it is not the host (the lab).
    pub(crate) title: Option<String>,
    /// The newest scan.
    pub(crate) latest: Option<Arc<Snapshot>>,
    /// The one shown while the screen is frozen.
    pub(crate) frozen: Option<Arc<Snapshot>>,
    pub(crate) rows: Vec<Arc<Container>>,
    pub(crate) list: ContainerList,
    pub(crate) rdt: Rdt,
    pub(crate) leftovers: LeftoverList,
    /// The lines of the history view.
    pub(crate) history: HistoryCursor,
    /// How far back charts reach.
    pub(crate) span: TimeSpan,
    /// Where the axes of charts end.
    pub(crate) ceiling: Ceiling,
    pub(crate) log: LogPane,
    /// Rows asked for with Ctrl-Up and Ctrl-Down beyond the log's normal height.
    pub(crate) log_extra: i16,
    pub(crate) log_hidden: bool,
    pub(crate) detail_scroll: usize,
    pub(crate) processes: ProcessPane,
    pub(crate) view: View,
    pub(crate) focus: Pane,
    pub(crate) zoomed: bool,
    pub(crate) mouse: bool,
    pub(crate) open: Option<Open>,
    pub(crate) tickets: u64,
    pub(crate) jobs: BTreeMap<ContainerKey, Running>,
    /// What was done before.
    pub(crate) deeds: Deeds,
    /// How many containers need a person.
    pub(crate) in_need: usize,
    /// The operator wants to leave as soon as no step runs.
    pub(crate) leaving: bool,
}

impl Model {
    /// An empty screen of the given size, before the first scan.
    pub fn new(config: &Config, look: TerminalLook, zone: jiff::tz::TimeZone, size: Size) -> Self {
        Self {
            now: Moment {
                uptime: Duration::ZERO,
                wall: jiff::Timestamp::UNIX_EPOCH,
            },
            look,
            zone,
            size,
            read_only: config.read_only,
            interval: config.interval,
            title: None,
            latest: None,
            frozen: None,
            rows: Vec::new(),
            list: ContainerList {
                selection: Selection::default(),
                sort: SortKey::Attention,
                reversed: false,
                stopped: true,
                attention: false,
                filter_text: String::new(),
                filter: Filter::default(),
                hidden: Vec::new(),
                top: 0,
                sideways: 0,
            },
            rdt: Rdt::default(),
            leftovers: LeftoverList::default(),
            history: HistoryCursor::default(),
            span: TimeSpan::default(),
            ceiling: Ceiling::Limit,
            log: LogPane::default(),
            log_extra: 0,
            log_hidden: false,
            detail_scroll: 0,
            processes: ProcessPane::default(),
            view: View::Containers,
            focus: Pane::List,
            zoomed: false,
            mouse: true,
            open: None,
            tickets: 0,
            jobs: BTreeMap::new(),
            deeds: Deeds::default(),
            in_need: 0,
            leaving: false,
        }
    }

    /// Names what is shown when it is not the host, and greets with lines in the log.
    pub fn greet(&mut self, at: Moment, title: Option<String>, notice: Vec<String>) {
        self.now = at;
        self.title = title;
        for line in notice {
            self.log
                .say(at.wall, Tone::None, crate::text::visible(&line));
        }
    }

    /// The containers selected by the cursor: its key, for tests and callers that follow it.
    pub fn selected_key(&self) -> Option<&ContainerKey> {
        self.list.selection.key()
    }

    /// The keys of the rows shown, from the top.
    pub fn row_keys(&self) -> impl Iterator<Item = &ContainerKey> {
        self.rows.iter().map(|row| &row.key)
    }

    /// How many dialogs are open: none or one.
    pub fn dialogs(&self) -> usize {
        usize::from(self.open.is_some())
    }

    /// The container whose processes are shown, as it is now; `None` once it is gone.
    pub(crate) fn process_container(&self) -> Option<&Arc<Container>> {
        let key = self.processes.of.as_ref()?;
        let latest = self.latest.as_ref()?;
        latest.containers.iter().find(|row| row.key == *key)
    }

    /// Whose processes are to be read, if anybody looks at them.
    pub(crate) fn process_subject(&self) -> Option<ProcessSubject> {
        let container = self.process_container()?;
        (self.view == View::Processes).then(|| ProcessSubject {
            key: container.key.clone(),
            init: container.init,
            cgroups: container.cgroups.clone(),
            selected: self.processes.cursor,
        })
    }

    /// What is to be examined, while its page is open; of a leftover what was found of it last.
    pub(crate) fn examined(&self) -> Option<Examined> {
        let Some(Modal::Why(why)) = self.modal() else {
            return None;
        };
        let pinned = why.subject.clone();
        let newest = match &pinned {
            Examined::Leftover(left) => self.leftovers.newest(left).cloned(),
            Examined::Container(_) => None,
        };
        Some(newest.map_or(pinned, |left| Examined::Leftover(Arc::new(left))))
    }

    /// The container that keys for one container are about: under the cursor, or the one whose
    /// processes are shown.
    pub(crate) fn subject(&self) -> Option<&Arc<Container>> {
        match self.view {
            View::Processes => self.process_container(),
            View::Containers | View::Usage | View::Leftovers | View::Rdt | View::History => {
                self.selected()
            }
        }
    }

    /// The scan that is shown.
    pub(crate) fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.frozen.as_ref().or(self.latest.as_ref())
    }

    /// Where ocitop was told to find the host.
    pub(crate) fn host_dir(&self) -> Option<&Path> {
        self.snapshot()?.host.dir.as_deref()
    }

    /// The container under the cursor.
    pub(crate) fn selected(&self) -> Option<&Arc<Container>> {
        let key = self.list.selection.key()?;
        self.rows.iter().find(|row| row.key == *key)
    }

    /// The marked containers, or else the one under the cursor. In the processes view it is the
    /// container named there: marks cannot be seen in it.
    pub(crate) fn targets(&self) -> Vec<Arc<Container>> {
        if self.view == View::Processes {
            return self.process_container().cloned().into_iter().collect();
        }
        let marks = self.list.selection.marks();
        if marks.is_empty() {
            return self.selected().cloned().into_iter().collect();
        }
        let all = self.snapshot().map(|snapshot| snapshot.containers.iter());
        let all = all.into_iter().flatten();
        all.filter(|row| marks.contains(&row.key))
            .cloned()
            .collect()
    }

    pub(crate) fn modal(&self) -> Option<&Modal> {
        self.open.as_ref().map(|open| &open.modal)
    }

    /// Works the rows out again, after a scan or when the filter or the order has changed.
    pub(crate) fn arrange(&mut self) {
        let Some(snapshot) = self.snapshot().cloned() else {
            return;
        };
        let list = &self.list;
        let in_need = |row: &&Arc<Container>| standing::needs_attention(row, &self.deeds);
        self.in_need = snapshot.containers.iter().filter(in_need).count();
        let wanted = |row: &&Arc<Container>| {
            (list.stopped || row.condition != Condition::Known(Status::Stopped))
                && (!list.attention || in_need(row))
                && list.filter.matches(row, &self.deeds)
        };
        let mut rows: Vec<_> = snapshot.containers.iter().filter(wanted).cloned().collect();
        table::sort(&mut rows, list.sort, list.reversed, &self.deeds);
        self.rows = rows;
        self.list.selection.settle(&self.rows);
        self.follow();
        self.settle_past();
    }

    /// What of the past is shown, newest first.
    pub(crate) fn history_entries(&self) -> Vec<HistoryEntry<'_>> {
        let happened = self.snapshot().map(|snapshot| &*snapshot.happenings);
        let happened = happened.map_or(&[][..], Vec::as_slice);
        super::history::shown(happened, &self.deeds, &self.list.filter)
    }
}
