//! One container between two passes: its files, its counters, what it showed last.

mod attention;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use attention::{LookTurn, Oom};
use rustix::process::{Pid, PidfdFlags};

use super::descriptors::HeldDescriptors;
use super::events::{RowId, Watches};
use crate::cgroup::Version;
use crate::cgroup::cpu::Throttling;
use crate::cgroup::io::IoBytes;
use crate::inventory::astray::Astray;
use crate::inventory::cgroups::{self, CgroupDir};
use crate::inventory::counters::{self, Counters, Counts};
use crate::inventory::detail::DetailSensors;
use crate::inventory::happenings::ExitStatus;
use crate::inventory::rates::Paced;
use crate::inventory::series::{Series, SeriesId};
use crate::inventory::strain::Strain;
use crate::inventory::tracked::{RecentLook, Tracked};
use crate::inventory::usage::{Detail, OfAll, Usage};
use crate::inventory::vitals::Vitals;
use crate::inventory::{Container, Machine, rates};
use crate::oci::ContainerKey;
use crate::process::InitProcess;

/// One container.
#[derive(Debug)]
pub(super) struct SampledRow {
    pub(super) key: ContainerKey,
    pub(super) root: usize,
    tracked: Tracked,
    /// Those of its cgroups that exist.
    cgroups: Vec<CgroupDir>,
    /// Its files were read again since its cgroups were looked for.
    reread: bool,
    /// Which of its cgroups is looked for next.
    turn: usize,
    counters: Option<Counters>,
    before: Option<(Duration, Counts)>,
    /// When it was last looked at closely, and is still.
    closely: Option<Duration>,
    detail: Option<Box<DetailSensors>>,
    /// What is counted for a sort or a filter, where it is not looked at closely.
    asked: Option<Box<Asked>>,
    history: Arc<Series>,
    /// Memory that was inactive page cache when it was last looked at closely.
    inactive: u64,
    shown: Arc<Container>,
    init: Option<(InitProcess, Option<OwnedFd>)>,
    entry_watch: Option<i32>,
    cgroup_watch: Option<i32>,
    vitals: Vitals,
    strain: Strain,
    oom: Oom,
    pub(super) turn_of_tasks: LookTurn,
    /// How its init ended, if that could be seen.
    pub(super) ended: Option<ExitStatus>,
    /// It was looked at closely once: its limits are known.
    pub(super) seen: bool,
    /// Where its init is not counted, once that was asked.
    astray: Option<Astray>,
    /// The cgroup above that sets the strictest CPU quota, as it was then.
    quota_above: Option<Arc<Path>>,
    /// A directory just made, or just being emptied, that has no state file (yet, or any more). Not
    /// shown: a moment later it is a container, or nothing.
    pub(super) unborn: bool,
}

impl SampledRow {
    /// A row without counters yet.
    pub(super) fn new(key: ContainerKey, root: usize, tracked: Tracked, machine: &Machine) -> Self {
        let cgroups = cgroups::existing(tracked.named(), &machine.hierarchies);
        let facts = tracked.facts(machine, &cgroups);
        Self {
            unborn: tracked.is_unborn(),
            key,
            root,
            tracked,
            cgroups,
            reread: false,
            turn: 0,
            counters: None,
            before: None,
            closely: None,
            detail: None,
            asked: None,
            history: Arc::default(),
            inactive: 0,
            shown: Arc::new(Container::of(facts)),
            init: None,
            entry_watch: None,
            cgroup_watch: None,
            vitals: Vitals::default(),
            strain: Strain::default(),
            oom: Oom::default(),
            turn_of_tasks: LookTurn::default(),
            ended: None,
            seen: false,
            astray: None,
            quota_above: None,
        }
    }

    /// The row as it is shown.
    pub(super) fn shown(&self) -> &Arc<Container> {
        &self.shown
    }

    /// Its files.
    pub(super) fn tracked(&self) -> &Tracked {
        &self.tracked
    }

    /// Whether these are files of the same directory: another one of the same name is another
    /// container, and nothing of this one is its.
    pub(super) fn is_of(&self, tracked: &Tracked) -> bool {
        tracked.state_dir() == self.tracked.state_dir()
    }

    /// Whether it has counters.
    pub(super) fn counts(&self) -> bool {
        self.counters.is_some()
    }

    /// What stands in its files now.
    pub(super) fn replace(&mut self, tracked: Tracked, events: &mut Watches) {
        if tracked.named() != self.tracked.named() {
            self.forget_cgroups(events);
        }
        self.tracked = tracked;
        self.reread = true;
    }

