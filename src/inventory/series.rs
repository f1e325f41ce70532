//! The last hours of a container: for each metric three rings of samples, from fine to coarse.
//!
//! Time is divided into buckets since the start of the sampler. A sample counts for the time since
//! the one before it, so that a rate taken every five seconds fills five buckets of one second.
//! Buckets without a sample are gaps, never zero.

use std::collections::VecDeque;
use std::time::Duration;

/// What there is a history of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SeriesId {
    /// Percent of one core.
    Cpu,
    /// Percent of periods throttled.
    Throttled,
    /// Bytes: the working set, or all that is charged.
    Memory,
    /// Bytes.
    Swap,
    /// Tasks.
    Pids,
    /// Bytes a second.
    IoRead,
    /// Bytes a second.
    IoWrite,
    /// Bytes a second, without loopback.
    NetReceived,
    /// Bytes a second, without loopback.
    NetSent,
    /// Percent of the last 10 s in which some task waited for a CPU.
    PressureCpu,
    /// The same for memory.
    PressureMemory,
    /// The same for IO.
    PressureIo,
    /// Bytes of last level cache.
    Llc,
    /// Bytes a second of memory bandwidth.
    MbmTotal,
    /// Bytes a second of local memory bandwidth.
    MbmLocal,
}

impl SeriesId {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Cpu,
        Self::Throttled,
        Self::Memory,
        Self::Swap,
        Self::Pids,
        Self::IoRead,
        Self::IoWrite,
        Self::NetReceived,
        Self::NetSent,
        Self::PressureCpu,
        Self::PressureMemory,
        Self::PressureIo,
        Self::Llc,
        Self::MbmTotal,
        Self::MbmLocal,
    ];
}

/// Buckets in each ring.
const LENGTH: u32 = 120;
/// Seconds of a bucket, from the finest ring to the coarsest: two minutes, twenty, two hours.
const SECONDS: [u32; 3] = [1, 10, 60];

/// The last buckets, oldest first; a gap is NaN.
#[derive(Debug, Clone, Default, PartialEq)]
struct Ring {
    buckets: VecDeque<f32>,
    /// The number of the last one: seconds since the start by the seconds of a bucket.
    newest: u32,
    /// Samples in the last one so far: it holds their mean.
    count: u16,
}

impl Ring {
    /// A sample that counts from bucket `from` to bucket `to`.
    fn push(&mut self, from: u32, to: u32, value: f32) {
        let Some(last) = self.buckets.back_mut() else {
            self.buckets.push_back(value);
            (self.newest, self.count) = (to, 1);
            return;
        };
        if to <= self.newest {
            self.count = self.count.saturating_add(1);
            *last += (value - *last) / f32::from(self.count);
            return;
        }
        let first = (self.newest + 1).max((to + 1).saturating_sub(LENGTH));
        for number in first..=to {
            let covered = number == to || number >= from;
            self.buckets
                .push_back(if covered { value } else { f32::NAN });
        }
        let surplus = self.buckets.len().saturating_sub(LENGTH as usize);
        self.buckets.drain(..surplus);
        (self.newest, self.count) = (to, 1);
    }

    fn at(&self, number: u32) -> Option<f64> {
        let back = usize::try_from(self.newest.checked_sub(number)?).ok()?;
        let index = self.buckets.len().checked_sub(back + 1)?;
        let value = self.buckets.get(index).copied();
        value.filter(|value| !value.is_nan()).map(f64::from)
    }
}

/// The samples of every metric; what was never measured takes no room.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    series: Vec<(SeriesId, [Ring; 3])>,
}

/// Samples of one metric over a span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Oldest first, the last one is now; `None` where there was none.
    pub samples: Vec<Option<f64>>,
    /// Time between two.
    pub bucket: Duration,
}

/// What a window says in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Least.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Most.
    pub max: f64,
}

impl Series {
    /// The longest span there is a history of.
    pub const LONGEST: Duration = Duration::from_secs((LENGTH * 60) as u64);

