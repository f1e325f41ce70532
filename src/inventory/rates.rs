//! Counters into rates: pure, never negative, never infinite.

use std::time::{Duration, Instant};

use crate::cgroup::cpu::{CpuUsage, Throttling};
use crate::cgroup::io::IoBytes;

/// Two samples closer than this say nothing.
pub(super) const SHORTEST: Duration = Duration::from_millis(50);

/// What the last two samples of a counter say together. Passes in quick succession (a held key)
/// say nothing new: the rates of before stand.
#[derive(Debug, Default)]
pub(super) struct Paced<S, R> {
    before: Option<(Instant, S)>,
    rates: R,
}

impl<S, R> Paced<S, R> {
    /// Adds a sample taken at `at`; `of` makes the rates of the one before, if there is one, and
    /// this one.
    pub(super) fn add(
        &mut self,
        at: Instant,
        sample: S,
        of: impl FnOnce(Option<&S>, &S, Duration) -> R,
    ) {
        let before = self.before.as_ref();
        let elapsed = before.map_or(Duration::ZERO, |(then, _)| {
            at.saturating_duration_since(*then)
        });
        if before.is_some() && elapsed < SHORTEST {
            return;
        }
        self.rates = of(before.map(|(_, before)| before), &sample, elapsed);
        self.before = Some((at, sample));
    }

    /// The last rates.
    pub(super) fn rates(&self) -> &R {
        &self.rates
    }
}

/// How fast a counter grows, a second; `None` if it went back or too little time passed.
///
/// ```
/// use ocitop::inventory::rates::per_second;
/// use std::time::Duration;
/// assert_eq!(per_second(10, 30, Duration::from_secs(2)), Some(10.0));
/// assert_eq!(per_second(30, 10, Duration::from_secs(2)), None);
/// ```
pub fn per_second(before: u64, after: u64, elapsed: Duration) -> Option<f64> {
    let grown = after.checked_sub(before)?;
    (elapsed >= SHORTEST).then(|| grown as f64 / elapsed.as_secs_f64())
}

/// Percent of the time between two samples by which a time grew; of CPU time, percent of one core.
pub fn time_percent(before: Duration, after: Duration, elapsed: Duration) -> Option<f64> {
    let used = after.checked_sub(before)?;
    (elapsed >= SHORTEST).then(|| 100.0 * used.as_secs_f64() / elapsed.as_secs_f64())
}

/// Percent of one core between two samples; `None` if a counter went back (another cgroup of the
/// same name) or too little time passed.
///
/// ```
/// use ocitop::{cgroup::cpu::CpuUsage, inventory::rates::cpu_percent};
/// use std::time::{Duration, Instant};
/// let at = |ms| CpuUsage { total: Duration::from_millis(ms), throttling: None };
/// assert_eq!(cpu_percent(&at(0), &at(500), Duration::from_secs(1)), Some(50.0));
/// assert_eq!(cpu_percent(&at(500), &at(0), Duration::from_secs(1)), None);
/// ```
pub fn cpu_percent(before: &CpuUsage, after: &CpuUsage, elapsed: Duration) -> Option<f64> {
    time_percent(before.total, after.total, elapsed)
}

/// Percent of the quota's periods that were throttled; `None` without a quota or a period between.
pub fn throttled_percent(before: &CpuUsage, after: &CpuUsage) -> Option<f64> {
    throttled(&before.throttling?, &after.throttling?)
}

/// As [`throttled_percent`], of the quota's own counters.
pub fn throttled(before: &Throttling, after: &Throttling) -> Option<f64> {
    let periods = after
        .periods
        .checked_sub(before.periods)
        .filter(|periods| *periods > 0)?;
    let throttled = after.throttled.checked_sub(before.throttled)?;
    Some((100.0 * throttled as f64 / periods as f64).min(100.0))
}

/// Bytes a second read and written.
pub fn io_rates(before: &IoBytes, after: &IoBytes, elapsed: Duration) -> Option<(f64, f64)> {
    let read = per_second(before.read, after.read, elapsed)?;
    let written = per_second(before.written, after.written, elapsed)?;
    Some((read, written))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(paced: &mut Paced<u64, Option<f64>>, at: Instant, value: u64) -> Option<f64> {
        paced.add(at, value, |before, after, elapsed| {
            per_second(*before?, *after, elapsed)
        });
        *paced.rates()
    }

    #[test]
    fn samples_too_close_together_leave_the_last_rate() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut paced = Paced::default();
        let mut say = |ms, value| add(&mut paced, at(ms), value);
        assert_eq!(say(0, 0), None, "one sample is no rate");
        assert_eq!(say(1000, 100), Some(100.0));
        assert_eq!(say(1001, 9_000), Some(100.0));
        assert_eq!(
            say(2000, 300),
            Some(200.0),
            "counted from the last that stood"
        );
    }

    #[test]
    fn a_counter_that_goes_back_gives_no_rate_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut paced = Paced::default();
        let mut said = Vec::new();
        for (second, value) in [(0, 50), (1, 60), (2, 5), (3, 9)] {
            said.push(add(&mut paced, at(second), value));
        }
        assert_eq!(said, [None, Some(10.0), None, Some(4.0)]);
    }
}
