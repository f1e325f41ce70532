//! What the process uses, looked at again and again.

use std::fs;
use std::time::Duration;

use nix::unistd::Pid;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// Growth of memory that is a buffer filling up to its bound: the log's and the history's lines, the
/// samples of the last two hours.
const MEMORY: u64 = 6 << 10;

/// Descriptors that come with what is on the screen.
const FEW: u64 = 12;

/// Threads that work, and one that asks what may not answer.
const WORKERS: u64 = 5;

/// Of one look: KiB of memory of its own, descriptors, threads.
#[derive(Debug, Clone, Copy)]
struct Used {
    at: Duration,
    anon: u64,
    descriptors: u64,
    threads: u64,
}

impl Used {
    fn now(pid: Pid, at: Duration) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        Some(Self {
            at,
            anon: number("RssAnon:")?,
            descriptors: descriptors as u64,
            threads: number("Threads:")?,
        })
    }
}

/// All looks.
#[derive(Debug, Default)]
pub(crate) struct Watch(Vec<Used>);

impl Watch {
    /// Looks, if it is time.
    pub(crate) fn look(&mut self, pid: Pid, at: Duration) {
        let is_time = |last: &Used| at.saturating_sub(last.at) >= PERIOD;
        if self.0.last().is_none_or(is_time) {
            self.0.extend(Used::now(pid, at));
        }
    }

    /// The last look, in words.
    pub(crate) fn line(&self, at: Duration) -> String {
        let last = self.0.last().unwrap();
        format!(
            "{:>5} s: {:.1} MiB, {} descriptors, {} threads",
            at.as_secs(),
            last.anon as f64 / 1024.0,
            last.descriptors,
            last.threads
        )
    }

    /// The middle, or the least, of a value within a part of the time, in twentieths.
    fn within(&self, whole: Duration, from: u32, to: u32, of: fn(&Used) -> u64) -> Vec<u64> {
        let is_in = |used: &&Used| used.at >= whole * from / 20 && used.at < whole * to / 20;
        let mut values: Vec<u64> = self.0.iter().filter(is_in).map(of).collect();
        values.sort_unstable();
        assert!(!values.is_empty(), "nothing was seen: {self:?}");
        values
    }

    /// Memory in the middle, and the least descriptors and threads, after the start and at the end.
    fn both(&self, whole: Duration) -> [(u64, u64); 3] {
        let median = |values: Vec<u64>| values[values.len() / 2];
        let least = |values: Vec<u64>| values[0];
        let pair = |of: fn(&Used) -> u64, one: fn(Vec<u64>) -> u64| {
            let at = |from, to| one(self.within(whole, from, to, of));
            (at(2, 6), at(16, 20))
        };
        [
            pair(|used| used.anon, median),
            pair(|used| used.descriptors, least),
            pair(|used| used.threads, least),
        ]
    }

    /// Neither memory nor threads grow.
    #[track_caller]
    pub(crate) fn assert_flat(&self, whole: Duration) {
        let [memory, _, threads] = self.both(whole);
        let said = self.summary(whole);
        assert!(memory.1 <= memory.0 + MEMORY, "memory grows: {said}");
        // Those that do the work start with the first work there is.
        assert!(threads.1 <= threads.0 + WORKERS, "threads grow: {said}");
    }

    /// Where no container comes, the least open descriptors do not become more.
    #[track_caller]
    pub(crate) fn assert_no_more_descriptors(&self, whole: Duration) {
        let [_, (start, end), _] = self.both(whole);
        assert!(end <= start + FEW, "descriptors: {}", self.summary(whole));
    }

    /// All descriptors are let go but those that it had at the first look, and a few that came with
    /// what is on the screen.
    pub(crate) fn has_let_go(&self, pid: Pid) -> bool {
        let now = Used::now(pid, Duration::ZERO).unwrap();
        now.descriptors <= self.0[0].descriptors + FEW
    }

    pub(crate) fn summary(&self, whole: Duration) -> String {
        let [memory, descriptors, threads] = self.both(whole);
        let mib = |kib: u64| kib as f64 / 1024.0;
        let most = self.0.iter().map(|used| used.anon).max().unwrap();
        format!(
            "memory {:.1} to {:.1} MiB (most {:.1}), descriptors {} to {}, threads {} to {}",
            mib(memory.0),
            mib(memory.1),
            mib(most),
            descriptors.0,
            descriptors.1,
            threads.0,
            threads.1
        )
    }
}
