//! `/proc/loadavg` (proc_loadavg(5)).

/// Load and tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadAvg {
    /// Tasks that run or sleep uninterruptibly, averaged over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Tasks there are, threads counted singly.
    pub tasks: u64,
}

/// The file: `0.78 1.38 1.35 2/103 4740`.
///
/// ```
/// use ocitop::procfs::loadavg::parse_loadavg;
/// let now = parse_loadavg("0.78 1.38 1.35 2/103 4740\n").unwrap();
/// assert_eq!((now.load, now.tasks), ([0.78, 1.38, 1.35], 103));
/// assert_eq!(parse_loadavg("0.78 1.38\n"), None);
/// ```
pub fn parse_loadavg(text: &str) -> Option<LoadAvg> {
    let mut words = text.split_ascii_whitespace();
    let mut load = [0.0; 3];
    for average in &mut load {
        *average = words
            .next()?
            .parse()
            .ok()
            .filter(|load: &f64| load.is_finite() && *load >= 0.0)?;
    }
    let (_, tasks) = words.next()?.split_once('/')?;
    Some(LoadAvg {
        load,
        tasks: tasks.parse().ok()?,
    })
}

/// The number that was given to a process or thread last, in the pid namespace of the reader.
///
/// ```
/// use ocitop::procfs::loadavg::newest_pid;
/// assert_eq!(newest_pid("0.78 1.38 1.35 2/103 4740\n"), Some(4740));
/// assert_eq!(newest_pid("0.78 1.38 1.35 2/103\n"), None);
/// ```
pub fn newest_pid(text: &str) -> Option<i32> {
    text.split_ascii_whitespace().nth(4)?.parse().ok()
}