    /// Those of its cgroups that exist; `None` if they are those that did. One that a process is in
    /// cannot be removed, and looking for all costs more than everything else: while init lives they
    /// are looked for in turn, one at each look that asks, and all of them only where that one is not
    /// as it was.
    fn look_for_cgroups(&mut self, machine: &Machine, asks: bool) -> Option<Vec<CgroupDir>> {
        let named = self.tracked.named();
        let hierarchies = &machine.hierarchies;
        if !self.reread && self.shown.init.is_some() && self.counters.is_some() {
            if !asks {
                return None;
            }
            self.turn = (self.turn + 1) % named.len().max(1);
            let as_it_was =
                |next: &CgroupDir| next.dir(hierarchies).is_dir() == self.cgroups.contains(next);
            if named.get(self.turn).is_some_and(as_it_was) {
                return None;
            }
        }
        let cgroups = cgroups::existing(named, hierarchies);
        (cgroups != self.cgroups).then_some(cgroups)
    }

    fn forget_cgroups(&mut self, events: &mut Watches) {
        (self.counters, self.detail, self.before, self.astray) = (None, None, None, None);
        // Its counters began anew.
        self.strain.forget();
        self.oom = Oom::default();
        events.unwatch(self.cgroup_watch.take());
    }

    /// Derives its status again; `asks` also for what seldom changes while init lives. True if it is
    /// not what it was.
    pub(super) fn refresh(&mut self, machine: &Machine, events: &mut Watches, asks: bool) -> bool {
        let moved = self.look_for_cgroups(machine, asks);
        let same = moved.is_none() && !std::mem::take(&mut self.reread);
        if let Some(cgroups) = moved {
            self.forget_cgroups(events);
            self.cgroups = cgroups;
        }
        let held = self.init.as_ref().filter(|(_, held)| held.is_some());
        let known = RecentLook {
            init: held.map(|(init, _)| *init),
            freezer: self.counters.as_ref().and_then(Counters::thawed),
        };
        if same && !self.unborn && self.tracked.is_still(&self.shown.facts, machine, known) {
            return false;
        }
        let facts = self.tracked.facts(machine, &self.cgroups);
        let unborn = self.tracked.is_unborn();
        let born = std::mem::replace(&mut self.unborn, unborn) != unborn;
        let changed = facts != *self.shown.facts;
        if changed {
            if facts.init != self.shown.init {
                // Part of it is init's.
                (self.detail, self.astray) = (None, None);
            }
            let mut shown = Container::clone(&self.shown);
            shown.facts = Arc::new(facts);
            if !shown.condition.is_alive() {
                (shown.usage, shown.detail) = (Usage::default(), None);
                self.vitals.forget();
                self.strain.forget();
            }
            self.shown = Arc::new(shown);
            self.attend();
        }
        born || (changed && !unborn)
    }

    /// Opens what is kept: counters, watches, its init.
    pub(super) fn attach(
        &mut self,
        id: RowId,
        root: &OwnedFd,
        machine: &Machine,
        events: &mut Watches,
        keep: Keep,
    ) {
        if self.entry_watch.is_none() {
            self.entry_watch = events.watch_entry(root, self.key.name(), id);
        }
        if self.cgroup_watch.is_none() {
            let unified = self.cgroups.iter().find(|dir| {
                let hierarchy = machine.hierarchies.at(dir.hierarchy);
                hierarchy.is_some_and(|hierarchy| hierarchy.version == Version::V2)
            });
            let dir = unified.map(|dir| dir.dir(&machine.hierarchies));
            self.cgroup_watch = dir.and_then(|dir| events.watch_cgroup(&dir, id));
        }
        self.attach_init(id, machine, events, keep != Keep::Nothing);
        // Rows came since, whose inits come before these; or this one came on the screen.
        if (keep == Keep::All) != self.is_kept() {
            self.counters = None;
        }
        if self.counters.is_none() && !self.cgroups.is_empty() {
            let keep = keep == Keep::All;
            self.counters = Some(Counters::open(&self.cgroups, &machine.hierarchies, keep));
        }
    }

    /// Holds a pidfd of its init. It is opened first and the process looked at after: what passes
    /// then is the very one.
    fn attach_init(&mut self, id: RowId, machine: &Machine, events: &Watches, keep: bool) {
        let now = self.shown.init;
        let known = self.init.as_ref();
        if known.map(|(init, _)| *init) == now
            && (!keep || known.is_none_or(|(_, fd)| fd.is_some()))
        {
            return;
        }
        self.init = now.map(|init| {
            let process = Pid::from_raw(init.pid).filter(|_| keep).and_then(|pid| {
                let process = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()?;
                let stat = machine.stat(init.pid).ok().flatten()?;
                (stat.start_time == init.start_time).then_some(process)
            });
            let watched = process.filter(|process| events.watch_exit(process, id).is_ok());
            (init, watched)
        });
    }

