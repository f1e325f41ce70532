//! CPU time and quota: `cpu.stat`, `cpu.max` (v2, cgroup-v2.rst "CPU Interface Files") and
//! `cpuacct.usage`, `cpu.stat`, `cpu.cfs_quota_us` (v1, cpuacct.rst, sched-bwc.rst).

use std::time::Duration;

use super::{Limit, ParseFileError, flat_key, single_value};

/// CPU time used, and how often the quota throttled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuUsage {
    /// CPU time of all processes so far.
    pub total: Duration,
    /// Enforcement periods so far and how many of them were throttled; `None` without quota files.
    pub throttling: Option<Throttling>,
}

/// Counters of the CPU quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttling {
    /// Periods in which it wanted to run.
    pub periods: u64,
    /// Periods in which it was throttled.
    pub throttled: u64,
}

/// The quota's counters in `cpu.stat` of either version; `None` where the file has none.
pub fn parse_throttling(cpu_stat: &str) -> Option<Throttling> {
    let periods = flat_key(cpu_stat, "nr_periods")?;
    Some(Throttling {
        periods,
        throttled: flat_key(cpu_stat, "nr_throttled")?,
    })
}

/// v2 `cpu.stat`. `usage_usec` is there even without the controller, the periods are not.
pub fn parse_cpu_stat_v2(text: &str) -> Result<CpuUsage, ParseFileError> {
    let usec = flat_key(text, "usage_usec").ok_or_else(|| ParseFileError::new(text))?;
    Ok(CpuUsage {
        total: Duration::from_micros(usec),
        throttling: parse_throttling(text),
    })
}

/// v1 `cpuacct.usage` (nanoseconds), and `cpu.stat` where there is one.
pub fn parse_cpu_v1(usage: &str, cpu_stat: Option<&str>) -> Result<CpuUsage, ParseFileError> {
    Ok(CpuUsage {
        total: Duration::from_nanos(single_value(usage)?),
        throttling: cpu_stat.and_then(parse_throttling),
    })
}

/// The CPU limit in millionths of one core, so that it stays exact.
///
/// ```
/// use ocitop::cgroup::{Limit, cpu::parse_cpu_max};
/// assert_eq!(parse_cpu_max("50000 100000\n"), Ok(Limit::At(500_000)));
/// assert_eq!(parse_cpu_max("max 100000\n"), Ok(Limit::Max));
/// ```
pub fn parse_cpu_max(text: &str) -> Result<Limit, ParseFileError> {
    let mut words = text.split_ascii_whitespace();
    let (Some(quota), Some(period)) = (words.next(), words.next()) else {
        return Err(ParseFileError::new(text));
    };
    cores(quota, period)
}

/// v1 `cpu.cfs_quota_us` and `cpu.cfs_period_us`, as [`parse_cpu_max`].
pub fn parse_cfs(quota: &str, period: &str) -> Result<Limit, ParseFileError> {
    cores(quota.trim(), period.trim())
}

fn cores(quota: &str, period: &str) -> Result<Limit, ParseFileError> {
    let quota: Limit = quota
        .parse()
        .ok()
        .ok_or_else(|| ParseFileError::new(quota))?;
    let period: u64 = period
        .parse()
        .ok()
        .ok_or_else(|| ParseFileError::new(period))?;
    match quota {
        Limit::Max => Ok(Limit::Max),
        Limit::At(_) if period == 0 => Err(ParseFileError::new("period 0")),
        Limit::At(quota) => Ok(Limit::At(quota.saturating_mul(1_000_000) / period)),
    }
}
