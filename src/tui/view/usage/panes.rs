//! The panes of the view: words above, a chart below.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::cgroup::Limit;
use crate::inventory::happenings::Happened;
use crate::inventory::usage::{DeviceIo, Interface, Network};
use crate::text::visible;
use crate::tui::measure::{self, flow};
use crate::tui::model::Model;
use crate::tui::view::chart::EventMark;

use super::subject::{ChartSubject, Charted, Plot, clock, seconds};

/// What the drawing of every pane needs.
pub(super) struct PaneScene<'a> {
    pub(super) model: &'a Model,
    pub(super) subject: &'a ChartSubject<'a>,
    pub(super) marks: &'a [EventMark],
}

/// Rows of a pane from which on it has more than one line of words above its chart.
const ROOMY: u16 = 7;

fn number(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn size(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), measure::bytes)
}

fn rate(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 0.5 => "0".to_owned(),
        Some(value) => format!("{}/s", measure::rate(value)),
    }
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), measure::percent)
}

fn most(limit: Option<Limit>, show: impl Fn(u64) -> String) -> String {
    match limit {
        None => "-".to_owned(),
        Some(Limit::Max) => "max".to_owned(),
        Some(Limit::At(value)) => show(value),
    }
}

/// `name value`, unless the value is not known.
fn known(name: &str, value: Option<String>) -> String {
    value.map_or_else(String::new, |value| format!("{name} {value}"))
}

/// Lines from the top of a pane.
pub(super) fn written(frame: &mut Frame<'_>, inside: Rect, lines: Vec<Line<'_>>) {
    frame.render_widget(Paragraph::new(lines), inside);
}

