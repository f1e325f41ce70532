//! What ocitop itself costs.

use std::time::{Duration, Instant};

use super::machine::Machine;
use super::snapshot::OwnCost;
use crate::kernel::read::kernel_text;

/// Measures this process from one pass to the next.
#[derive(Debug, Default)]
pub(super) struct OwnMeter {
    before: Option<(Instant, Duration)>,
}

impl OwnMeter {
    /// Percent of one core since the last call and resident memory; `None` on the first.
    pub(super) fn read(&mut self, machine: &Machine) -> Option<OwnCost> {
        let now = Instant::now();
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let spent = Duration::try_from(spent).ok()?;
        let (at, then) = self.before.replace((now, spent))?;
        let statm = kernel_text(&machine.proc.join("self/statm")).ok()??;
        let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
        let elapsed = now.duration_since(at).as_secs_f64().max(1e-3);
        Some(OwnCost {
            cpu: 100.0 * spent.saturating_sub(then).as_secs_f64() / elapsed,
            memory: pages * rustix::param::page_size() as u64,
        })
    }
}
