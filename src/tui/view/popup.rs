//! Boxes over the screen: menus, pages, the question before leaving.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use crate::tui::measure::{cut, left, scrolled, width, wrap};
use crate::tui::modal::{Button, Menu, Page};
use crate::tui::model::Model;

use super::layout::{Class, Panes};

/// A box of this size in the middle of `area`, inside of it.
pub(crate) fn centered(area: Rect, columns: usize, rows: usize) -> Rect {
    let columns = u16::try_from(columns).unwrap_or(u16::MAX).min(area.width);
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).min(area.height);
    Rect {
        x: area.x + (area.width - columns) / 2,
        y: area.y + (area.height - rows) / 2,
        width: columns,
        height: rows,
    }
}

/// Clears a box and frames it; gives back its inside.
pub(crate) fn framed(frame: &mut Frame<'_>, area: Rect, model: &Model, title: &str) -> Rect {
    frame.render_widget(Clear, area);
    let title = cut(title, usize::from(area.width).saturating_sub(8));
    let block = model.look.pane(&title, true);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

pub(crate) fn menu(frame: &mut Frame<'_>, area: Rect, model: &Model, menu: &Menu, panes: &Panes) {
    let found = menu.found();
    let widest = menu
        .entries
        .iter()
        .map(|entry| width(&entry.label))
        .max()
        .unwrap_or(0);
    let columns = (widest + 6).max(width(&menu.title) + 10).max(24);
    let search = usize::from(menu.query.is_some());
    let room =
        usize::from(area.height).saturating_sub(if panes.class == Class::Small { 0 } else { 4 });
    let rows = (menu.entries.len() + 2 + search).min(room);
    let inside = framed(frame, centered(area, columns, rows), model, &menu.title);
    let columns = usize::from(inside.width);
    let mut lines = Vec::new();
    if let Some(query) = &menu.query {
        lines.push(Line::raw(cut(
            &format!(" : {}_", crate::text::visible(query)),
            columns,
        )));
    }
    let page = usize::from(inside.height).saturating_sub(search);
    let top = (menu.selected + 1).saturating_sub(page);
    for (at, entry) in found.iter().enumerate().skip(top).take(page) {
        let selected = at == menu.selected;
        let cursor = if selected { ">" } else { " " };
        let line = Line::raw(left(&format!("{cursor} {}", entry.label), columns));
        lines.push(if selected {
            line.style(model.look.selected())
        } else {
            line
        });
    }
    if found.is_empty() {
        lines.push(Line::raw("  no action of that name"));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

/// Where a page is: over all but the line of hints.
pub(crate) fn page_area(area: Rect, panes: &Panes) -> Rect {
    let whole = Rect {
        height: area.height.saturating_sub(panes.hints.height),
        ..area
    };
    match panes.class {
        Class::Wide => centered(whole, 100, usize::from(whole.height)),
        Class::TooSmall | Class::Small | Class::Normal => whole,
    }
}

pub(crate) fn page(frame: &mut Frame<'_>, area: Rect, model: &Model, page: &Page, panes: &Panes) {
    let place = page_area(area, panes);
    let rows = usize::from(place.height.saturating_sub(2));
    let last = page.lines.len().saturating_sub(rows);
    let top = page.scroll.min(last);
    let mut title = page.title.clone();
    if page.lines.len() > rows {
        let end = (top + rows).min(page.lines.len());
        write!(
            title,
            ", lines {} to {end} of {}",
            top + 1,
            page.lines.len()
        )
        .ok();
    }
    let inside = framed(frame, place, model, &title);
    let columns = usize::from(inside.width);
    let mut lines: Vec<Line<'_>> = page
        .lines
        .iter()
        .skip(top)
        .take(rows)
        .map(|line| Line::raw(cut(&scrolled(line, page.sideways), columns)))
        .collect();
    if page.pending {
        lines.push(Line::raw("reading ..."));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

/// Asks before leaving while the engine works.
pub(crate) fn leave(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    button: Button,
    panes: &Panes,
) {
    let columns = if panes.class == Class::Small { 38 } else { 60 };
    let mut text = Vec::new();
    for (key, running) in &model.jobs {
        text.push(format!(
            "{}: {}",
            key.label(),
            super::detail::job_words(model, running)
        ));
    }
    text.push("What is left undone can be continued later: do it again.".to_owned());
    let lines: Vec<String> = text
        .iter()
        .flat_map(|line| wrap(line, columns - 4))
        .collect();
    let place = centered(area, columns, lines.len() + 4);
    let inside = framed(frame, place, model, "Leave while jobs run?");
    let room = usize::from(inside.height).saturating_sub(2);
    let mut shown: Vec<Line<'_>> = lines
        .into_iter()
        .take(room)
        .map(|line| Line::raw(format!(" {line}")))
        .collect();
    shown.push(Line::raw(""));
    shown.push(buttons(
        model,
        button,
        "Stay",
        "y Leave after this step",
        true,
    ));
    frame.render_widget(Paragraph::new(shown), inside);
}

/// The two buttons; the one in focus has a cursor and reverse video.
pub(crate) fn buttons(
    model: &Model,
    button: Button,
    cancel: &str,
    go: &str,
    can_go: bool,
) -> Line<'static> {
    let text = |label: &str, focused: bool| {
        if focused {
            format!(">[ {label} ]<")
        } else {
            format!(" [ {label} ] ")
        }
    };
    let style = |focused: bool| {
        if focused {
            model.look.selected()
        } else {
            ratatui::style::Style::new()
        }
    };
    let (first, second) = (button == Button::Cancel, button == Button::Go);
    let go_style = if can_go {
        style(second)
    } else {
        style(second).patch(model.look.dim())
    };
    Line::from(vec![
        ratatui::text::Span::styled(text(cancel, first), style(first)),
        ratatui::text::Span::raw("  "),
        ratatui::text::Span::styled(text(go, second), go_style),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_never_leaves_its_area() {
        let area = Rect::new(3, 2, 10, 5);
        assert_eq!(centered(area, 4, 3), Rect::new(6, 3, 4, 3));
        assert_eq!(centered(area, 400, 300), area);
    }
}
