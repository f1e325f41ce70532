//! What is measured: a container, or the host seen as one, and its metrics over time.

use std::sync::Arc;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::cgroup::Limit;
use crate::inventory::happenings::{Happened, Happening};
use crate::inventory::series::{Series, SeriesId, Summary, Window};
use crate::inventory::usage::MemoryDetail;
use crate::inventory::{Container, Detail, Snapshot, Usage};
use crate::oci::ContainerKey;
use crate::tui::axes::{Ceiling, Quantity, Scale, TimeSpan};
use crate::tui::history;
use crate::tui::measure;
use crate::tui::model::Model;
use crate::tui::theme::TerminalLook;
use crate::tui::view::chart::{Chart, EventMark, spark};

const MIB: f64 = 1_048_576.0;

/// Whose usage is shown.
pub(crate) struct ChartSubject<'a> {
    pub(crate) name: String,
    pub(crate) usage: Usage,
    pub(crate) detail: Option<Arc<Detail>>,
    /// `None`: it is the host.
    pub(crate) container: Option<&'a Container>,
    snapshot: &'a Snapshot,
    span: TimeSpan,
    ceiling: Ceiling,
    interval: Duration,
}

/// What is charted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charted {
    Cpu,
    Memory,
    Pids,
    Io,
    Net,
}

impl<'a> ChartSubject<'a> {
    /// The container under the cursor; without one, the host.
    pub(crate) fn shown(model: &'a Model) -> Option<Self> {
        match model.selected() {
            Some(container) => Self::of(model, container),
            None => Self::host(model),
        }
    }

    pub(crate) fn of(model: &'a Model, container: &'a Container) -> Option<Self> {
        Some(Self {
            name: container.key.label(),
            usage: container.usage,
            detail: container.detail.clone(),
            container: Some(container),
            snapshot: model.snapshot()?,
            span: model.span,
            ceiling: model.ceiling,
            interval: model.interval,
        })
    }

    /// The host as if it were a container, with its hardware as limits.
    fn host(model: &'a Model) -> Option<Self> {
        let snapshot: &Snapshot = model.snapshot()?;
        let (host, usage) = (&snapshot.host, &snapshot.usage);
        let measured = usage.cpu.is_some() || snapshot.history.has(SeriesId::Memory);
        let detail = measured.then(|| {
            let memory = MemoryDetail {
                swap: usage.swap.map(|(used, _)| used),
                swap_limit: usage.swap.map(|(_, all)| Limit::At(all)),
                ..MemoryDetail::default()
            };
            Arc::new(Detail {
                memory,
                pressure: usage.pressure,
                history: Arc::clone(&snapshot.history),
                ..Detail::default()
            })
        });
        Some(Self {
            name: format!("host {}", crate::text::visible(&host.name)),
            usage: Usage {
                cpu: usage.cpu,
                cpu_limit: Some(Limit::At(u64::from(host.cpus) * 1_000_000)),
                memory: usage.memory,
                memory_limit: Some(Limit::At(host.memory)),
                pids: usage.tasks,
                ..Usage::default()
            },
            detail,
            container: None,
            snapshot,
            span: model.span,
            ceiling: model.ceiling,
            interval: model.interval,
        })
    }

    pub(crate) fn load(&self) -> Option<[f64; 3]> {
        self.snapshot
            .usage
            .load
            .filter(|_| self.container.is_none())
    }

    pub(crate) fn span(&self) -> TimeSpan {
        self.span
    }

    pub(crate) fn is_host(&self) -> bool {
        self.container.is_none()
    }

