//! The usage of the selected container over time, beside its details: cpu, memory, tasks, io.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::tui::measure;
use crate::tui::model::Model;
use crate::tui::place::Pane;

use super::layout::Panes;
use super::usage::subject::{ChartSubject, Charted, Plot};

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    let subject = model
        .selected()
        .and_then(|row| ChartSubject::of(model, row));
    let Some(subject) = subject else {
        super::framed(frame, area, model, panes, Pane::Usage, "usage");
        return;
    };
    let span = subject.span().label();
    let title = if model.zoomed {
        format!("usage of {}, last {span}", subject.name)
    } else {
        format!("usage, last {span}")
    };
    let inside = super::framed(frame, area, model, panes, Pane::Usage, &title);
    let marks = subject.marks();
    let (across, down) = if inside.width >= 40 { (2, 2) } else { (1, 4) };
    let (columns, rows) = (inside.width / across, inside.height / down);
    let charts = [Charted::Cpu, Charted::Memory, Charted::Pids, Charted::Io];
    for (at, what) in (0..).zip(charts) {
        let place = Rect {
            x: inside.x + columns * (at % across),
            y: inside.y + rows * (at / across),
            width: columns.saturating_sub(1),
            height: rows,
        };
        let place = place.intersection(inside);
        let plot = subject.plot(what);
        let title = title_of(&subject, what, &plot);
        let room = usize::from(place.width);
        if rows >= 3 {
            let line = Line::styled(measure::cut(&title, room), model.look.strong());
            frame.render_widget(line, Rect { height: 1, ..place });
            let below = Rect {
                y: place.y + 1,
                height: place.height.saturating_sub(1),
                ..place
            };
            plot.draw(frame.buffer_mut(), below, (&subject, &marks, model.look));
        } else if place.height > 0 {
            let spark = plot.spark(model.look, room.saturating_sub(24).max(8));
            let text = format!("{} {spark}", measure::left(&title, 22));
            frame.render_widget(Line::raw(measure::cut(&text, room)), place);
        }
    }
}

fn title_of(subject: &ChartSubject<'_>, what: Charted, plot: &Plot) -> String {
    let usage = &subject.usage;
    match what {
        Charted::Cpu => format!("CPU % {}", plot.of_limit(usage.cpu)),
        Charted::Memory => {
            let now = measure::memory(usage).map(|bytes| bytes as f64);
            format!("MEM {}", plot.of_limit(now))
        }
        Charted::Pids => {
            let now = usage.pids.map(|pids| pids as f64);
            format!("TASKS {}", plot.of_limit(now))
        }
        Charted::Io | Charted::Net => {
            let (read, write) = (plot.show(usage.io_read), plot.show(usage.io_write));
            format!("IO r {read} w {write}")
        }
    }
}
