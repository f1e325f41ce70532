//! Which part of the screen is where. `update` asks as well: for the length of a page, and for what
//! the mouse points at.

use ratatui::layout::{Rect, Size};

use crate::tui::model::Model;
use crate::tui::place::{Pane, View};

/// How much there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    TooSmall,
    Small,
    Normal,
    Wide,
}

impl Class {
    pub(crate) fn of(size: Size) -> Self {
        match (size.width, size.height) {
            (120.., 30..) => Self::Wide,
            (80.., 24..) => Self::Normal,
            (40.., 10..) => Self::Small,
            _ => Self::TooSmall,
        }
    }
}

/// Where the parts are; those without room are `None`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panes {
    pub(crate) class: Class,
    pub(crate) header: Rect,
    pub(crate) list: Option<Rect>,
    /// All of a view that is not the list of containers.
    pub(crate) view: Option<Rect>,
    pub(crate) details: Option<Rect>,
    pub(crate) usage: Option<Rect>,
    pub(crate) log: Option<Rect>,
    pub(crate) hints: Rect,
}

impl Panes {
    pub(crate) fn of(&self, pane: Pane) -> Option<Rect> {
        match pane {
            Pane::List => self.list,
            Pane::View => self.view,
            Pane::Details => self.details,
            Pane::Usage => self.usage,
            Pane::Log => self.log,
        }
    }

    /// Panes with a frame around them.
    pub(crate) fn framed(&self) -> bool {
        self.class != Class::Small
    }
}

/// Rows of the list that are kept at any size.
const LIST_LEAST: u16 = 4;

/// The layout for `area`.
pub(crate) fn panes(model: &Model, area: Rect) -> Panes {
    let class = Class::of(area.as_size());
    let header_rows = if class == Class::Small { 1 } else { 2 };
    let header = Rect {
        height: header_rows.min(area.height),
        ..area
    };
    let hints = Rect {
        y: area.bottom().saturating_sub(1).max(area.y),
        height: 1.min(area.height),
        ..area
    };
    let body = Rect {
        y: header.bottom().min(area.bottom()),
        height: area.height.saturating_sub(header.height + hints.height),
        ..area
    };
    let mut panes = Panes {
        class,
        header,
        list: None,
        view: None,
        details: None,
        usage: None,
        log: None,
        hints,
    };
    if model.zoomed {
        match model.focus {
            Pane::List => panes.list = Some(body),
            Pane::View => panes.view = Some(body),
            Pane::Details => panes.details = Some(body),
            Pane::Usage => panes.usage = Some(body),
            Pane::Log => panes.log = Some(body),
        }
    } else {
        share(model, body, &mut panes);
    }
    panes
}

/// Divides the body: charts go first when rows run short, then the details, then the log shrinks.
fn share(model: &Model, body: Rect, panes: &mut Panes) {
    let (frame, details) = match panes.class {
        _ if model.view != View::Containers => (2, 0),
        // Without a row there is nothing to tell of it, and the reasons need the room.
        Class::Wide | Class::Normal if model.rows.is_empty() => (2, 0),
        Class::Wide => (2, 14),
        Class::Normal => (2, 5),
        Class::Small | Class::TooSmall => (0, 0),
    };
    let least = LIST_LEAST + 1 + frame;
    let spare = body.height.saturating_sub(least);
    let log = match (model.log_hidden, panes.class) {
        (true, _) => 0,
        // Six panes need the rows more than the log does.
        (_, Class::Wide) if model.view == View::Usage => extended(5, model.log_extra, 3, spare),
        (_, Class::Wide) => extended(10, model.log_extra, 3, spare),
        (_, Class::Normal) => extended(5, model.log_extra, 3, spare),
        // One line until there is so much room that the list does not need it.
        _ => extended(
            if body.height > 16 { 4 } else { 1 },
            model.log_extra,
            1,
            spare,
        ),
    };
    let details = if log + details > spare { 0 } else { details };
    let list = body.height - log - details;
    let (upper, rest) = cut(body, list);
    let (middle, lower) = cut(rest, details);
    match model.view {
        View::Containers => panes.list = Some(upper),
        View::Usage | View::Processes | View::Leftovers | View::Rdt | View::History => {
            panes.view = Some(upper);
        }
    }
    panes.log = (log > 0).then_some(lower);
    if details > 0 && panes.class == Class::Wide {
        let half = middle.width / 2;
        panes.details = Some(Rect {
            width: half,
            ..middle
        });
        panes.usage = Some(Rect {
            x: middle.x + half,
            width: middle.width - half,
            ..middle
        });
    } else if details > 0 {
        panes.details = Some(middle);
    }
}

fn extended(normal: u16, extra: i16, least: u16, most: u16) -> u16 {
    normal.saturating_add_signed(extra).max(least).min(most)
}

fn cut(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let upper = Rect {
        height: rows,
        ..area
    };
    let lower = Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    };
    (upper, lower)
}

/// The inside of a pane.
pub(crate) fn inside(panes: &Panes, pane: Rect) -> Rect {
    if !panes.framed() {
        return pane;
    }
    Rect {
        x: pane.x + 1,
        y: pane.y + 1,
        width: pane.width.saturating_sub(2),
        height: pane.height.saturating_sub(2),
    }
}

fn current(model: &Model) -> Panes {
    panes(model, Rect::new(0, 0, model.size.width, model.size.height))
}

/// Rows of the list on the screen.
pub(crate) fn list_rows(model: &Model) -> usize {
    let panes = current(model);
    let rows = panes.list.map_or(0, |list| inside(&panes, list).height);
    usize::from(rows.saturating_sub(1)).max(1)
}

/// Rows of a pane on the screen.
pub(crate) fn pane_rows(model: &Model, pane: Pane) -> usize {
    let panes = current(model);
    let rows = panes.of(pane).map_or(0, |area| inside(&panes, area).height);
    usize::from(rows).max(1)
}

/// The panes that are on the screen, in the order Tab takes.
pub(crate) fn visible(model: &Model) -> Vec<Pane> {
    let panes = current(model);
    let all = [
        Pane::List,
        Pane::View,
        Pane::Details,
        Pane::Usage,
        Pane::Log,
    ];
    all.into_iter()
        .filter(|pane| panes.of(*pane).is_some())
        .collect()
}

/// The line of a view's table that is on a row of the screen, counted from below its heading.
pub(crate) fn view_line(model: &Model, row: u16) -> Option<usize> {
    let panes = current(model);
    let inside = inside(&panes, panes.view?);
    let line = row.checked_sub(inside.y + 1)?;
    (row < inside.bottom()).then_some(usize::from(line))
}

/// What the mouse points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MouseSpot {
    /// A row of the list, counted from its first on the screen.
    Row(usize),
    /// The list's heading, at this column of its text.
    Heading(usize),
    Pane(Pane),
}

/// What is at a cell.
pub(crate) fn spot(model: &Model, column: u16, row: u16) -> Option<MouseSpot> {
    let panes = current(model);
    let at = ratatui::layout::Position::new(column, row);
    let pane = visible(model)
        .into_iter()
        .find(|pane| panes.of(*pane).is_some_and(|area| area.contains(at)))?;
    let list = inside(&panes, panes.of(pane)?);
    if pane != Pane::List || !list.contains(at) {
        return Some(MouseSpot::Pane(pane));
    }
    let indent = super::containers::indent(panes.class);
    match row - list.y {
        0 => Some(MouseSpot::Heading(
            usize::from(column - list.x).saturating_sub(indent),
        )),
        below => Some(MouseSpot::Row(usize::from(below) - 1)),
    }
}
