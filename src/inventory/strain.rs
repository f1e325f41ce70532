//! Limits that a container hits all the time: of CPU time (sched-bwc.rst), of memory (memory.rst,
//! cgroup-v2.rst), of tasks (pids.rst).
//!
//! A limit that is reached now and then does its work. What needs a person is one that is hit in
//! every interval between two looks for [`LONG`]. The counters of that are read only where those of
//! every pass say that it can be so.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::attention::{Reached, Trouble};
use super::cgroups::CgroupDir;
use super::counters;
use super::rates;
use super::usage::Usage;
use super::vitals::Now;
use crate::cgroup::cpu::Throttling;
use crate::cgroup::{Hierarchies, Limit};

/// How long "all the time" is at least.
const LONG: Duration = Duration::from_secs(30);
/// Between two looks at one container.
const PACE: Duration = Duration::from_secs(5);
/// Percent of the periods that were throttled, from which on it is nearly all the time, and below
/// which it is no more.
const THROTTLED: f64 = 80.0;
const NO_MORE: f64 = 50.0;
/// Hits of the memory limit in a second that are more than a cache that has filled up.
const HITS: f64 = 100.0;

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Strain {
    throttled: Option<Run<(Throttling, Option<PathBuf>)>>,
    memory: Option<Run<u64>>,
    tasks: Option<Full>,
    looked: Option<Duration>,
}

/// It is at its limit of tasks.
#[derive(Debug, Clone, Copy)]
struct Full {
    since: Now,
    most: u64,
    lasts: Duration,
}

/// Two looks at a counter: the first of an unbroken run of intervals in each of which the limit was
/// hit, and the last.
#[derive(Debug)]
struct Run<C> {
    first: (Now, C),
    last: (Now, C),
}

impl<C: Clone> Run<C> {
    /// Goes on with a look, or begins anew with it.
    fn next(
        before: Option<Self>,
        now: Now,
        counter: C,
        goes_on: impl FnOnce(&Self) -> bool,
    ) -> Self {
        let look = (now, counter);
        match before.filter(goes_on) {
            Some(before) => Self {
                last: look,
                ..before
            },
            None => Self {
                first: look.clone(),
                last: look,
            },
        }
    }

    fn lasts(&self) -> Duration {
        self.last.0.uptime.saturating_sub(self.first.0.uptime)
    }
}

impl Strain {
    /// Takes in what a pass has read of every container. True if the counters of limits are worth
    /// a look now.
    pub(super) fn pass(&mut self, usage: &Usage, now: Now) -> bool {
        self.tasks = match (usage.pids, usage.pids_limit) {
            (Some(pids), Some(Limit::At(most))) if pids >= most => {
                let before = self.tasks.filter(|before| before.most == most);
                let since = before.map_or(now, |before| before.since);
                let lasts = now.uptime.saturating_sub(since.uptime);
                Some(Full { since, most, lasts })
            }
            _ => None,
        };
        let open = self.throttled.is_some() || self.memory.is_some();
        let due = self
            .looked
            .is_none_or(|at| now.uptime.saturating_sub(at) >= PACE);
        due && (open || may_be_throttled(usage) || is_nearly_full(usage))
    }

    /// Looks at the counters.
    pub(super) fn look(
        &mut self,
        cgroups: &[CgroupDir],
        hierarchies: &Hierarchies,
        usage: &Usage,
        now: Now,
    ) {
        self.looked = Some(now.uptime);
        let counted = may_be_throttled(usage)
            .then(|| counters::throttling_upwards(cgroups, hierarchies))
            .flatten();
        let told = self
            .throttled
            .as_ref()
            .is_some_and(|run| run.lasts() >= LONG);
        let least = if told { NO_MORE } else { THROTTLED };
        let before = self.throttled.take();
        self.throttled = counted.map(|counted| {
            let (counts, whose) = counted.clone();
            Run::next(before, now, counted, |run| {
                let (before, who) = &run.last.1;
                *who == whose && rates::throttled(before, &counts).is_some_and(|part| part >= least)
            })
        });
        let hits = is_nearly_full(usage)
            .then(|| counters::memory_hits(cgroups, hierarchies))
            .flatten();
        let before = self.memory.take();
        self.memory = hits.map(|hits| {
            Run::next(before, now, hits, |run| {
                let (at, before) = run.last;
                let elapsed = now.uptime.saturating_sub(at.uptime);
                rates::per_second(before, hits, elapsed).is_some_and(|rate| rate >= HITS)
            })
        });
    }

