//! One container between two passes: its files, its counters, what it showed last.

mod attention;
mod counting;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use attention::{LookTurn, Oom};
use counting::Asked;
use rustix::process::{Pid, PidfdFlags};

use super::descriptors::HeldDescriptors;
use super::events::{RowId, Watches};
use crate::cgroup::Version;
use crate::inventory::astray::Astray;
use crate::inventory::cgroups::{self, CgroupDir};
use crate::inventory::counters::{Counters, Counts};
use crate::inventory::detail::DetailSensors;
use crate::inventory::happenings::ExitStatus;
use crate::inventory::series::Series;
use crate::inventory::strain::Strain;
use crate::inventory::tracked::{RecentLook, Tracked};
use crate::inventory::usage::Usage;
use crate::inventory::vitals::Vitals;
use crate::inventory::{Container, Machine};
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

    /// What is left of it when it goes.
    pub(super) fn detach(mut self, events: &mut Watches) {
        events.unwatch(self.entry_watch.take());
        events.unwatch(self.cgroup_watch.take());
    }
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