    /// Its init has ended: nothing vouches for it any more.
    pub(super) fn let_go(&mut self) {
        if let Some((_, held)) = &mut self.init {
            *held = None;
        }
    }

    /// Whether changes of its files are told.
    pub(super) fn is_told(&self) -> bool {
        self.entry_watch.is_some()
    }

    /// Whether the end of its init will be noticed.
    pub(super) fn is_held(&self) -> bool {
        self.init.as_ref().is_some_and(|(_, fd)| fd.is_some())
    }

    /// Descriptors it keeps.
    pub(super) fn held(&self) -> HeldDescriptors {
        HeldDescriptors {
            inits: usize::from(self.is_held()),
            counters: self.counters.as_ref().map_or(0, Counters::kept),
        }
    }

    /// Whether its counters are read through kept descriptors.
    pub(super) fn is_kept(&self) -> bool {
        self.held().counters > 0
    }

    /// Reads its counters. `now` is the time of histories. True if its CPU time has come to a stand:
    /// it has nothing to do, or cannot.
    pub(super) fn sample(&mut self, machine: &Machine, now: Duration) -> bool {
        let Some(counters) = &self.counters else {
            return false;
        };
        let counts = counters.read(&self.cgroups, &machine.hierarchies);
        if counts.cpu.is_none() && counts.memory.is_none() && counts.pids.is_none() {
            // A kept file of a removed cgroup: it is looked for again.
            self.counters = None;
            self.detail = None;
            self.set_usage(Usage::default());
            return true;
        }
        let mut usage = self.shown.usage;
        usage.memory = counts.memory;
        usage.working_set = counts
            .memory
            .map(|memory| memory.saturating_sub(self.inactive))
            .filter(|_| usage.working_set.is_some());
        usage.pids = counts.pids;
        let before = self.before.map(|(_, counts)| counts);
        let elapsed = before.map_or(Duration::ZERO, |before| counts.at.duration_since(before.at));
        if before.is_none() || elapsed >= rates::SHORTEST {
            usage.cpu =
                before.and_then(|before| rates::time_percent(before.cpu?, counts.cpu?, elapsed));
            let from = self.before.map_or(now, |(at, _)| at);
            self.before = Some((now, counts));
            self.hide_astray(&mut usage);
            self.remember(&usage, from, now);
        }
        let moved = self.shown.usage.cpu.is_some_and(|cpu| cpu > 0.0);
        self.hide_astray(&mut usage);
        self.set_usage(usage);
        moved && usage.cpu == Some(0.0)
    }

    /// Asks where its init is: what is not its own is shown no more.
    pub(super) fn find_astray(&mut self, machine: &Machine) {
        if let Some(init) = self.shown.init.filter(|_| self.counters.is_some()) {
            self.astray = Some(Astray::of(machine, init, &self.cgroups));
            let mut usage = self.shown.usage;
            self.hide_astray(&mut usage);
            self.set_usage(usage);
        }
    }

    /// Whether it was never asked where its init is, or that was of another init or other cgroups.
    pub(super) fn is_unplaced(&self) -> bool {
        self.astray.is_none() && self.shown.init.is_some() && self.counters.is_some()
    }

    fn hide_astray(&self, usage: &mut Usage) {
        if let Some(astray) = self.astray {
            astray.hide(usage);
        }
    }

    /// Reads what a table shows, or what a sort or a filter wants of every row. A close look has it
    /// too, of longer ago.
    pub(super) fn answer(&mut self, of_all: OfAll, machine: &Machine) {
        let wanted = of_all.io || of_all.throttled;
        if !wanted || !self.shown.condition.is_alive() {
            return;
        }
        let asked = self.asked.get_or_insert_with(Box::default);
        let mut usage = self.shown.usage;
        let at = Instant::now();
        if of_all.io {
            let bytes = counters::io_bytes(&self.cgroups, &machine.hierarchies);
            asked.io.add(at, bytes, |before, now, elapsed| {
                rates::io_rates(&(*before?)?, &(*now)?, elapsed)
            });
            let rates = *asked.io.rates();
            usage.io_read = rates.map(|(read, _)| read);
            usage.io_write = rates.map(|(_, written)| written);
        }
        if of_all.throttled {
            let above = self.quota_above.as_deref();
            let counts = counters::throttling(&self.cgroups, &machine.hierarchies, above);
            asked.throttled.add(at, counts, |before, now, _| {
                rates::throttled(&(*before?)?, &(*now)?)
            });
            usage.throttled = *asked.throttled.rates();
        }
        self.hide_astray(&mut usage);
        self.set_usage(usage);
    }

    /// A close look at each pass has what was asked.
    pub(super) fn forget_questions(&mut self) {
        self.asked = None;
    }

    /// Nobody wants that any more.
    pub(super) fn forget_answers(&mut self) {
        if self.asked.take().is_some() {
            self.set_usage(without_answers(self.shown.usage));
        }
    }

