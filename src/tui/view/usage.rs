//! The usage of the selected container over time: cpu, memory, tasks, io.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::cgroup::Limit;
use crate::inventory::{Container, Usage};
use crate::tui::measure;
use crate::tui::model::{Model, Pane};

use super::chart::{Chart, samples_in};
use super::layout::Panes;

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    let Some(container) = model.selected() else {
        super::framed(frame, area, model, panes, Pane::Usage, "usage");
        return;
    };
    let samples = model.history.len(&container.key) as u64;
    let span = model
        .interval
        .saturating_mul(u32::try_from(samples).unwrap_or(u32::MAX));
    let title = match panes.class {
        _ if model.zoomed => format!(
            "usage of {}, last {}",
            container.key.label(),
            measure::age(span)
        ),
        _ => format!("usage, last {}", measure::age(span)),
    };
    let inside = super::framed(frame, area, model, panes, Pane::Usage, &title);
    let (across, down) = if inside.width >= 40 { (2, 2) } else { (1, 4) };
    let (columns, rows) = (inside.width / across, inside.height / down);
    let room = usize::from(columns.saturating_sub(1));
    for (at, chart) in (0..).zip(charts(model, container, samples_in(room))) {
        let place = Rect {
            x: inside.x + columns * (at % across),
            y: inside.y + rows * (at / across),
            width: columns,
            height: rows,
        };
        let lines = if rows >= 3 {
            chart.lines(model.look, room, usize::from(rows))
        } else {
            let spark = chart.spark(model.look, room.saturating_sub(24).max(8));
            vec![Line::raw(format!(
                "{} {spark}",
                measure::left(&chart.title, 22)
            ))]
        };
        frame.render_widget(Paragraph::new(lines), place.intersection(inside));
    }
}

fn charts(model: &Model, container: &Container, samples: usize) -> [Chart; 4] {
    let usage = &container.usage;
    let series = |value: fn(&Usage) -> Option<f64>| -> Vec<Option<f64>> {
        model
            .history
            .last(&container.key, samples)
            .map(value)
            .collect()
    };
    [
        cpu(model, usage, series(|usage| usage.cpu)),
        memory(
            model,
            usage,
            series(|usage| measure::memory(usage).map(|bytes| bytes as f64)),
        ),
        pids(usage, series(|usage| usage.pids.map(|pids| pids as f64))),
        io(
            usage,
            series(|usage| Some(usage.io_read? + usage.io_write?)),
        ),
    ]
}

fn titled(title: String, samples: Vec<Option<f64>>, top: f64, top_label: String) -> Chart {
    Chart {
        title,
        samples,
        top,
        top_label,
    }
}

fn cpu(model: &Model, usage: &Usage, samples: Vec<Option<f64>>) -> Chart {
    let cpus = model.snapshot().map_or(1, |snapshot| snapshot.host.cpus);
    let (top, of) = match usage.cpu_limit {
        Some(Limit::At(millionths)) => (millionths as f64 / 10_000.0, "limit"),
        _ => (f64::from(cpus) * 100.0, "host"),
    };
    let now = usage.cpu.map_or_else(|| "-".to_owned(), measure::percent);
    titled(
        format!("CPU % {now} of {top:.0} ({of})"),
        samples,
        top,
        format!("{top:.0}"),
    )
}

fn memory(model: &Model, usage: &Usage, samples: Vec<Option<f64>>) -> Chart {
    let host = model.snapshot().map_or(0, |snapshot| snapshot.host.memory);
    let (top, of) = match usage.memory_limit {
        Some(Limit::At(limit)) => (limit, "limit"),
        _ => (host, "host"),
    };
    let now = measure::memory(usage).map_or_else(|| "-".to_owned(), measure::bytes);
    let label = measure::bytes(top);
    titled(
        format!("MEM {now} of {label} ({of})"),
        samples,
        top as f64,
        label,
    )
}

fn pids(usage: &Usage, samples: Vec<Option<f64>>) -> Chart {
    let now = usage
        .pids
        .map_or_else(|| "-".to_owned(), |pids| pids.to_string());
    let (top, of) = match usage.pids_limit {
        Some(Limit::At(limit)) => (limit as f64, format!("of {limit} (limit)")),
        _ => (peak(&samples).max(10.0), "(no limit)".to_owned()),
    };
    titled(
        format!("PIDS {now} {of}"),
        samples,
        top,
        format!("{top:.0}"),
    )
}

fn io(usage: &Usage, samples: Vec<Option<f64>>) -> Chart {
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), measure::rate);
    let title = format!("IO/s r {} w {}", rate(usage.io_read), rate(usage.io_write));
    // There is no limit to draw against: the axis ends at the peak, but never so low that a few
    // bytes look like a mountain.
    let top = peak(&samples).max(1_048_576.0);
    let label = measure::rate(top);
    titled(title, samples, top, label)
}

fn peak(samples: &[Option<f64>]) -> f64 {
    samples.iter().flatten().copied().fold(0.0, f64::max)
}
