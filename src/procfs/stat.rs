//! `/proc/stat` (proc_stat(5)): its first line.

/// Ticks (`USER_HZ`) in which the CPUs did something, all together since boot: user, nice, system,
/// irq and softirq.
///
/// Idle and waiting for IO is not busy, and steal is time that another machine had. Guests are
/// counted in user and nice already. A sum of what only grows: the idle counters may go back.
///
/// ```
/// use ocitop::procfs::stat::parse_busy;
/// let text = "cpu  167626 95 20513 98726 1510 0 237 178 0 0\ncpu0 84576 43 8612 50621 469\n";
/// assert_eq!(parse_busy(text), Some(167_626 + 95 + 20_513 + 237));
/// assert_eq!(parse_busy("cpu 0\n"), None);
/// ```
pub fn parse_busy(text: &str) -> Option<u64> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?;
    let mut fields = fields.split_ascii_whitespace().map(str::parse::<u64>);
    let mut required = || fields.next()?.ok();
    let (user, nice, system, _idle) = (required()?, required()?, required()?, required()?);
    // Kernels before 2.6 end here.
    let mut late = fields.skip(1).map(|field| field.unwrap_or(0));
    let (irq, softirq) = (late.next().unwrap_or(0), late.next().unwrap_or(0));
    let parts = [user, nice, system, irq, softirq];
    Some(parts.into_iter().fold(0, u64::saturating_add))
}