    /// Why nothing is known beyond what every row has; `None` if it is known.
    pub(crate) fn unknown(&self) -> Option<&'static str> {
        let alive = self.container.is_none_or(|c| c.condition.is_alive());
        let silent = self.container.is_some_and(|c| c.silent.is_some());
        match self.detail {
            Some(_) => None,
            None if silent => Some("not answering"),
            None if alive => Some("measuring ..."),
            None => Some("not running"),
        }
    }

    /// Why there is no sample of a metric, as far as it can be told.
    fn nothing(&self) -> &'static str {
        match self.container {
            Some(container) if container.cgroups.is_empty() => "- no cgroup",
            _ => "- nothing measured",
        }
    }

    /// How long its state root has not answered.
    pub(crate) fn silence(&self) -> Option<String> {
        let silent = self.container?.silent?;
        Some(format!("not answering for {}", measure::lasting(silent)))
    }

    /// What happened to it, newest first; of the host, to any container.
    pub(crate) fn happenings(&self) -> impl Iterator<Item = &'a Happening> {
        let key: Option<&'a ContainerKey> = self.container.map(|container| &container.key);
        let all = self.snapshot.happenings.iter().rev();
        all.filter(move |happening| key.is_none_or(|key| happening.key == *key))
    }

    /// What happened to it in the span shown, the gravest last: it must not be covered.
    pub(crate) fn marks(&self) -> Vec<EventMark> {
        let (now, span) = (self.snapshot.uptime, self.span.duration());
        let recent = self
            .happenings()
            .take_while(|happening| now.saturating_sub(happening.uptime) <= span);
        let mut marks: Vec<EventMark> = recent
            .map(|happening| {
                let ago = now.saturating_sub(happening.uptime).as_secs_f64();
                EventMark {
                    at: 1.0 - ago / span.as_secs_f64(),
                    glyph: history::glyph(&happening.what),
                    grave: matches!(happening.what, Happened::OomKilled { .. }),
                }
            })
            .collect();
        marks.sort_by_key(|mark| mark.grave);
        marks
    }

    fn window(&self, metric: SeriesId) -> Window {
        let empty = Series::default();
        let history = self.detail.as_ref().map_or(&empty, |d| &*d.history);
        let window = history.window(metric, self.span.duration(), self.snapshot.uptime);
        held(window, self.interval)
    }

    pub(crate) fn series(&self, metric: SeriesId) -> Vec<Option<f64>> {
        self.window(metric).samples
    }

    fn sum(&self, one: SeriesId, other: SeriesId) -> Window {
        let (mut sum, other) = (self.window(one), self.window(other));
        for (sum, other) in sum.samples.iter_mut().zip(other.samples) {
            *sum = match (*sum, other) {
                (Some(one), Some(other)) => Some(one + other),
                (one, other) => one.or(other),
            };
        }
        sum
    }

    pub(crate) fn plot(&self, what: Charted) -> Plot {
        let usage = &self.usage;
        let value = |limit: Option<Limit>| limit.and_then(Limit::value).map(|v| v as f64);
        let (window, unit, least, limit) = match what {
            Charted::Cpu => {
                let limit = value(usage.cpu_limit).map(|millionths| millionths / 10_000.0);
                (self.window(SeriesId::Cpu), Quantity::Percent, 10.0, limit)
            }
            Charted::Memory => {
                let limit = value(usage.memory_limit);
                (
                    self.window(SeriesId::Memory),
                    Quantity::Bytes,
                    16.0 * MIB,
                    limit,
                )
            }
            Charted::Pids => {
                let limit = value(usage.pids_limit);
                (self.window(SeriesId::Pids), Quantity::Count, 10.0, limit)
            }
            Charted::Io => {
                let window = self.sum(SeriesId::IoRead, SeriesId::IoWrite);
                (window, Quantity::Rate, MIB, None)
            }
            Charted::Net => {
                let window = self.sum(SeriesId::NetReceived, SeriesId::NetSent);
                (window, Quantity::Rate, MIB / 8.0, None)
            }
        };
        let summary = window.summary();
        let scale = Scale { unit, least, limit };
        let peak = summary.map(|summary| summary.max);
        let mut plot = Plot {
            top: scale.top(peak, self.ceiling),
            samples: window.samples,
            scale,
            rules: Vec::new(),
            summary,
        };
        let name = if self.is_host() { "host" } else { "limit" };
        plot.rules.extend(limit.map(|limit| (limit, name)));
        let high = self.detail.as_ref().and_then(|d| value(d.memory.high));
        if what == Charted::Memory {
            plot.rules.extend(high.map(|high| (high, "high")));
        }
        plot
    }
}

