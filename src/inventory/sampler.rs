//! The sampler: looks at this host again and again, at almost no cost, and says what it saw.
//!
//! What can be told by an event is not looked for: arrivals and changed files by inotify, exits by
//! pidfd, freezing and OOM kills on v2 by the cgroup's event files. What has to be read is read
//! through kept descriptors: three counters of every container at each pass, everything else of
//! those on the screen. All of it is looked at anew now and then, a slice at each pass, because
//! events get lost: on network file systems, and when watches run out.
//!
//! Synchronous: the caller has the thread, and calls [`Sampler::wait`] between two passes.

mod attention;
mod changes;
mod descriptors;
mod events;
mod roots;
mod row;
mod rows;
mod telling;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use events::Alarm;
use events::{Notice, RowId, Watches};
use row::SampledRow;
use rows::Rows;

use super::container::Container;
use super::happenings::Happening;
use super::host::HostSensors;
use super::machine::Machine;
use super::own::OwnMeter;
use super::series::{Series, SeriesId};
use super::snapshot::Snapshot;
use super::usage::{HostUsage, OfAll, Watch};
use super::users::Users;
use crate::config::StateRoot;
use attention::Turns;
use descriptors::DescriptorBudget;
use roots::WatchedRoots;

/// Everything is looked at again in this many passes, in slices; sooner where that is a slice of few
/// rows, later where it would be one of very many.
const SLICES: usize = 10;
const FEW: usize = 100;
const MANY: usize = 500;
/// Rows in a table are looked at closely at one pass of this many: of most that is read then the
/// table has nothing.
const TABLE: usize = 5;
/// A slice asks one time in this many for what is usually told: whether files changed, and the OOM
/// killer's count.
const UNTOLD: usize = 3;
/// Rows that were never looked at closely and are, at each pass: their limits are not known yet.
const UNSEEN: usize = 20;
/// Rows without kept descriptors whose counters are read at each pass.
const REOPENED: usize = 2000;

/// Why waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The time is over.
    Time,
    /// Something happened on the host.
    Change,
    /// Somebody rang.
    Alarm,
}

/// Looks at the host again and again; keeps what makes the next look cheap.
#[derive(Debug)]
pub struct Sampler {
    machine: Machine,
    events: Watches,
    roots: WatchedRoots,
    rows: Rows,
    users: Users,
    own: OwnMeter,
    host: HostSensors,
    host_usage: HostUsage,
    host_history: Arc<Series>,
    happenings: Arc<Vec<Happening>>,
    visible: Vec<RowId>,
    watch: Watch,
    watch_all: bool,
    /// Rows whose files have to be read, and rows whose status has to be derived.
    unread: BTreeSet<RowId>,
    stirred: BTreeSet<RowId>,
    /// Rows whose turn it is to be looked at anew, and whether what is usually told is asked too.
    sliced: BTreeSet<RowId>,
    asks: bool,
    budget: DescriptorBudget,
    /// Rows that there will be when all that was found is read.
    expected: usize,
    begun: Instant,
    /// When the host was last looked at.
    hosted: Option<Duration>,
    passes: usize,
    turns: Turns,
    /// Rows whose CPU time has just come to a stand.
    stilled: Vec<RowId>,
    /// The first pass is over: what comes now is new.
    settled: bool,
    buffer: Vec<u8>,
}

impl Sampler {
    /// A sampler that has not looked yet. Fails without an epoll instance.
    pub fn new(machine: Machine) -> io::Result<Self> {
        let host = HostSensors::open(&machine);
        Ok(Self {
            events: Watches::new()?,
            roots: WatchedRoots::default(),
            rows: Rows::default(),
            users: Users::read(&machine),
            own: OwnMeter::default(),
            host,
            host_usage: HostUsage::default(),
            host_history: Arc::default(),
            happenings: Arc::default(),
            visible: Vec::new(),
            watch: Watch::default(),
            watch_all: false,
            unread: BTreeSet::new(),
            stirred: BTreeSet::new(),
            sliced: BTreeSet::new(),
            asks: true,
            budget: DescriptorBudget::of_process(),
            expected: 0,
            begun: Instant::now(),
            hosted: None,
            passes: 0,
            turns: Turns::default(),
            stilled: Vec::new(),
            settled: false,
            buffer: Vec::new(),
            machine,
        })
    }

