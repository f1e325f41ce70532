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
    /// v1 only: the strictest limit over this cgroup and its ancestors.
    pub hierarchical_limit: Option<u64>,
}

/// v2 `memory.stat`.
pub fn parse_stat_v2(text: &str) -> MemoryStat {
    MemoryStat {
        inactive_file: flat_key(text, "inactive_file"),
        anon: flat_key(text, "anon"),
        file: flat_key(text, "file"),
        hierarchical_limit: None,
    }
}

/// v1 `memory.stat`: the `total_` keys, which count the cgroups below too.
pub fn parse_stat_v1(text: &str) -> MemoryStat {
    MemoryStat {
        inactive_file: flat_key(text, "total_inactive_file"),
        anon: flat_key(text, "total_rss"),
        file: flat_key(text, "total_cache"),
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