    /// Nothing is known of it any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether it has been at its limit of tasks for long.
    pub(super) fn is_long(&self) -> bool {
        self.tasks.is_some_and(|full| full.lasts >= LONG)
    }

    /// What was hit all the time.
    pub(super) fn troubles(&self, out: &mut Vec<Trouble>) {
        if let Some(full) = self.tasks.filter(|_| self.is_long()) {
            out.push(at_limit(
                Reached::Tasks { most: full.most },
                full.since.wall,
            ));
        }
        if let Some(run) = self.memory.as_ref().filter(|run| run.lasts() >= LONG) {
            let hits = per_second(run.first.1, run.last.1, run.lasts());
            out.push(at_limit(
                Reached::Memory {
                    hits_a_second: hits,
                },
                run.first.0.wall,
            ));
        }
        if let Some(run) = self.throttled.as_ref().filter(|run| run.lasts() >= LONG)
            && let Some(part) = rates::throttled(&run.first.1.0, &run.last.1.0)
        {
            out.push(Trouble::Throttled {
                percent: rounded(part),
                since: run.first.0.wall,
                above: run.last.1.1.clone(),
            });
        }
    }
}

fn at_limit(reached: Reached, since: Timestamp) -> Trouble {
    Trouble::AtLimit { reached, since }
}

/// Whether so much CPU time is used that a quota can be what holds it back. One set above may be
/// used up by others.
fn may_be_throttled(usage: &Usage) -> bool {
    match (usage.cpu, usage.cpu_limit) {
        // A hundredth of a core is a percent, and ten thousand millionths.
        (Some(percent), Some(Limit::At(millionths))) => {
            percent * 10_000.0 >= millionths as f64 / 10.0
        }
        _ => false,
    }
}

/// Whether memory is so near to its limit that it can be hit again and again.
fn is_nearly_full(usage: &Usage) -> bool {
    match (usage.memory, usage.memory_limit) {
        (Some(used), Some(Limit::At(most))) => used >= most / 10 * 9,
        _ => false,
    }
}

