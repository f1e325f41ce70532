//! Memory: `memory.stat` of v2 (cgroup-v2.rst, "Memory Interface Files") and v1 (memory.rst).

use super::flat_key;

/// What `memory.stat` says, as far as ocitop shows it. Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryStat {
    /// Page cache the kernel would drop first.
    pub inactive_file: Option<u64>,
    /// Anonymous memory (v2 `anon`, v1 `total_rss`).
    pub anon: Option<u64>,
    /// Page cache (v2 `file`, v1 `total_cache`).
    pub file: Option<u64>,
    /// v2 only: kernel memory (`kernel`, since 5.18).
    pub kernel: Option<u64>,
    /// v1 only: swap in use (`total_swap`).
    pub swap: Option<u64>,
    /// v1 only: the strictest limit over this cgroup and its ancestors.
    pub hierarchical_limit: Option<u64>,
}

/// v2 `memory.stat`.
pub fn parse_stat_v2(text: &str) -> MemoryStat {
    MemoryStat {
        inactive_file: flat_key(text, "inactive_file"),
        anon: flat_key(text, "anon"),
        file: flat_key(text, "file"),
        kernel: flat_key(text, "kernel"),
        swap: None,
        hierarchical_limit: None,
    }
}

/// v1 `memory.stat`: the `total_` keys, which count the cgroups below too.
pub fn parse_stat_v1(text: &str) -> MemoryStat {
    MemoryStat {
        inactive_file: flat_key(text, "total_inactive_file"),
        anon: flat_key(text, "total_rss"),
        file: flat_key(text, "total_cache"),
        kernel: None,
        swap: flat_key(text, "total_swap"),
        hierarchical_limit: flat_key(text, "hierarchical_memory_limit"),
    }
}

/// The working set: usage without inactive page cache, as kubelet and docker count it.
///
/// ```
/// assert_eq!(ocitop::cgroup::memory::working_set(63_963_136, 31_457_280), 32_505_856);
/// assert_eq!(ocitop::cgroup::memory::working_set(1, 2), 0);
/// ```
pub fn working_set(usage: u64, inactive_file: u64) -> u64 {
    usage.saturating_sub(inactive_file)
}

/// How many processes the OOM killer took: v2 `memory.events`, v1 `memory.oom_control`.
pub fn parse_oom_kills(text: &str) -> Option<u64> {
    flat_key(text, "oom_kill")
}

/// v2 `memory.events`: how often what came about, descendants included. A key that an older kernel
/// lacks is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryEvents {
    /// Over `memory.high`, and throttled for it.
    pub high: Option<u64>,
    /// At `memory.max`.
    pub max: Option<u64>,
    /// An allocation was about to fail.
    pub oom: Option<u64>,
    /// Processes the OOM killer took.
    pub oom_kill: Option<u64>,
}

/// v2 `memory.events`.
///
/// ```
/// use ocitop::cgroup::memory::parse_events;
/// let events = parse_events("low 0\nhigh 0\nmax 35\noom 1\noom_kill 1\noom_group_kill 0\n");
/// assert_eq!((events.high, events.max, events.oom_kill), (Some(0), Some(35), Some(1)));
/// assert_eq!(parse_events("low 0\n").max, None);
/// ```
pub fn parse_events(text: &str) -> MemoryEvents {
    MemoryEvents {
        high: flat_key(text, "high"),
        max: flat_key(text, "max"),
        oom: flat_key(text, "oom"),
        oom_kill: flat_key(text, "oom_kill"),
    }
}

/// v1 `memory.oom_control`. A key that an older kernel lacks is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OomControl {
    /// The OOM killer is off: at the limit processes wait for memory instead.
    pub kill_disabled: Option<bool>,
    /// They wait now.
    pub under_oom: Option<bool>,
    /// Processes the OOM killer took (since 4.13).
    pub kills: Option<u64>,
}

/// v1 `memory.oom_control`.
///
/// ```
/// use ocitop::cgroup::memory::parse_oom_control;
/// let control = parse_oom_control("oom_kill_disable 1\nunder_oom 1\noom_kill 0\n");
/// assert_eq!((control.kill_disabled, control.under_oom), (Some(true), Some(true)));
/// assert_eq!(parse_oom_control("under_oom 0\n").kills, None);
/// ```
pub fn parse_oom_control(text: &str) -> OomControl {
    let flag = |key| flat_key(text, key).map(|value| value != 0);
    OomControl {
        kill_disabled: flag("oom_kill_disable"),
        under_oom: flag("under_oom"),
        kills: flat_key(text, "oom_kill"),
    }
}
