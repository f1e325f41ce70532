//! The state of the processes view: whose they are, which one the cursor is on, how they are
//! ordered. By identity, never by row number or pid alone.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::inventory::processes::{Listing, Process, ProcessGroup, ProcessPlace};
use crate::oci::ContainerKey;
use crate::process::InitProcess;

use super::action::Motion;

/// What a flat list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortBy {
    Cpu,
    Resident,
    Pid,
    State,
}

impl SortBy {
    pub(crate) const ALL: [Self; 4] = [Self::Cpu, Self::Resident, Self::Pid, Self::State];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Resident => "rss",
            Self::Pid => "pid",
            Self::State => "state",
        }
    }
}

/// A line of the list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ProcessLine<'a> {
    Heading(&'a ProcessGroup),
    Process {
        process: &'a Process,
        place: &'a ProcessPlace,
        /// Ancestors of it above it in its group.
        depth: usize,
    },
}

impl<'a> ProcessLine<'a> {
    fn process(&self) -> Option<&'a Process> {
        match self {
            Self::Heading(_) => None,
            Self::Process { process, .. } => Some(process),
        }
    }

    fn is(&self, who: Option<InitProcess>) -> bool {
        who.is_some() && self.process().map(|process| process.who) == who
    }
}

/// The processes view.
#[derive(Debug)]
pub(crate) struct ProcessPane {
    /// The container it is about: pinned when the view is turned to, so that another that takes
    /// its row is not taken for it.
    pub(crate) of: Option<ContainerKey>,
    pub(crate) listing: Option<Arc<Listing>>,
    pub(crate) cursor: Option<InitProcess>,
    /// Where the cursor was among the processes, for the neighbour when its process goes.
    index: usize,
    /// First row on the screen.
    pub(crate) top: usize,
    /// Columns by which the commands are scrolled.
    pub(crate) sideways: usize,
    pub(crate) flat: bool,
    pub(crate) sort: SortBy,
    pub(crate) reversed: bool,
    pub(crate) filter: String,
}

impl Default for ProcessPane {
    fn default() -> Self {
        Self {
            of: None,
            listing: None,
            cursor: None,
            index: 0,
            top: 0,
            sideways: 0,
            flat: false,
            sort: SortBy::Cpu,
            reversed: false,
            filter: String::new(),
        }
    }
}

impl ProcessPane {
    /// Turns to a container.
    pub(crate) fn pin(&mut self, key: Option<ContainerKey>) {
        if self.of != key {
            let (flat, sort, reversed) = (self.flat, self.sort, self.reversed);
            *self = Self {
                of: key,
                flat,
                sort,
                reversed,
                ..Self::default()
            };
        }
    }

    /// The rows; without `headings` the groups follow one another unsaid.
    pub(crate) fn rows(&self, headings: bool) -> Vec<ProcessLine<'_>> {
        let groups = self.listing.iter().flat_map(|listing| &listing.groups);
        if self.flat {
            let mut rows: Vec<_> = groups
                .flat_map(|group| {
                    group
                        .processes
                        .iter()
                        .map(|process| (&group.place, process))
                })
                .filter(|(_, process)| self.matches(process))
                .collect();
            rows.sort_by(|a, b| self.order(a.1, b.1));
            let row = |(place, process)| ProcessLine::Process {
                process,
                place,
                depth: 0,
            };
            return rows.into_iter().map(row).collect();
        }
        let mut rows = Vec::new();
        for group in groups {
            let heading = rows.len();
            rows.push(ProcessLine::Heading(group));
            let of_group = branches(group).into_iter();
            rows.extend(of_group.filter(|row| row.process().is_none_or(|p| self.matches(p))));
            if !headings || rows.len() == heading + 1 {
                rows.remove(heading);
            }
        }
        rows
    }

    fn matches(&self, process: &Process) -> bool {
        let text = format!(
            "{} {} {} {}",
            process.who.pid, process.user, process.state, process.command
        );
        let text = text.to_lowercase();
        let wanted = self.filter.to_lowercase();
        wanted.split_whitespace().all(|word| text.contains(word))
    }

    fn order(&self, a: &Process, b: &Process) -> Ordering {
        let number = |value: Option<f64>| value.unwrap_or(-1.0);
        let by_key = match self.sort {
            SortBy::Cpu => number(b.cpu).total_cmp(&number(a.cpu)),
            SortBy::Resident => b.resident.cmp(&a.resident),
            SortBy::Pid => a.who.pid.cmp(&b.who.pid),
            SortBy::State => rank(a).cmp(&rank(b)),
        };
        let by_key = if self.reversed {
            by_key.reverse()
        } else {
            by_key
        };
        by_key.then_with(|| a.who.pid.cmp(&b.who.pid))
    }

    /// The process under the cursor.
    pub(crate) fn selected(&self) -> Option<&Process> {
        self.listing.as_ref()?.find(self.cursor?)
    }

    /// Stays on its process, or goes to the neighbour if that is no longer shown.
    pub(crate) fn settle(&mut self) {
        let shown: Vec<_> = self.shown().collect();
        let at = shown.iter().position(|who| Some(*who) == self.cursor);
        let index = at.unwrap_or_else(|| self.index.min(shown.len().saturating_sub(1)));
        self.cursor = shown.get(index).copied();
        self.index = index;
    }

    pub(crate) fn go(&mut self, motion: Motion, page: usize) {
        let shown: Vec<_> = self.shown().collect();
        self.index = motion.apply(self.index, shown.len(), page);
        self.cursor = shown.get(self.index).copied();
    }

    /// Puts the cursor on a process.
    pub(crate) fn put(&mut self, who: InitProcess) {
        self.cursor = Some(who);
        self.settle();
    }

    fn shown(&self) -> impl Iterator<Item = InitProcess> {
        let rows = self.rows(false).into_iter();
        rows.filter_map(|row| Some(row.process()?.who))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The row of the cursor.
    pub(crate) fn cursor_row(&self, rows: &[ProcessLine<'_>]) -> usize {
        let at = rows.iter().position(|row| row.is(self.cursor));
        at.unwrap_or(0)
    }
}

/// What needs a person first.
fn rank(process: &Process) -> u8 {
    match process.state {
        'D' => 0,
        'Z' | 'X' => 1,
        'T' | 't' => 2,
        'R' => 3,
        _ => 4,
    }
}

/// A group as trees: each process below its parent, init first, else by pid.
fn branches(group: &ProcessGroup) -> Vec<ProcessLine<'_>> {
    let pids: BTreeSet<i32> = group.processes.iter().map(|p| p.who.pid).collect();
    let children = |of: Option<i32>| {
        let mut found: Vec<&Process> = group
            .processes
            .iter()
            .filter(|process| match of {
                Some(parent) => process.parent == parent && process.who.pid != parent,
                None => !pids.contains(&process.parent),
            })
            .collect();
        // Taken from the end, so the last comes first.
        found.sort_by_key(|process| (!process.is_init, process.who.pid));
        found.reverse();
        found
    };
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    let mut todo: Vec<(&Process, usize)> = children(None).into_iter().map(|p| (p, 0)).collect();
    // Parents were read one after the other: a circle can be seen where there was none.
    let mut rest = group.processes.iter();
    while let Some((process, depth)) = todo.pop().or_else(|| rest.next().map(|p| (p, 0))) {
        if seen.insert(process.who.pid) {
            rows.push(ProcessLine::Process {
                process,
                place: &group.place,
                depth,
            });
            let below = children(Some(process.who.pid)).into_iter();
            todo.extend(below.map(|child| (child, depth + 1)));
        }
    }
    rows
}
