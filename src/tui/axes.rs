//! What the axes of charts span: how far back, and up to what.

use std::time::Duration;

use super::measure;

/// How far back charts reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeSpan {
    seconds: u32,
}

/// The spans there are. Up to two minutes a sample is a second, up to twenty minutes ten seconds,
/// above that a minute.
const SPANS: [u32; 8] = [30, 60, 120, 300, 600, 1200, 3600, 7200];

impl Default for TimeSpan {
    /// The longest one in which each second shows: what has just been started is seen to move.
    fn default() -> Self {
        Self { seconds: 120 }
    }
}

impl TimeSpan {
    pub(crate) fn shorter(self) -> Self {
        let found = SPANS.into_iter().rev().find(|known| *known < self.seconds);
        found.map_or(self, |seconds| Self { seconds })
    }

    pub(crate) fn longer(self) -> Self {
        let found = SPANS.into_iter().find(|known| *known > self.seconds);
        found.map_or(self, |seconds| Self { seconds })
    }

    pub(crate) fn duration(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// `30s`, `2m`, `1h`.
    pub(crate) fn label(self) -> String {
        label(self.seconds)
    }

    /// The label of half of it.
    pub(crate) fn half(self) -> String {
        label(self.seconds / 2)
    }
}

fn label(seconds: u32) -> String {
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, 0, _) => format!("{hours}h"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

/// Where the axis of a chart ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ceiling {
    /// At the limit, if there is one: what is used is seen as a part of what may be.
    Limit,
    /// Above the peak, so that what is small shows its shape.
    Peak,
}

impl Ceiling {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Limit => Self::Peak,
            Self::Peak => Self::Limit,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Peak => "auto",
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    Percent,
    Count,
    Bytes,
    /// Bytes a second.
    Rate,
}

impl Quantity {
    /// A value, as text.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Percent => measure::percent(value),
            Self::Count => format!("{value:.0}"),
            Self::Bytes => measure::rate(value),
            Self::Rate if value < 0.5 => "0".to_owned(),
            Self::Rate => format!("{}/s", measure::rate(value)),
        }
    }

    /// A value in the five columns beside an axis.
    pub(crate) fn mark(self, value: f64) -> String {
        match self {
            Self::Percent if value < 10.0 && value.fract() > 0.0 => format!("{value:.1}"),
            Self::Count if value >= 1e6 => format!("{:.1}M", value / 1e6),
            Self::Percent | Self::Count if value >= 1e5 => format!("{:.0}k", value / 1e3),
            Self::Percent | Self::Count => format!("{value:.0}"),
            Self::Bytes | Self::Rate => measure::rate(value),
        }
    }

    /// The next round number from `value` up.
    fn rounded(self, value: f64) -> f64 {
        // Larger than any counter: what comes from a damaged sample still has an axis.
        let value = value.clamp(f64::MIN_POSITIVE, 1e19);
        match self {
            Self::Bytes | Self::Rate => value.log2().ceil().exp2(),
            Self::Percent | Self::Count => {
                let decade = 10_f64.powf(value.log10().floor());
                let steps = [1.0, 2.0, 5.0].into_iter().map(|step| step * decade);
                let enough = |step: &f64| *step >= value * 0.999_999;
                steps.into_iter().find(enough).unwrap_or(decade * 10.0)
            }
        }
    }
}

/// How a metric is drawn: in which unit, and up to what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) unit: Quantity,
    /// Never less than this at the top: next to nothing must not look like a mountain.
    pub(crate) least: f64,
    pub(crate) limit: Option<f64>,
}

impl Scale {
    /// The upper end of the axis.
    pub(crate) fn top(&self, peak: Option<f64>, ceiling: Ceiling) -> f64 {
        match (ceiling, self.limit) {
            (Ceiling::Limit, Some(limit)) if limit > 0.0 => limit,
            _ => self.unit.rounded(peak.unwrap_or(0.0)).max(self.least),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_go_from_half_a_minute_to_two_hours_and_no_further() {
        let mut span = TimeSpan::default();
        for _ in 0..SPANS.len() {
            span = span.shorter();
        }
        assert_eq!((span.label(), span.half()), ("30s".into(), "15s".into()));
        for _ in 0..SPANS.len() {
            span = span.longer();
        }
        assert_eq!((span.label(), span.half()), ("2h".into(), "1h".into()));
        assert_eq!(span.duration(), crate::inventory::series::Series::LONGEST);
    }

    #[test]
    fn next_to_nothing_is_no_mountain() {
        let scale = Scale {
            unit: Quantity::Percent,
            least: 10.0,
            limit: None,
        };
        let top = |scale: &Scale, peak, ceiling| scale.unit.mark(scale.top(Some(peak), ceiling));
        assert_eq!(top(&scale, 0.003, Ceiling::Limit), "10");
        assert_eq!(top(&scale, 130.0, Ceiling::Limit), "200");
        let limited = Scale {
            limit: Some(150.0),
            ..scale
        };
        assert_eq!(top(&limited, 12.0, Ceiling::Limit), "150");
        assert_eq!(top(&limited, 12.0, Ceiling::Peak), "20");
    }

    proptest! {
        #[test]
        fn an_axis_has_room_for_its_peak_and_its_label(peak in 0.0..1e18_f64) {
            for unit in [Quantity::Percent, Quantity::Count, Quantity::Bytes, Quantity::Rate] {
                let top = unit.rounded(peak);
                prop_assert!(top >= peak * 0.999 && top.is_finite(), "{top} for {peak}");
            }
            prop_assert!(Quantity::Bytes.mark(peak).len() <= 5);
        }
    }
}