    /// The moment from which it counts the time of histories and happenings.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Counts that time from another moment: as another sampler does, whose snapshots its own are
    /// added to.
    #[must_use]
    pub fn since(self, begun: Instant) -> Self {
        Self { begun, ..self }
    }

    /// What ends a [`Self::wait`].
    pub fn alarm(&self) -> Alarm {
        self.events.alarm()
    }

    /// Roots that it does not look at, because their file systems may never answer; unless one of
    /// them is all it has.
    pub fn apart(&self) -> &[StateRoot] {
        self.roots.apart()
    }

    /// The machine it looks at.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Looks closely at these from now on, and at no others.
    pub fn watch(&mut self, watch: Watch) {
        if watch.of_all != self.watch.of_all {
            self.rows.iter_mut().for_each(SampledRow::forget_answers);
        }
        self.watch = watch;
        self.settle_watch();
    }

    /// Looks closely at every container.
    pub fn watch_all(&mut self) {
        self.watch_all = true;
    }

    fn settle_watch(&mut self) {
        let keys = self.watch.visible.iter().chain(&self.watch.selected);
        let mut visible: Vec<RowId> = if self.watch_all {
            self.rows.order().to_vec()
        } else {
            keys.filter_map(|key| self.rows.id(key)).collect()
        };
        visible.sort_unstable();
        visible.dedup();
        let now = self.begun.elapsed();
        for id in &visible {
            // At once, so that nobody sees dashes for a second.
            if let Some(row) = self
                .rows
                .get_mut(*id)
                .filter(|row| row.shown().detail.is_none())
            {
                row.look_closely(&self.machine, now, &mut self.buffer);
            }
        }
        for id in std::mem::replace(&mut self.visible, visible) {
            if self.visible.binary_search(&id).is_err()
                && let Some(row) = self.rows.get_mut(id)
            {
                row.look_away();
            }
        }
    }

    /// Looks at everything, reads all counters.
    pub fn pass(&mut self) -> Snapshot {
        let start = Instant::now();
        self.passes += 1;
        let notices = self.events.wait(Duration::ZERO);
        self.take(notices);
        self.look_at_roots();
        self.look_at_slice();
        self.catch_up();
        self.settle_watch();
        self.settled = true;
        self.count();
        self.look_for_trouble();
        self.look_at_host();
        self.snapshot(start)
    }

    /// Looks at what was noticed since; `None` if that changed nothing.
    pub fn update(&mut self) -> Option<Snapshot> {
        let start = Instant::now();
        let notices = self.events.wait(Duration::ZERO);
        self.take(notices);
        if self.roots.are_due() {
            self.look_at_roots();
        }
        let changed = self.catch_up();
        self.settle_watch();
        changed.then(|| self.snapshot(start))
    }

    /// The last look again, with what is watched since.
    pub fn again(&mut self) -> Snapshot {
        self.snapshot(Instant::now())
    }

    /// Waits for `limit` or until something happens.
    pub fn wait(&mut self, limit: Duration) -> Woken {
        let notices = self.events.wait(limit);
        let woken = match notices.as_slice() {
            [] => Woken::Time,
            notices if notices.contains(&Notice::Alarm) => Woken::Alarm,
            _ => Woken::Change,
        };
        self.take(notices);
        woken
    }

