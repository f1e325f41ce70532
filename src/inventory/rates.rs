//! Counters into rates: pure, never negative, never infinite.

use std::time::Duration;

use crate::cgroup::cpu::CpuUsage;
use crate::cgroup::io::IoBytes;

/// Two samples closer than this say nothing.
pub(super) const SHORTEST: Duration = Duration::from_millis(50);

/// Percent of one core between two samples; `None` if a counter went back (another cgroup of the
/// same name) or too little time passed.
///
/// ```
/// use ocitop::{cgroup::cpu::CpuUsage, inventory::rates::cpu_percent};
/// use std::time::Duration;
/// let at = |ms| CpuUsage { total: Duration::from_millis(ms), throttling: None };
/// assert_eq!(cpu_percent(&at(0), &at(500), Duration::from_secs(1)), Some(50.0));
/// assert_eq!(cpu_percent(&at(500), &at(0), Duration::from_secs(1)), None);
/// ```
pub fn cpu_percent(before: &CpuUsage, after: &CpuUsage, elapsed: Duration) -> Option<f64> {
    let used = after.total.checked_sub(before.total)?;
    (elapsed >= SHORTEST).then(|| 100.0 * used.as_secs_f64() / elapsed.as_secs_f64())
}

/// Percent of one core, of CPU time so far.
pub(super) fn time_percent(before: Duration, after: Duration, elapsed: Duration) -> Option<f64> {
    let used = after.checked_sub(before)?;
    (elapsed >= SHORTEST).then(|| 100.0 * used.as_secs_f64() / elapsed.as_secs_f64())
}

/// Percent of the quota's periods that were throttled; `None` without a quota or a period between.
pub fn throttled_percent(before: &CpuUsage, after: &CpuUsage) -> Option<f64> {
    let (before, after) = (before.throttling?, after.throttling?);
    let periods = after
        .periods
        .checked_sub(before.periods)
        .filter(|periods| *periods > 0)?;
    let throttled = after.throttled.checked_sub(before.throttled)?;
    Some((100.0 * throttled as f64 / periods as f64).min(100.0))
}

/// Bytes a second read and written.
pub fn io_rates(before: &IoBytes, after: &IoBytes, elapsed: Duration) -> Option<(f64, f64)> {
    let read = after.read.checked_sub(before.read)?;
    let written = after.written.checked_sub(before.written)?;
    let seconds = elapsed.as_secs_f64();
    (elapsed >= SHORTEST).then(|| (read as f64 / seconds, written as f64 / seconds))
}
