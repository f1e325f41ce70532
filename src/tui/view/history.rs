//! View 6: what happened to containers while ocitop looked, what was done to them and what came of
//! it, newest first.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::inventory::happenings::{ExitStatus, Happened};
use crate::tui::history::HistoryEntry;
use crate::tui::measure::{cut, left, scrolled_into, width};
use crate::tui::model::Model;
use crate::tui::place::{Pane, first_row};

use super::layout::{self, Class, Panes};

/// Lines on the screen, without the heading.
pub(crate) fn page(model: &Model) -> usize {
    layout::pane_rows(model, Pane::View)
        .saturating_sub(1)
        .max(1)
}

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    let rows = model.history_entries();
    let title = title(model, rows.len());
    let inside = super::framed(frame, area, model, panes, Pane::View, &title);
    if let Some(heading) = super::line(inside, 0) {
        let text = format!("{}{}", lead(model, panes.class, None), head(panes.class));
        let text = cut(&text, usize::from(inside.width));
        frame.render_widget(Line::styled(text, model.look.strong()), heading);
    }
    if rows.is_empty() {
        if let Some(place) = super::line(inside, 1) {
            let text = cut(&nothing(model), usize::from(inside.width));
            frame.render_widget(Line::styled(text, model.look.dim()), place);
        }
        return;
    }
    let page = usize::from(inside.height.saturating_sub(1));
    // The model's first line is for the size it knows of; the frame may have another one already.
    let top = first_row(model.history.top, model.history.index(), page, rows.len());
    for (row, past) in (1..inside.height).zip(rows.into_iter().skip(top)) {
        if let Some(place) = super::line(inside, row) {
            let columns = usize::from(inside.width);
            frame.render_widget(line(model, past, panes.class, columns), place);
        }
    }
}

fn title(model: &Model, shown: usize) -> String {
    let happened = model
        .snapshot()
        .map_or(0, |snapshot| snapshot.happenings.len());
    let all = happened + model.deeds.all().count();
    let mut title = format!("History, {shown} of {all}, newest first");
    if model.deeds.dropped > 0 {
        write!(title, ", {} older ones dropped", model.deeds.dropped).ok();
    }
    if !model.list.filter_text.is_empty() {
        let filter = crate::text::visible(&model.list.filter_text);
        write!(title, "   /{filter}").ok();
    }
    title
}

fn nothing(model: &Model) -> String {
    if model.list.filter_text.is_empty() {
        " Nothing happened since ocitop began to look, and nothing was done.".to_owned()
    } else {
        " Nothing that matches the filter. Esc clears it.".to_owned()
    }
}

fn few(class: Class) -> bool {
    !matches!(class, Class::Wide | Class::Normal)
}

/// Columns of time and event.
fn widths(class: Class) -> (usize, usize) {
    match class {
        Class::Wide => (19, 24),
        Class::Normal => (8, 24),
        Class::TooSmall | Class::Small => (8, 14),
    }
}

fn lead(model: &Model, class: Class, past: Option<HistoryEntry<'_>>) -> &'static str {
    let selected = past.is_some_and(|past| model.history.is_on(past));
    match (selected, few(class)) {
        (true, true) => ">",
        (true, false) => "> ",
        (false, true) => " ",
        (false, false) => "  ",
    }
}

fn head(class: Class) -> String {
    let (time, what) = widths(class);
    let root = if class == Class::Wide {
        "STATE ROOT"
    } else {
        ""
    };
    let (time, what) = (left("TIME", time), left("EVENT", what));
    let root = left(root, if root.is_empty() { 0 } else { ROOT });
    format!("{time} {what} {root}NAME / ID")
}

/// Columns of the state root, with the space behind it.
const ROOT: usize = 24;

/// Columns that an id keeps beside the reason why something was not done.
const ID: usize = 14;

fn line(model: &Model, past: HistoryEntry<'_>, class: Class, columns: usize) -> Line<'static> {
    let (time, what) = widths(class);
    let format = if class == Class::Wide { "%F %T" } else { "%T" };
    let at = past.at().to_zoned_datetime(model.zone.clone());
    let at = at.strftime(format).to_string();
    let mut spans = vec![
        Span::raw(lead(model, class, Some(past))),
        Span::styled(left(&at, time), model.look.dim()),
        Span::raw(" "),
        Span::styled(left(&past.words(few(class)), what), style(model, past)),
        Span::raw(" "),
    ];
    if class == Class::Wide {
        let root = crate::text::visible_path(past.key().root());
        spans.push(Span::raw(left(&cut(&root, ROOT - 1), ROOT)));
    }
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    let room = columns.saturating_sub(used);
    let id = past.key().label();
    let reason = past.reason().filter(|_| room >= 2 * ID);
    let kept = match &reason {
        Some(reason) => room.saturating_sub(width(reason) + 2).max(ID).min(room),
        None => room,
    };
    let id = scrolled_into(&id, model.list.sideways, kept);
    match reason {
        Some(reason) => {
            let rest = room.saturating_sub(width(&id) + 2);
            spans.push(Span::raw(format!("{id}  ")));
            spans.push(Span::styled(left(&reason, rest), model.look.dim()));
        }
        None => spans.push(Span::raw(left(&id, room))),
    }
    let line = Line::from(spans);
    if model.history.is_on(past) {
        line.style(model.look.selected())
    } else {
        line
    }
}

fn style(model: &Model, past: HistoryEntry<'_>) -> Style {
    let what = match past {
        HistoryEntry::Happened(happening) => &happening.what,
        HistoryEntry::Did(deed) => {
            return match deed.ending.word() {
                "done" => model.look.good(),
                "FAILED" => model.look.bad(),
                _ => model.look.warning(),
            };
        }
    };
    match what {
        Happened::OomKilled { .. } => model.look.bad(),
        Happened::Exited {
            status: Some(ExitStatus::Code(0)),
        } => Style::new(),
        Happened::Exited { .. } | Happened::Paused => model.look.warning(),
        Happened::Started | Happened::Resumed => model.look.good(),
        Happened::Created => model.look.accent(),
        Happened::Deleted => model.look.dim(),
    }
}
