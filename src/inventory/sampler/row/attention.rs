//! What of one container needs a person: gathered from its status, its tasks, its limits and what the
//! OOM killer did.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::SampledRow;
use crate::cgroup::memory::OomControl;
use crate::inventory::attention::{Attention, Trouble};
use crate::inventory::vitals::{Now, SETTLED, TaskSubject};
use crate::inventory::{Machine, counters};

impl SampledRow {
    /// Looks at some of its tasks; the files it took.
    pub(in crate::inventory::sampler) fn look_at_tasks(
        &mut self,
        machine: &Machine,
        now: Now,
        most: usize,
    ) -> usize {
        self.turn_of_tasks.looked = Some(now.uptime);
        let subject = TaskSubject::of(&self.shown, &self.cgroups, self.tracked.record());
        let Some(subject) = subject else {
            return 0;
        };
        let reads = self.vitals.look(machine, subject, now, most);
        self.attend();
        reads
    }

    /// Whether its tasks are to be looked at again soon.
    pub(in crate::inventory::sampler) fn is_suspect(&self) -> bool {
        self.vitals.suspects()
    }

    /// Takes in what this pass read of it. True if the counters of its limits are worth a look.
    pub(in crate::inventory::sampler) fn strains(&mut self, now: Now) -> bool {
        if !self.shown.condition.is_alive() {
            return false;
        }
        let before = self.strain.is_long();
        let worth = self.strain.pass(&self.shown.usage, now);
        if before != self.strain.is_long() {
            self.attend();
        }
        worth
    }

    /// Looks at the counters of its limits.
    pub(in crate::inventory::sampler) fn look_at_limits(&mut self, machine: &Machine, now: Now) {
        let usage = &self.shown.usage;
        let hierarchies = &machine.hierarchies;
        self.strain.look(&self.cgroups, hierarchies, usage, now);
        self.attend();
    }

    /// Reads how many processes the OOM killer took. True if that is not what was known; with it
    /// how many more.
    pub(in crate::inventory::sampler) fn look_for_oom_kills(
        &mut self,
        machine: &Machine,
        now: Now,
    ) -> (bool, u64) {
        if !self.shown.condition.is_alive() {
            return (false, 0);
        }
        let read = counters::oom(&self.cgroups, &machine.hierarchies).unwrap_or_default();
        let mut usage = self.shown.usage;
        // A close look may have come first.
        self.oom.begin(usage.oom_kills);
        usage.oom_kills = read.kills;
        let more = self.oom.take(read, now);
        let changed = self.set_usage(usage);
        self.attend();
        (changed, more)
    }

    /// Works out what of it needs a person, from what was seen last.
    pub(super) fn attend(&mut self) {
        let mut troubles = Vec::new();
        troubles.extend(self.shown.frozen.clone().map(Trouble::Frozen));
        self.vitals.troubles(&mut troubles);
        self.strain.troubles(&mut troubles);
        self.oom.troubles(&mut troubles);
        let attention = Attention::new(troubles, self.vitals.unlooked());
        let attention = Some(attention).filter(|some| *some != Attention::default());
        if attention.as_ref() != self.shown.attention.as_deref() {
            Arc::make_mut(&mut self.shown).attention = attention.map(Arc::new);
        }
    }
}

/// Whether and when its tasks were looked at.
#[derive(Debug, Default)]
pub(in crate::inventory::sampler) struct LookTurn {
    /// When they were last.
    pub(in crate::inventory::sampler) looked: Option<Duration>,
    /// It waits for another look among those that are odd.
    pub(in crate::inventory::sampler) suspected: bool,
}

/// What the OOM killer did, as far as it was looked.
#[derive(Debug, Default)]
pub(super) struct Oom {
    /// Its count at the first look, and at the last.
    first: Option<u64>,
    last: Option<u64>,
    /// When the count was last seen to grow.
    grown: Option<Timestamp>,
    /// Since when tasks wait for memory because it is off.
    waits: Option<Now>,
    waits_long: bool,
}

impl Oom {
    /// What was counted before the first look.
    fn begin(&mut self, kills: Option<u64>) {
        self.first = self.first.or(kills);
        self.last = self.last.or(kills);
    }

    /// Takes a look in; how many processes it took since the one before.
    fn take(&mut self, read: OomControl, now: Now) -> u64 {
        let off = read.kill_disabled == Some(true) && read.under_oom == Some(true);
        self.waits = off.then(|| self.waits.unwrap_or(now));
        self.waits_long = self
            .waits
            .is_some_and(|since| now.uptime.saturating_sub(since.uptime) >= SETTLED);
        let Some(kills) = read.kills else {
            return 0;
        };
        self.first.get_or_insert(kills);
        let before = self.last.replace(kills).unwrap_or(kills);
        let more = kills.saturating_sub(before);
        if more > 0 {
            self.grown = Some(now.wall);
        }
        more
    }

    fn troubles(&self, out: &mut Vec<Trouble>) {
        if let Some(since) = self.waits.filter(|_| self.waits_long) {
            out.push(Trouble::NoMemory { since: since.wall });
        }
        if let (Some(first), Some(kills @ 1..)) = (self.first, self.last) {
            out.push(Trouble::OomKilled {
                kills,
                lately: Some(kills.saturating_sub(first)),
                last: self.grown,
            });
        }
    }
}
