//! View 2: the usage of one container, and of the marked ones beside each other; without a
//! container, of the host.

mod compare;
mod panes;
mod pressure;
mod rdt;
mod small;
pub(crate) mod subject;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::tui::history;
use crate::tui::measure::{self, cut, scrolled_into};
use crate::tui::model::Model;
use crate::tui::place::Pane;

use self::panes::PaneScene;
use self::subject::{ChartSubject, clock};
use super::layout::{Class, Panes, inside};

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    let Some(subject) = ChartSubject::shown(model) else {
        super::framed(frame, area, model, panes, Pane::View, "usage");
        return;
    };
    if !panes.framed() {
        let (columns, rows) = (usize::from(area.width), usize::from(area.height));
        let lines = small::lines(model, &subject, columns, rows);
        frame.render_widget(Paragraph::new(lines), area);
        return;
    }
    let marks = subject.marks();
    let scene = PaneScene {
        model,
        subject: &subject,
        marks: &marks,
    };
    let targets = compare::marked(model);
    let places = Places::of(area, panes.class, targets.len());
    for (part, place) in places.parts() {
        if place.height < 2 {
            continue;
        }
        let title = title(part, &scene, place, &targets);
        let within = if part == UsagePart::Cpu {
            super::framed(frame, place, model, panes, Pane::View, &title)
        } else {
            let room = usize::from(place.width).saturating_sub(8);
            frame.render_widget(model.look.pane(&cut(&title, room), false), place);
            inside(panes, place)
        };
        match part {
            UsagePart::Cpu => scene.cpu(frame, within),
            UsagePart::Memory => scene.memory(frame, within),
            UsagePart::Io => scene.io(frame, within),
            UsagePart::Tasks => scene.tasks(frame, within),
            UsagePart::Pressure => {
                let columns = usize::from(within.width);
                let lines = pressure::lines(&scene, within.height > 3, columns);
                self::panes::written(frame, within, lines);
            }
            UsagePart::Rdt => {
                let lines = rdt_lines(&scene, usize::from(within.width));
                self::panes::written(frame, within, lines);
            }
            UsagePart::Below if targets.is_empty() => {
                self::panes::written(frame, within, events(&scene, usize::from(within.width)));
            }
            UsagePart::Below => {
                let (columns, rows) = (usize::from(within.width), usize::from(within.height));
                let lines = compare::lines(model, &targets, columns, rows);
                self::panes::written(frame, within, lines);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UsagePart {
    Cpu,
    Memory,
    Io,
    Pressure,
    Tasks,
    Rdt,
    /// Marked ones beside each other, or what happened.
    Below,
}

/// Three rows of two panes, and one below them. What has no room has no height.
struct Places {
    rows: [[Rect; 2]; 3],
    below: Rect,
}

impl Places {
    fn of(area: Rect, class: Class, compared: usize) -> Self {
        let wide = class == Class::Wide;
        let compared = u16::try_from(compared).unwrap_or(u16::MAX);
        let below = match compared {
            0 if area.height >= 30 => 5,
            0 => 0,
            count => count.saturating_add(2).min(if wide { 7 } else { 4 }),
        };
        // The charts are what the view is for: they keep at least what they need to be read.
        let below = if area.height >= below + 7 { below } else { 0 };
        let left = area.height - below;
        let third = if wide { 6 } else { 4 };
        let third = if left >= third + 12 { third } else { 0 };
        let left = left - third;
        let second = if left >= 12 { left * 3 / 7 } else { 0 };
        let heights = [left - second, second, third];
        let mut y = area.y;
        let rows = heights.map(|height| {
            let row = Rect { y, height, ..area };
            y += height;
            halves(row)
        });
        let below = Rect {
            y,
            height: below,
            ..area
        };
        Self { rows, below }
    }

    fn parts(&self) -> [(UsagePart, Rect); 7] {
        let [[cpu, memory], [io, pressure], [tasks, rdt]] = self.rows;
        [
            (UsagePart::Cpu, cpu),
            (UsagePart::Memory, memory),
            (UsagePart::Io, io),
            (UsagePart::Pressure, pressure),
            (UsagePart::Tasks, tasks),
            (UsagePart::Rdt, rdt),
            (UsagePart::Below, self.below),
        ]
    }
}

fn halves(row: Rect) -> [Rect; 2] {
    let half = row.width / 2;
    let left = Rect { width: half, ..row };
    let right = Rect {
        x: row.x + half,
        width: row.width - half,
        ..row
    };
    [left, right]
}

fn title(
    part: UsagePart,
    scene: &PaneScene<'_>,
    place: Rect,
    targets: &[std::sync::Arc<crate::inventory::Container>],
) -> String {
    let subject = scene.subject;
    match part {
        UsagePart::Cpu => {
            // What a capital would act on is said even where there is no room to compare.
            let marked = match targets.len() {
                0 => String::new(),
                count => format!("  {count} marked"),
            };
            let used = 16 + measure::width(&marked);
            let room = usize::from(place.width).saturating_sub(used);
            let name = scrolled_into(&subject.name, scene.model.list.sideways, room);
            format!("CPU %  {name}{marked}")
        }
        UsagePart::Memory => "Memory".to_owned(),
        UsagePart::Io => "IO".to_owned(),
        UsagePart::Pressure => pressure::title(place.height > 5),
        UsagePart::Tasks => "Tasks and network".to_owned(),
        UsagePart::Rdt => "Intel RDT".to_owned(),
        UsagePart::Below if targets.is_empty() => format!("What happened   {}", history::LEGEND),
        UsagePart::Below => compare::title(targets),
    }
}

fn rdt_lines(scene: &PaneScene<'_>, columns: usize) -> Vec<Line<'static>> {
    match scene.subject.container {
        Some(container) => super::rdt::usage_lines(scene.model, container, columns),
        None => vec![Line::raw("view 5 shows the groups")],
    }
}

/// What happened to it, newest first.
fn events(scene: &PaneScene<'_>, columns: usize) -> Vec<Line<'static>> {
    let model = scene.model;
    let lines: Vec<Line<'static>> = scene
        .subject
        .happenings()
        .take(8)
        .map(|happening| {
            let ago = model
                .snapshot()
                .map(|snapshot| snapshot.uptime.saturating_sub(happening.uptime));
            let ago = ago.map_or_else(String::new, |ago| format!("{} ago", measure::lasting(ago)));
            let whose = match scene.subject.container {
                None => happening.key.label(),
                Some(_) => String::new(),
            };
            let text = format!(
                "{} {}  {:<24} {ago:<14} {whose}",
                history::glyph(&happening.what),
                clock(model, happening.at),
                history::words(&happening.what, false)
            );
            Line::raw(cut(&text, columns))
        })
        .collect();
    if lines.is_empty() {
        return vec![Line::styled(
            "nothing since ocitop began to look",
            model.look.dim(),
        )];
    }
    lines
}
