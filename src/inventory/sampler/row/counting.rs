//! The numbers of a row: its counters at each pass, and all the rest while somebody looks at it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::SampledRow;
use crate::cgroup::cpu::Throttling;
use crate::cgroup::io::IoBytes;
use crate::inventory::astray::Astray;
use crate::inventory::counters::{self};
use crate::inventory::detail::DetailSensors;
use crate::inventory::rates::Paced;
use crate::inventory::series::SeriesId;
use crate::inventory::usage::{Detail, OfAll, Usage};
use crate::inventory::{Container, Machine, rates};

impl SampledRow {
    /// Reads its counters. `now` is the time of histories. True if its CPU time has come to a stand:
    /// it has nothing to do, or cannot.
    pub(in crate::inventory::sampler) fn sample(
        &mut self,
        machine: &Machine,
        now: Duration,
    ) -> bool {
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
    pub(in crate::inventory::sampler) fn find_astray(&mut self, machine: &Machine) {
        if let Some(init) = self.shown.init.filter(|_| self.counters.is_some()) {
            self.astray = Some(Astray::of(machine, init, &self.cgroups));
            let mut usage = self.shown.usage;
            self.hide_astray(&mut usage);
            self.set_usage(usage);
        }
    }

    /// Whether it was never asked where its init is, or that was of another init or other cgroups.
    pub(in crate::inventory::sampler) fn is_unplaced(&self) -> bool {
        self.astray.is_none() && self.shown.init.is_some() && self.counters.is_some()
    }

    pub(super) fn hide_astray(&self, usage: &mut Usage) {
        if let Some(astray) = self.astray {
            astray.hide(usage);
        }
    }

    /// Reads what a table shows, or what a sort or a filter wants of every row. A close look has it
    /// too, of longer ago.
    pub(in crate::inventory::sampler) fn answer(&mut self, of_all: OfAll, machine: &Machine) {
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
    pub(in crate::inventory::sampler) fn forget_questions(&mut self) {
        self.asked = None;
    }

    /// Nobody wants that any more.
    pub(in crate::inventory::sampler) fn forget_answers(&mut self) {
        if self.asked.take().is_some() {
            self.set_usage(without_answers(self.shown.usage));
        }
    }

    pub(super) fn remember(&mut self, usage: &Usage, from: Duration, now: Duration) {
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

    pub(super) fn set_usage(&mut self, usage: Usage) -> bool {
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
    pub(in crate::inventory::sampler) fn look_closely(
        &mut self,
        machine: &Machine,
        now: Duration,
        buffer: &mut Vec<u8>,
    ) {
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

    pub(super) fn remember_detail(&mut self, usage: &Usage, detail: &Detail, now: Duration) {
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
    pub(in crate::inventory::sampler) fn look_away(&mut self) {
        (self.detail, self.closely, self.asked) = (None, None, None);
        if self.shown.detail.is_some() {
            let mut shown = Container::clone(&self.shown);
            shown.detail = None;
            shown.usage = without_answers(shown.usage);
            self.shown = Arc::new(shown);
        }
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
pub(super) struct Asked {
    pub(super) io: Paced<Option<IoBytes>, Option<(f64, f64)>>,
    pub(super) throttled: Paced<Option<Throttling>, Option<f64>>,
}
