//! The form of every dialog that asks: a body that scrolls where there is not room for it all, and a
//! foot with the buttons, which stays.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use crate::tui::measure::{cut, wrap};
use crate::tui::model::Model;

use super::layout::{Class, Panes};
use super::popup;

/// What a dialog says.
pub(super) struct DialogSheet {
    pub(super) title: String,
    pub(super) body: Vec<String>,
    pub(super) foot: Vec<String>,
    pub(super) buttons: Line<'static>,
    pub(super) scroll: usize,
}

/// Where the dialog is, and its lines.
struct Shape {
    place: Rect,
    body: Vec<String>,
    foot: Vec<String>,
    framed: bool,
    /// Rows below the body: what must be typed, the buttons, and air where there is room for it.
    below: usize,
}

impl Shape {
    fn of(area: Rect, sheet: &DialogSheet, panes: &Panes) -> Self {
        let framed = panes.class != Class::Small;
        let columns = match panes.class {
            Class::Wide => 84,
            Class::Normal => 74,
            Class::TooSmall | Class::Small => usize::from(area.width),
        };
        let inside = columns.saturating_sub(if framed { 4 } else { 1 });
        let lines = |texts: &[String]| -> Vec<String> {
            texts
                .iter()
                .flat_map(|text| indented(text, inside))
                .collect()
        };
        let (body, foot) = (lines(&sheet.body), lines(&sheet.foot));
        let below = foot.len() + if framed { 2 } else { 1 };
        let edges = if framed { 2 } else { 1 };
        let rows = body.len() + below + edges;
        let place = if framed {
            popup::centered(area, columns, rows)
        } else {
            area
        };
        Self {
            place,
            body,
            foot,
            framed,
            below,
        }
    }

    /// Rows for the body.
    fn page(&self) -> usize {
        let edges = if self.framed { 2 } else { 1 };
        usize::from(self.place.height)
            .saturating_sub(edges + self.below)
            .max(1)
    }
}

/// `text` wrapped; what follows its first line is indented like it.
fn indented(text: &str, columns: usize) -> Vec<String> {
    let indent = text.len() - text.trim_start().len();
    let lines = wrap(text.trim_start(), columns.saturating_sub(indent));
    lines
        .into_iter()
        .map(|line| format!("{}{line}", " ".repeat(indent)))
        .collect()
}

/// Lines of the body, and how many of them are on the screen.
pub(super) fn extent(area: Rect, sheet: &DialogSheet, panes: &Panes) -> (usize, usize) {
    let shape = Shape::of(area, sheet, panes);
    (shape.body.len(), shape.page())
}

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    sheet: DialogSheet,
    panes: &Panes,
) {
    let shape = Shape::of(area, &sheet, panes);
    let page = shape.page();
    let last = shape.body.len().saturating_sub(page);
    let top = sheet.scroll.min(last);
    let mut title = sheet.title;
    if last > 0 {
        let (first, end, len) = (top + 1, top + page, shape.body.len());
        write!(title, " ({first} to {end} of {len}, j k scroll)").ok();
    }
    let inside = if shape.framed {
        popup::framed(frame, shape.place, model, &title)
    } else {
        frame.render_widget(Clear, shape.place);
        let heading = cut(&title, usize::from(shape.place.width));
        frame.render_widget(
            Line::styled(heading, model.look.selected()),
            Rect {
                height: 1,
                ..shape.place
            },
        );
        Rect {
            y: shape.place.y + 1,
            height: shape.place.height.saturating_sub(1),
            ..shape.place
        }
    };
    let shown = shape.body.iter().skip(top).take(page);
    let mut lines: Vec<Line<'_>> = shown.map(|text| styled(model, text)).collect();
    lines.extend(shape.foot.iter().map(|text| styled(model, text)));
    if shape.framed {
        lines.push(Line::raw(""));
    }
    lines.push(sheet.buttons);
    frame.render_widget(Paragraph::new(lines), inside);
}

/// What warns begins with `!`, so it stands out without colour too.
fn styled(model: &Model, text: &str) -> Line<'static> {
    let line = Line::raw(format!(" {text}"));
    if text.trim_start().starts_with('!') {
        line.style(model.look.bad())
    } else {
        line
    }
}