fn per_second(before: u64, after: u64, elapsed: Duration) -> u64 {
    rounded(rates::per_second(before, after, elapsed).unwrap_or_default())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "finite and not negative, and the cast saturates"
)]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::cgroup::CgroupPath;

    fn at(second: u64) -> Now {
        Now {
            uptime: Duration::from_secs(second),
            wall: Timestamp::UNIX_EPOCH + Duration::from_secs(second),
        }
    }

    /// The files of `/pod/web` on a v2 host.
    struct PodFiles(tempfile::TempDir, Hierarchies);

    impl PodFiles {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("pod/web")).unwrap();
            fs::write(dir.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
            let hierarchies = Hierarchies::from_dir(dir.path()).unwrap();
            Self(dir, hierarchies)
        }

        fn write(&self, file: &str, text: &str) {
            fs::write(self.0.path().join(file), text).unwrap();
        }

        fn periods(&self, cgroup: &str, periods: u64, throttled: u64) {
            let text = format!("usage_usec 1\nnr_periods {periods}\nnr_throttled {throttled}\n");
            self.write(&format!("{cgroup}/cpu.stat"), &text);
        }

        fn look(&self, strain: &mut Strain, usage: &Usage, second: u64) -> Vec<Trouble> {
            let cgroups = [CgroupDir {
                hierarchy: 0,
                path: CgroupPath::new(Path::new("/pod/web")).unwrap(),
            }];
            if strain.pass(usage, at(second)) {
                strain.look(&cgroups, &self.1, usage, at(second));
            }
            let mut out = Vec::new();
            strain.troubles(&mut out);
            out
        }
    }

    fn busy() -> Usage {
        Usage {
            cpu: Some(50.0),
            cpu_limit: Some(Limit::At(500_000)),
            ..Usage::default()
        }
    }

    #[test]
    fn what_a_quota_holds_back_in_nearly_every_period_for_long_is_throttled() {
        let (place, mut strain) = (PodFiles::new(), Strain::default());
        for second in (0..=30).step_by(5) {
            place.periods("pod/web", second * 10 + 10, second * 10);
            let found = place.look(&mut strain, &busy(), second);
            assert_eq!(found.len(), usize::from(second >= 30), "at {second}");
        }
        let found = place.look(&mut strain, &busy(), 31);
        let words = "100 % of the last 31 s by its CPU quota";
        assert_eq!(found[0].reason(at(31).wall), words);
        // What was told stays until it is less than half of the time.
        place.periods("pod/web", 410, 370);
        assert_eq!(place.look(&mut strain, &busy(), 40).len(), 1);
        place.periods("pod/web", 510, 410);
        assert_eq!(place.look(&mut strain, &busy(), 50), []);
    }

    #[test]
    fn one_interval_without_throttling_begins_anew() {
        let (place, mut strain) = (PodFiles::new(), Strain::default());
        let mut throttled = 0;
        for second in (0..=40).step_by(5) {
            throttled += if second == 20 { 0 } else { 50 };
            place.periods("pod/web", second * 10 + 10, throttled);
            assert_eq!(place.look(&mut strain, &busy(), second), [], "at {second}");
        }
    }

    #[test]
    fn a_quota_set_above_is_named() {
        let (place, mut strain) = (PodFiles::new(), Strain::default());
        for second in [0, 10, 20, 30] {
            place.periods("pod/web", 0, 0);
            place.periods("pod", second * 10 + 10, second * 9);
            place.look(&mut strain, &busy(), second);
        }
        let found = place.look(&mut strain, &busy(), 30);
        let [Trouble::Throttled { percent, above, .. }] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(
            (*percent, above.as_deref()),
            (90, Some(&*place.0.path().join("pod")))
        );
    }

    #[test]
    fn a_memory_limit_is_looked_at_only_near_it_and_told_when_it_is_hit_all_the_time() {
        let (place, mut strain) = (PodFiles::new(), Strain::default());
        let usage = |memory| Usage {
            memory: Some(memory),
            memory_limit: Some(Limit::At(1000)),
            ..Usage::default()
        };
        let mut seen = Vec::new();
        for second in (0..=50).step_by(10) {
            let hits = second * 250;
            place.write(
                "pod/web/memory.events",
                &format!("max {hits}\noom_kill 0\n"),
            );
            let memory = if second == 10 { 100 } else { 990 };
            seen.extend(place.look(&mut strain, &usage(memory), second));
        }
        let reached = Reached::Memory { hits_a_second: 250 };
        assert_eq!(seen, [at_limit(reached, at(20).wall)]);
    }

    #[test]
    fn to_be_at_the_limit_of_tasks_for_long_needs_no_file() {
        let (place, mut strain) = (PodFiles::new(), Strain::default());
        let usage = Usage {
            pids: Some(64),
            pids_limit: Some(Limit::At(64)),
            ..Usage::default()
        };
        assert_eq!(place.look(&mut strain, &usage, 0), []);
        let found = place.look(&mut strain, &usage, 30);
        assert_eq!(found, [at_limit(Reached::Tasks { most: 64 }, at(0).wall)]);
        let fewer = Usage {
            pids: Some(63),
            ..usage
        };
        assert_eq!(place.look(&mut strain, &fewer, 31), []);
    }
}
