//! CPU time and quota: `cpu.stat`, `cpu.max` (v2, cgroup-v2.rst "CPU Interface Files") and
//! `cpuacct.usage`, `cpu.stat`, `cpu.cfs_quota_us` (v1, cpuacct.rst, sched-bwc.rst).

use std::time::Duration;

use super::{Limit, ParseFileError, flat_key, leading_number, single_value};

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

/// CPU time by mode. The kernel estimates the split and scales it to the total, so only
/// [`CpuUsage::total`] is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuModes {
    /// In user mode so far.
    pub user: Duration,
    /// In the kernel so far.
    pub system: Duration,
}

/// v2 `cpu.stat`: `user_usec` and `system_usec`, there even without the controller.
///
/// ```
/// use ocitop::cgroup::cpu::parse_modes_v2;
/// let text = "usage_usec 319672\nuser_usec 299439\nsystem_usec 20232\nnice_usec 0\n";
/// assert_eq!(parse_modes_v2(text).unwrap().system.as_micros(), 20_232);
/// ```
pub fn parse_modes_v2(cpu_stat: &str) -> Option<CpuModes> {
    Some(CpuModes {
        user: Duration::from_micros(flat_key(cpu_stat, "user_usec")?),
        system: Duration::from_micros(flat_key(cpu_stat, "system_usec")?),
    })
}

/// v1 `cpuacct.stat`, in clock ticks of which a second has `hertz` (`USER_HZ`).
///
/// ```
/// use ocitop::cgroup::cpu::parse_modes_v1;
/// assert_eq!(parse_modes_v1("user 87\nsystem 1\n", 100).unwrap().user.as_millis(), 870);
/// assert_eq!(parse_modes_v1("user 87\nsystem 1\n", 0), None);
/// ```
pub fn parse_modes_v1(cpuacct_stat: &str, hertz: u64) -> Option<CpuModes> {
    let time = |key| {
        let nanos = u128::from(flat_key(cpuacct_stat, key)?) * 1_000_000_000;
        let nanos = nanos.checked_div(u128::from(hertz))?;
        Some(Duration::from_nanos(u64::try_from(nanos).ok()?))
    };
    Some(CpuModes {
        user: time("user")?,
        system: time("system")?,
    })
}

/// How long the quota held its tasks back so far, summed over CPUs: v2 `throttled_usec`, v1
/// `throttled_time` (nanoseconds) of `cpu.stat`. `None` where the file has neither.
///
/// ```
/// use ocitop::cgroup::cpu::parse_stalled;
/// assert_eq!(parse_stalled("throttled_usec 7\n").unwrap().as_nanos(), 7_000);
/// assert_eq!(parse_stalled("throttled_time 553518518\n").unwrap().as_millis(), 553);
/// assert_eq!(parse_stalled("usage_usec 1\n"), None);
/// ```
pub fn parse_stalled(cpu_stat: &str) -> Option<Duration> {
    let usec = flat_key(cpu_stat, "throttled_usec").map(Duration::from_micros);
    usec.or_else(|| flat_key(cpu_stat, "throttled_time").map(Duration::from_nanos))
}

/// The CPU time in the first line of v2's `cpu.stat`, for a reader that wants no more of it.
///
/// ```
/// use ocitop::cgroup::cpu::parse_usage_usec;
/// assert_eq!(parse_usage_usec(b"usage_usec 319672\nuser_us").unwrap().as_micros(), 319_672);
/// assert_eq!(parse_usage_usec(b"user_usec 1\n"), None);
/// ```
pub fn parse_usage_usec(cpu_stat: &[u8]) -> Option<Duration> {
    let number = leading_number(cpu_stat.strip_prefix(b"usage_usec ")?)?;
    Some(Duration::from_micros(number))
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