    /// Adds a sample taken at `to`, that counts since `from`; both since the start.
    ///
    /// ```
    /// use ocitop::inventory::series::{Series, SeriesId};
    /// use std::time::Duration;
    /// let at = Duration::from_secs;
    /// let mut series = Series::default();
    /// series.push(SeriesId::Cpu, at(0), at(1), 50.0);
    /// series.push(SeriesId::Cpu, at(1), at(3), 20.0);
    /// let window = series.window(SeriesId::Cpu, at(4), at(3));
    /// assert_eq!(window.samples, [None, Some(50.0), Some(20.0), Some(20.0)]);
    /// ```
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is drawn needs no more than single precision"
    )]
    pub fn push(&mut self, metric: SeriesId, from: Duration, to: Duration, value: f64) {
        if !self.has(metric) {
            self.series.push((metric, Default::default()));
        }
        let Some((_, rings)) = self.series.iter_mut().find(|(of, _)| *of == metric) else {
            return;
        };
        for (ring, seconds) in rings.iter_mut().zip(SECONDS) {
            // The bucket that `from` is in belongs to the sample before.
            let from = number(from, seconds).saturating_add(1);
            ring.push(from, number(to, seconds), value as f32);
        }
    }

    /// The last `span` before `now`, from the finest ring that reaches back so far.
    pub fn window(&self, metric: SeriesId, span: Duration, now: Duration) -> Window {
        let wanted = span.as_secs().max(1);
        let fits = |seconds: &&u32| u64::from(**seconds * LENGTH) >= wanted;
        let seconds = SECONDS.iter().find(fits).copied().unwrap_or(60);
        let ring = SECONDS.iter().position(|known| *known == seconds);
        let rings = self.series.iter().find(|(of, _)| *of == metric);
        let ring = ring.and_then(|index| rings?.1.get(index));
        let count = u32::try_from(wanted.div_ceil(u64::from(seconds))).unwrap_or(LENGTH);
        let newest = number(now, seconds);
        let sample = |back: u32| ring?.at(newest.checked_sub(back)?);
        Window {
            samples: (0..count.min(LENGTH)).rev().map(sample).collect(),
            bucket: Duration::from_secs(seconds.into()),
        }
    }

    /// Whether there is any sample of a metric.
    pub fn has(&self, metric: SeriesId) -> bool {
        self.series.iter().any(|(of, _)| *of == metric)
    }
}

impl Window {
    /// `None` if there is no sample.
    pub fn summary(&self) -> Option<Summary> {
        let known = || self.samples.iter().flatten().copied();
        let count = known().count();
        let mean = known().sum::<f64>() / count as f64;
        (count > 0).then(|| Summary {
            min: known().fold(f64::INFINITY, f64::min),
            mean,
            max: known().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

fn number(at: Duration, seconds: u32) -> u32 {
    u32::try_from(at.as_secs() / u64::from(seconds)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn samples_within_a_bucket_are_their_mean() {
        let mut history = Series::default();
        for (ms, value) in [(1000, 10.0), (1250, 20.0), (1500, 30.0)] {
            let to = Duration::from_millis(ms);
            history.push(SeriesId::Cpu, to.saturating_sub(at(1)), to, value);
        }
        assert_eq!(
            history.window(SeriesId::Cpu, at(1), at(1)).samples,
            [Some(20.0)]
        );
    }

    #[test]
    fn what_was_not_looked_at_is_a_gap_and_not_zero() {
        let mut history = Series::default();
        history.push(SeriesId::Pids, at(0), at(1), 3.0);
        history.push(SeriesId::Pids, at(4), at(5), 4.0);
        let window = history.window(SeriesId::Pids, at(6), at(6));
        assert_eq!(
            window.samples,
            [Some(3.0), None, None, None, Some(4.0), None]
        );
        let summary = window.summary().unwrap();
        assert_eq!((summary.min, summary.mean, summary.max), (3.0, 3.5, 4.0));
        assert_eq!(
            history.window(SeriesId::Cpu, at(6), at(6)).summary(),
            None,
            "never measured"
        );
    }

    #[test]
    fn long_spans_come_from_coarser_buckets() {
        let mut history = Series::default();
        for second in 1..=3600 {
            history.push(SeriesId::Cpu, at(second - 1), at(second), second as f64);
        }
        for (span, bucket, count) in [(60, 1, 60), (600, 10, 60), (7200, 60, 120)] {
            let window = history.window(SeriesId::Cpu, at(span), at(3600));
            assert_eq!(window.bucket, at(bucket));
            assert_eq!(window.samples.len(), count);
            assert_eq!(window.samples.last().copied().flatten(), Some(3600.0));
        }
    }

    proptest! {
        #[test]
        fn no_schedule_of_samples_makes_more_of_them_than_there_were(
            steps in proptest::collection::vec((0_u64..400, 0.0..1e12_f64), 1..40),
            span in 1_u64..8000,
        ) {
            let mut history = Series::default();
            let mut now = at(0);
            let mut most: f64 = 0.0;
            for (step, value) in steps {
                let before = now;
                now += at(step);
                most = most.max(value);
                history.push(SeriesId::Memory, before, now, value);
            }
            let window = history.window(SeriesId::Memory, at(span), now);
            prop_assert!(window.samples.len() <= LENGTH as usize);
            prop_assert!(window.samples.last().copied().flatten().is_some());
            let top = window.summary().unwrap().max;
            prop_assert!(top <= most * 1.000_001, "{top} > {most}");
        }
    }
}