    fn remember(&mut self, usage: &Usage, from: Duration, now: Duration) {
        let history = Arc::make_mut(&mut self.history);
        let memory = usage.working_set.or(usage.memory).map(|bytes| bytes as f64);
        let pids = usage.pids.map(|pids| pids as f64);
        for (metric, value) in [
            (SeriesId::Cpu, usage.cpu),
            (SeriesId::Memory, memory),
            (SeriesId::Pids, pids),
        ] {
            if let Some(value) = value {
                history.push(metric, from, now, value);
            }
        }
    }

    fn set_usage(&mut self, usage: Usage) -> bool {
        if usage == self.shown.usage {
            return false;
        }
        // Nobody else has it: changed in place, without a copy.
        if let Some(shown) = Arc::get_mut(&mut self.shown) {
            shown.usage = usage;
        } else {
            let mut shown = Container::clone(&self.shown);
            shown.usage = usage;
            self.shown = Arc::new(shown);
        }
        true
    }

    /// Reads what only rows on the screen have.
    pub(super) fn look_closely(&mut self, machine: &Machine, now: Duration, buffer: &mut Vec<u8>) {
        self.seen = true;
        if self.cgroups.is_empty() || !self.shown.condition.is_alive() {
            return;
        }
        let init = self.shown.init;
        let sensors = self
            .detail
            .get_or_insert_with(|| Box::new(DetailSensors::open(&self.cgroups, machine, init)));
        let mut usage = self.shown.usage;
        let mut detail = sensors.read(machine, &self.cgroups, &mut usage, buffer);
        self.quota_above = sensors.quota_above().cloned();
        if let (Some(memory), Some(working_set)) = (usage.memory, usage.working_set) {
            self.inactive = memory.saturating_sub(working_set);
        }
        if let Some(astray) = self.astray {
            astray.hide(&mut usage);
            astray.hide_detail(&mut detail);
        }
        self.remember_detail(&usage, &detail, now);
        detail.history = Arc::clone(&self.history);
        let mut shown = Container::clone(&self.shown);
        shown.usage = usage;
        shown.detail = Some(Arc::new(detail));
        self.shown = Arc::new(shown);
    }

    fn remember_detail(&mut self, usage: &Usage, detail: &Detail, now: Duration) {
        let from = self.closely.replace(now).unwrap_or(now);
        let history = Arc::make_mut(&mut self.history);
        let network = detail.network.as_ref();
        let net = |pick: fn(&crate::inventory::usage::Interface) -> Option<f64>| {
            let interfaces = network?.interfaces.iter().filter(|one| one.name != "lo");
            interfaces.map(pick).sum::<Option<f64>>()
        };
        let stall = |stall: Option<crate::inventory::usage::Stall>| Some(stall?.some?.avg10);
        for (metric, value) in [
            (SeriesId::Throttled, usage.throttled),
            (SeriesId::Swap, detail.memory.swap.map(|bytes| bytes as f64)),
            (SeriesId::IoRead, usage.io_read),
            (SeriesId::IoWrite, usage.io_write),
            (SeriesId::NetReceived, net(|one| one.received)),
            (SeriesId::NetSent, net(|one| one.sent)),
            (SeriesId::PressureCpu, stall(detail.pressure.cpu)),
            (SeriesId::PressureMemory, stall(detail.pressure.memory)),
            (SeriesId::PressureIo, stall(detail.pressure.io)),
        ] {
            if let Some(value) = value {
                history.push(metric, from, now, value);
            }
        }
    }

    /// It left the screen: what only rows on the screen have is closed.
    pub(super) fn look_away(&mut self) {
        (self.detail, self.closely, self.asked) = (None, None, None);
        if self.shown.detail.is_some() {
            let mut shown = Container::clone(&self.shown);
            shown.detail = None;
            shown.usage = without_answers(shown.usage);
            self.shown = Arc::new(shown);
        }
    }

    /// What is left of it when it goes.
    pub(super) fn detach(mut self, events: &mut Watches) {
        events.unwatch(self.entry_watch.take());
        events.unwatch(self.cgroup_watch.take());
    }
}

/// Without what nobody looks at any more: it would only grow old.
fn without_answers(usage: Usage) -> Usage {
    Usage {
        io_read: None,
        io_write: None,
        throttled: None,
        ..usage
    }
}

/// Rates of what is counted for a sort or a filter.
#[derive(Debug, Default)]
struct Asked {
    io: Paced<Option<IoBytes>, Option<(f64, f64)>>,
    throttled: Paced<Option<Throttling>, Option<f64>>,
}

/// How much of a row may stay open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Counters and init.
    All,
    /// Its init only.
    Init,
    /// Nothing: descriptors are short.
    Nothing,
}