impl PaneScene<'_> {
    /// Words, then the chart in what is left.
    fn charted(&self, frame: &mut Frame<'_>, inside: Rect, words: Vec<Line<'_>>, plot: &Plot) {
        let rows = u16::try_from(words.len())
            .unwrap_or(u16::MAX)
            .min(inside.height);
        written(frame, inside, words);
        let below = Rect {
            y: inside.y + rows,
            height: inside.height - rows,
            ..inside
        };
        let how = (self.subject, self.marks, self.model.look);
        plot.draw(frame.buffer_mut(), below, how);
    }

    pub(super) fn cpu(&self, frame: &mut Frame<'_>, inside: Rect) {
        let (usage, plot) = (&self.subject.usage, self.subject.plot(Charted::Cpu));
        let columns = usize::from(inside.width);
        let now = format!("now {}", plot.of_limit(usage.cpu));
        let throttled = usage.throttled.map(|part| format!("{part:.0}%"));
        let load = self
            .subject
            .load()
            .map(|[one, five, fifteen]| format!("load {one:.2} {five:.2} {fifteen:.2}"));
        let mut words: Vec<String> = self.subject.silence().into_iter().collect();
        words.push(now);
        if inside.height < ROOMY {
            words.push(known("throttled", throttled.filter(|part| part != "0%")));
            words.extend(load);
            words.extend(plot.summary(true));
            return self.charted(frame, inside, vec![Line::raw(flow(&words, columns))], &plot);
        }
        words.extend(plot.summary(false));
        let mut more: Vec<String> = load.into_iter().collect();
        let mut held = vec![known(
            "throttled",
            throttled.map(|part| format!("{part} of periods")),
        )];
        if let Some(detail) = &self.subject.detail {
            let cpu = detail.cpu;
            if cpu.user.is_some() || cpu.system.is_some() {
                more.push(format!(
                    "user {}  system {}",
                    percent(cpu.user),
                    percent(cpu.system)
                ));
            }
            more.push(known("so far", cpu.total.map(seconds)));
            let stalled = cpu.stalled.map(|part| format!("{part:.1} s/s"));
            held.push(known("stalled", stalled));
            held.push(known("so far", cpu.stalled_total.map(seconds)));
        }
        let held_back = usage.throttled.is_some_and(|part| part > 0.0);
        let style = if held_back {
            self.model.look.warning()
        } else {
            Style::new()
        };
        let words = vec![
            Line::raw(flow(&words, columns)),
            Line::raw(flow(&more, columns)),
            Line::styled(flow(&held, columns), style),
        ];
        self.charted(frame, inside, words, &plot);
    }

    pub(super) fn memory(&self, frame: &mut Frame<'_>, inside: Rect) {
        let (usage, plot) = (&self.subject.usage, self.subject.plot(Charted::Memory));
        let columns = usize::from(inside.width);
        let now = measure::memory(usage).map(|bytes| bytes as f64);
        let mut words = vec![format!("now {}", plot.of_limit(now))];
        let kills = self.oom_kills();
        if inside.height < ROOMY {
            words.push(known("oom kills", kills.map(|kills| kills.to_string())));
            words.extend(plot.summary(true));
            return self.charted(frame, inside, vec![Line::raw(flow(&words, columns))], &plot);
        }
        words.extend(plot.summary(false));
        let style = if kills.is_some() {
            self.model.look.bad()
        } else {
            Style::new()
        };
        let words = vec![
            Line::raw(flow(&words, columns)),
            Line::raw(flow(&self.memory_parts(), columns)),
            Line::styled(flow(&self.memory_trouble(), columns), style),
        ];
        self.charted(frame, inside, words, &plot);
    }

    fn oom_kills(&self) -> Option<u64> {
        self.subject.usage.oom_kills.filter(|kills| *kills > 0)
    }

    fn memory_parts(&self) -> Vec<String> {
        let Some(detail) = &self.subject.detail else {
            return Vec::new();
        };
        let memory = &detail.memory;
        let bytes = |value: Option<u64>| value.map(measure::bytes);
        let swap = memory.swap.map(|swap| {
            let of = memory
                .swap_limit
                .map(|limit| most(Some(limit), measure::bytes));
            of.map_or_else(
                || measure::bytes(swap),
                |of| format!("{}/{of}", measure::bytes(swap)),
            )
        });
        vec![
            known("rss", bytes(memory.rss)),
            known("cache", bytes(memory.cache)),
            known("swap", swap),
            known(
                "high",
                memory.high.map(|high| most(Some(high), measure::bytes)),
            ),
            known("peak", bytes(memory.peak)),
            known("kernel", bytes(memory.kernel)),
        ]
    }

    /// What went wrong with memory, and huge pages.
    fn memory_trouble(&self) -> Vec<String> {
        let last = self
            .subject
            .happenings()
            .find(|happening| matches!(happening.what, Happened::OomKilled { .. }));
        let mut parts = Vec::new();
        if let Some(kills) = self.subject.usage.oom_kills {
            let last = last.map(|last| format!(" (last {})", clock(self.model, last.at)));
            parts.push(format!("oom kills {kills}{}", last.unwrap_or_default()));
        }
        let Some(detail) = &self.subject.detail else {
            return parts;
        };
        let memory = &detail.memory;
        let said = |fact: Option<bool>, text: &str| match fact {
            Some(true) => text.to_owned(),
            _ => String::new(),
        };
        parts.push(said(memory.under_oom, "waits for memory now"));
        parts.push(said(memory.oom_kill_disabled, "oom killer off"));
        let counted = |events: Option<u64>| events.filter(|events| *events > 0);
        let times = |events: Option<u64>| counted(events).map(|events| events.to_string());
        parts.push(known("limit hit", times(memory.max_events)));
        parts.push(known("over high", times(memory.high_events)));
        parts.extend(detail.hugetlb.iter().map(|pages| {
            let (used, limit) = (size(pages.usage), most(pages.limit, measure::bytes));
            format!("hugetlb {} {used}/{limit}", visible(&pages.size))
        }));
        parts
    }

    pub(super) fn io(&self, frame: &mut Frame<'_>, inside: Rect) {
        let (usage, plot) = (&self.subject.usage, self.subject.plot(Charted::Io));
        let columns = usize::from(inside.width);
        if self.subject.is_host() && plot.summary.is_none() {
            let line = Line::raw("counted for each container");
            return written(frame, inside, vec![line]);
        }
        let mut words = vec![format!(
            "r {}  w {}",
            rate(usage.io_read),
            rate(usage.io_write)
        )];
        let roomy = inside.height >= ROOMY;
        words.extend(plot.summary(!roomy));
        let mut lines = vec![flow(&words, columns)];
        if let Some(detail) = self.subject.detail.as_ref().filter(|_| roomy) {
            let rows = usize::from(inside.height).saturating_sub(4).clamp(2, 8);
            lines.extend(listed(&detail.io, rows, device, columns));
        }
        let lines = lines.into_iter().map(Line::raw).collect();
        self.charted(frame, inside, lines, &plot);
    }

    pub(super) fn tasks(&self, frame: &mut Frame<'_>, inside: Rect) {
        let (subject, look) = (self.subject, self.model.look);
        let columns = usize::from(inside.width);
        let plot = subject.plot(Charted::Pids);
        let peak = subject.detail.as_ref().and_then(|detail| detail.pids_peak);
        let pids = subject.usage.pids.map(|pids| pids as f64);
        let words = [
            format!("tasks {}", plot.of_limit(pids)),
            known("peak", peak.map(|peak| peak.to_string())),
        ];
        let mut lines = vec![with_spark(&flow(&words, columns), &plot, self, columns)];
        let rows = usize::from(inside.height).saturating_sub(1);
        match &subject.detail {
            Some(_) if subject.is_host() => {}
            Some(detail) => {
                let network = network(detail.network.as_ref(), rows, columns);
                let net = subject.plot(Charted::Net);
                for (at, text) in network.into_iter().enumerate() {
                    lines.push(if at == 0 && detail.network.is_some() {
                        with_spark(&text, &net, self, columns)
                    } else {
                        Line::raw(text)
                    });
                }
            }
            None => lines.push(Line::styled(subject.unknown().unwrap_or(""), look.dim())),
        }
        written(frame, inside, lines);
    }
}