    fn take(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            match notice {
                Notice::Alarm => {}
                Notice::Root(root) => self.roots.list_again(root),
                Notice::Above => self.roots.find_again(),
                Notice::Entry(row) => drop(self.unread.insert(row)),
                Notice::Cgroup(row) => drop(self.stirred.insert(row)),
                Notice::Exit(row) => {
                    self.note_exit(row);
                    self.stirred.insert(row);
                }
                Notice::Overflow => {
                    self.roots.find_again();
                    self.unread.extend(self.rows.order());
                }
            }
        }
    }

    /// Looks at a slice of the rows as if nothing had ever been told, and at what is on the screen.
    fn look_at_slice(&mut self) {
        let rows = self.rows.len();
        let slices = (rows / FEW).clamp(1, SLICES).max(rows / MANY);
        let ask = (self.passes / slices).is_multiple_of(UNTOLD);
        self.asks = ask;
        let slice = self
            .rows
            .order()
            .iter()
            .skip(self.passes % slices)
            .step_by(slices);
        for id in slice {
            let Some(row) = self.rows.get(*id) else {
                continue;
            };
            let dir = self.roots.dir(row.root);
            let asked = ask || !row.is_told() || row.unborn;
            if asked && !dir.is_some_and(|dir| row.tracked().is_unchanged(dir, &row.key)) {
                self.unread.insert(*id);
            }
            self.sliced.insert(*id);
        }
        self.stirred.extend(&self.visible);
        self.stirred.extend(self.rows.unborn());
    }

    /// Reads the counters: of every row whose files are kept open, and of some of the others.
    fn count(&mut self) {
        let now = self.begun.elapsed();
        let reopened = self.rows.reopened(REOPENED);
        for (id, row) in self.rows.each_mut().filter(|(_, row)| row.is_kept()) {
            if row.sample(&self.machine, now) {
                self.stilled.push(id);
            }
        }
        for id in reopened {
            if let Some(row) = self.rows.get_mut(id)
                && row.sample(&self.machine, now)
            {
                self.stilled.push(id);
            }
        }
        let all_in_full = self.watch.in_full || self.watch_all;
        let selected = self.watch.selected.as_ref();
        for id in &self.visible {
            let turn = usize::try_from(*id).unwrap_or_default() + self.passes;
            let Some(row) = self.rows.get_mut(*id) else {
                continue;
            };
            let in_full = all_in_full || selected == Some(&row.key);
            if in_full || turn.is_multiple_of(TABLE) || row.shown().detail.is_none() {
                row.look_closely(&self.machine, now, &mut self.buffer);
            }
            if in_full {
                row.forget_questions();
            } else {
                row.answer(OfAll::TABLE, &self.machine);
            }
        }
        if self.watch.of_all != OfAll::default() {
            for row in self
                .rows
                .iter_mut()
                .filter(|row| row.shown().detail.is_none())
            {
                row.answer(self.watch.of_all, &self.machine);
            }
        }
        for id in self.rows.unseen(UNSEEN) {
            if let Some(row) = self.rows.get_mut(id) {
                row.look_closely(&self.machine, now, &mut self.buffer);
                row.look_away();
            }
        }
    }

    fn look_at_host(&mut self) {
        let now = self.begun.elapsed();
        self.host_usage = self.host.read(&self.machine, &mut self.buffer);
        let from = self.hosted.replace(now).unwrap_or(now);
        let usage = &self.host_usage;
        let history = Arc::make_mut(&mut self.host_history);
        let stall = |stall: Option<super::usage::Stall>| Some(stall?.some?.avg10);
        let values = [
            (SeriesId::Cpu, usage.cpu),
            (SeriesId::Memory, usage.memory.map(|bytes| bytes as f64)),
            (SeriesId::Swap, usage.swap.map(|(used, _)| used as f64)),
            (SeriesId::Pids, usage.tasks.map(|tasks| tasks as f64)),
            (SeriesId::PressureCpu, stall(usage.pressure.cpu)),
            (SeriesId::PressureMemory, stall(usage.pressure.memory)),
            (SeriesId::PressureIo, stall(usage.pressure.io)),
        ];
        for (metric, value) in values {
            if let Some(value) = value {
                history.push(metric, from, now, value);
            }
        }
    }

    fn snapshot(&mut self, start: Instant) -> Snapshot {
        let roots = &self.roots;
        let containers: Vec<Arc<Container>> = self.rows.shown(|root| roots.place(root));
        Snapshot {
            taken: jiff::Timestamp::now(),
            took: start.elapsed(),
            host: Arc::clone(&self.machine.host),
            roots: self.roots.views(&self.rows),
            containers,
            own: self.own.read(&self.machine),
            uptime: self.begun.elapsed(),
            usage: self.host_usage.clone(),
            history: Arc::clone(&self.host_history),
            happenings: Arc::clone(&self.happenings),
        }
    }
}
