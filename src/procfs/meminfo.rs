//! `/proc/meminfo` (proc_meminfo(5)).

/// The memory of the host, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemInfo {
    /// `MemTotal`.
    pub total: Option<u64>,
    /// `MemAvailable`: what could be had without swapping (since 3.14).
    pub available: Option<u64>,
    /// `SwapTotal`; 0 without swap.
    pub swap_total: Option<u64>,
    /// `SwapFree`.
    pub swap_free: Option<u64>,
}

/// The file: lines like `MemTotal:       24683656 kB`, where kB is 1,024 bytes.
///
/// ```
/// use ocitop::procfs::meminfo::parse_meminfo;
/// let text = "MemTotal:       24683656 kB\nMemFree:        10255656 kB\nSwapTotal: 0 kB\n";
/// let memory = parse_meminfo(text);
/// assert_eq!(memory.total, Some(24_683_656 << 10));
/// assert_eq!((memory.available, memory.swap_total), (None, Some(0)));
/// ```
pub fn parse_meminfo(text: &str) -> MemInfo {
    let mut memory = MemInfo::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let place = match key {
            "MemTotal" => &mut memory.total,
            "MemAvailable" => &mut memory.available,
            "SwapTotal" => &mut memory.swap_total,
            "SwapFree" => &mut memory.swap_free,
            _ => continue,
        };
        let number = value.split_ascii_whitespace().next();
        *place = number
            .and_then(|number| number.parse::<u64>().ok())
            .and_then(|kilobytes| kilobytes.checked_mul(1024));
    }
    memory
}