/// A value holds until the next one is due: that nobody has looked again yet is no gap.
fn held(mut window: Window, interval: Duration) -> Window {
    let due = interval
        .as_millis()
        .div_ceil(window.bucket.as_millis().max(1));
    let samples = &mut window.samples;
    let Some(last) = samples.iter().rposition(Option::is_some) else {
        return window;
    };
    let (value, missing) = (samples.get(last).copied(), samples.len() - last - 1);
    if missing as u128 <= due {
        let rest = samples.iter_mut().skip(last);
        rest.for_each(|sample| *sample = value.flatten());
    }
    window
}

/// A metric, ready to be drawn.
pub(crate) struct Plot {
    pub(crate) samples: Vec<Option<f64>>,
    pub(crate) scale: Scale,
    pub(crate) top: f64,
    pub(crate) rules: Vec<(f64, &'static str)>,
    pub(crate) summary: Option<Summary>,
}

impl Plot {
    /// The chart; while there is none, why.
    pub(crate) fn draw(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        (subject, marks, look): (&ChartSubject<'_>, &[EventMark], TerminalLook),
    ) {
        let none = self.summary.is_none().then(|| subject.nothing());
        if let Some(why) = subject.unknown().or(none) {
            let line = Line::styled(why, look.dim());
            let middle = area.y + area.height / 2;
            buffer.set_line(area.x, middle.min(area.bottom()), &line, area.width);
            return;
        }
        let chart = Chart {
            samples: &self.samples,
            top: self.top,
            unit: self.scale.unit,
            rules: &self.rules,
            marks,
            span: subject.span,
        };
        chart.draw(buffer, area, look);
    }

    pub(crate) fn spark(&self, look: TerminalLook, columns: usize) -> String {
        spark(&self.samples, self.top, look, columns)
    }

    pub(crate) fn show(&self, value: Option<f64>) -> String {
        value.map_or_else(|| "-".to_owned(), |value| self.scale.unit.show(value))
    }

    /// What it is now, of how much.
    pub(crate) fn of_limit(&self, now: Option<f64>) -> String {
        let now = self.show(now);
        match self.scale.limit {
            Some(limit) => format!("{now} of {}", self.scale.unit.mark(limit)),
            None => now,
        }
    }

    /// Least, mean and most in the span; `max` first where not all may fit.
    pub(crate) fn summary(&self, by_worth: bool) -> Vec<String> {
        let Some(summary) = self.summary else {
            return Vec::new();
        };
        let show = |name: &str, value: f64| format!("{name} {}", self.show(Some(value)));
        let (min, mean, max) = (
            show("min", summary.min),
            show("avg", summary.mean),
            show("max", summary.max),
        );
        if by_worth {
            vec![max, mean, min]
        } else {
            vec![min, mean, max]
        }
    }
}

/// The list's chart of one row; blank for rows of which no history is kept.
pub(crate) fn cpu_spark(model: &Model, container: &Container, columns: usize) -> String {
    let known = container.detail.is_some();
    let subject = ChartSubject::of(model, container).filter(|_| known);
    subject.map_or_else(String::new, |subject| {
        subject.plot(Charted::Cpu).spark(model.look, columns)
    })
}

/// Wall clock of something that happened.
pub(crate) fn clock(model: &Model, at: jiff::Timestamp) -> String {
    at.to_zoned_datetime(model.zone.clone())
        .strftime("%T")
        .to_string()
}

/// A duration counted in seconds, as words.
pub(crate) fn seconds(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.1} s");
    }
    Duration::try_from_secs_f64(value).map_or_else(|_| "-".to_owned(), measure::lasting)
}