/// Words at the left, a chart of one row at the right if there is room for one.
fn with_spark(text: &str, plot: &Plot, scene: &PaneScene<'_>, columns: usize) -> Line<'static> {
    const SPARK: usize = 16;
    if measure::width(text) + 2 + SPARK > columns || scene.subject.unknown().is_some() {
        return Line::raw(text.to_owned());
    }
    let spark = plot.spark(scene.model.look, SPARK);
    Line::raw(format!("{}{spark}", measure::left(text, columns - SPARK)))
}

/// One line each, and on the last one how many more there are.
fn listed<T>(
    all: &[T],
    rows: usize,
    line: impl Fn(&T, usize) -> String,
    columns: usize,
) -> Vec<String> {
    let fit = if all.len() > rows {
        rows.saturating_sub(1)
    } else {
        rows
    };
    let mut lines: Vec<String> = all.iter().take(fit).map(|one| line(one, columns)).collect();
    if all.len() > fit && rows > 0 {
        lines.push(format!("and {} more", all.len() - fit));
    }
    lines
}

fn device(device: &DeviceIo, columns: usize) -> String {
    let name = device.name.as_deref().unwrap_or_default();
    let name = measure::left(
        &format!("{} {}", visible(&device.device), visible(name)),
        12,
    );
    let ops =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |ops| format!("{ops:.0}/s"));
    let one_way = |name: &str, bytes: Option<f64>, count: Option<f64>| {
        format!(
            "{name} {} {}",
            measure::right(&rate(bytes), 7),
            measure::right(&ops(count), 6)
        )
    };
    let parts = [
        name,
        one_way("r", device.read, device.read_ops),
        one_way("w", device.write, device.write_ops),
        if device.stacked {
            "stacked".to_owned()
        } else {
            String::new()
        },
    ];
    flow(&parts, columns)
}

fn network(network: Option<&Network>, rows: usize, columns: usize) -> Vec<String> {
    let Some(network) = network else {
        return vec!["network -".to_owned()];
    };
    if rows < 2 {
        return vec![network_sum(network)];
    }
    let mut lines = Vec::new();
    if network.host {
        lines.push("shares the host's network:".to_owned());
    }
    if network.interfaces.is_empty() {
        lines.push("no network interface".to_owned());
    }
    let rows = rows.saturating_sub(lines.len());
    lines.extend(listed(&network.interfaces, rows, interface, columns));
    lines
}

/// All interfaces but loopback, on one line.
fn network_sum(network: &Network) -> String {
    let own = || network.interfaces.iter().filter(|one| one.name != "lo");
    let sum = |of: fn(&Interface) -> Option<f64>| own().filter_map(of).reduce(|a, b| a + b);
    let whose = if network.host { "host's net" } else { "net" };
    let (received, sent) = (sum(|one| one.received), sum(|one| one.sent));
    format!("{whose} rx {} tx {}", rate(received), rate(sent))
}

fn interface(interface: &Interface, columns: usize) -> String {
    let name = measure::left(&visible(&interface.name), 9);
    let (received, sent) = (rate(interface.received), rate(interface.sent));
    let totals = format!(
        "so far {}/{}",
        measure::bytes(interface.received_total),
        measure::bytes(interface.sent_total)
    );
    let troubles = Some(interface.troubles).filter(|count| *count > 0);
    let parts = [
        format!(
            "{name} rx {} tx {}",
            measure::left(&received, 7),
            measure::left(&sent, 7)
        ),
        known("dropped, errors", troubles.map(|count| number(Some(count)))),
        totals,
    ];
    flow(&parts, columns)
}
