//! The list of containers.

mod cell;

use cell::cell;
use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use crate::inventory::{Condition, Container, Usage};
use crate::oci::Status;
use crate::tui::measure::{self, cut, left, right, width};
use crate::tui::modal::Modal;
use crate::tui::model::Model;
use crate::tui::place::{Pane, first_row};
use crate::tui::standing::{self, Issue};
use crate::tui::table::{self, Column, SortKey};

use super::layout::{Class, Panes};

/// Columns before the first one of the table: cursor and mark.
pub(crate) fn indent(class: Class) -> usize {
    if class == Class::Small { 1 } else { 3 }
}

/// The columns shown, with their widths.
pub(crate) fn columns(model: &Model) -> Vec<(Column, usize)> {
    let class = Class::of(model.size);
    let frame = if class == Class::Small { 0 } else { 2 };
    let room = usize::from(model.size.width).saturating_sub(frame);
    table_columns(model, class, room)
}

fn table_columns(model: &Model, class: Class, room: usize) -> Vec<(Column, usize)> {
    let narrow = class == Class::Small;
    table::fitting(
        room.saturating_sub(indent(class)),
        narrow,
        &model.list.hidden,
    )
}

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    let title = title(model, panes.framed(), area.height);
    let inside = super::framed(frame, area, model, panes, Pane::List, &title);
    if panes.framed() {
        right_title(frame, area, model, width(&title));
    }
    if model.rows.is_empty() {
        super::empty::draw(frame, inside, model);
        return;
    }
    let columns = table_columns(model, panes.class, usize::from(inside.width));
    if let Some(heading) = super::line(inside, 0) {
        frame.render_widget(head(model, &columns, panes.class), heading);
    }
    let page = usize::from(inside.height.saturating_sub(1));
    // The model's first row is for the size it knows of; the frame may have another one already.
    let top = first_row(
        model.list.top,
        model.list.selection.index(),
        page,
        model.rows.len(),
    );
    for (row, container) in (1..inside.height).zip(model.rows.iter().skip(top)) {
        if let Some(place) = super::line(inside, row) {
            frame.render_widget(self::row(model, container, &columns, panes.class), place);
        }
    }
}

fn title(model: &Model, framed: bool, height: u16) -> String {
    let all = model
        .snapshot()
        .map_or(0, |snapshot| snapshot.containers.len());
    let mut title = format!("Containers {} of {all}", model.rows.len());
    let page = usize::from(height.saturating_sub(if framed { 3 } else { 1 }));
    if page < model.rows.len() {
        let top = first_row(
            model.list.top,
            model.list.selection.index(),
            page,
            model.rows.len(),
        );
        write!(title, ", rows {}-{}", top + 1, top + page).ok();
    }
    if model.list.attention {
        title.push_str(", only what needs attention");
    }
    if !model.list.stopped {
        title.push_str(", stopped hidden");
    }
    let marked = model.list.selection.marks().len();
    if marked > 0 {
        write!(title, ", {marked} marked").ok();
    }
    if model.list.selection.anchor().is_some() {
        title.push_str(", range: v ends it");
    }
    title
}

/// Order and filter, at the right of the upper edge.
fn right_title(frame: &mut Frame<'_>, area: Rect, model: &Model, title: usize) {
    let arrow = if model.list.reversed { "^" } else { "v" };
    let order = format!("sort: {} {arrow}", model.list.sort.name());
    let edge = Edge {
        pane: Pane::List,
        order: &order,
        filter: &model.list.filter_text,
    };
    edge.draw(frame, area, model, title);
}

/// What a list is ordered and filtered by.
pub(super) struct Edge<'a> {
    pub(super) pane: Pane,
    pub(super) order: &'a str,
    pub(super) filter: &'a str,
}

impl Edge<'_> {
    /// At the right of the upper edge, beside a title of so many columns.
    pub(super) fn draw(&self, frame: &mut Frame<'_>, area: Rect, model: &Model, title: usize) {
        let filter = match model.modal() {
            Some(Modal::Prompt(prompt)) if prompt.pane == self.pane => {
                format!("/{}_", crate::text::visible(&prompt.text))
            }
            _ if self.filter.is_empty() => "/ filter".to_owned(),
            _ => format!("/{}", crate::text::visible(self.filter)),
        };
        let room = usize::from(area.width).saturating_sub(title + 8);
        let text = cut(&format!(" {}  {filter} ", self.order), room);
        let columns = u16::try_from(width(&text)).unwrap_or(0);
        if columns == 0 || area.height == 0 {
            return;
        }
        let place = Rect {
            x: area.right().saturating_sub(columns + 2).max(area.x),
            width: columns.min(area.width),
            height: 1,
            ..area
        };
        let style = if self.filter.is_empty() {
            Style::new()
        } else {
            model.look.warning().add_modifier(Modifier::BOLD)
        };
        frame.render_widget(Line::styled(text, style), place);
    }
}

fn head(model: &Model, columns: &[(Column, usize)], class: Class) -> Line<'static> {
    let mut text = " ".repeat(indent(class));
    for (column, width) in columns {
        let title = if *column == Column::Memory && class == Class::Small {
            "MEM"
        } else {
            column.title()
        };
        let sorted = model.list.sort == SortKey::Column(*column);
        let title = if sorted {
            format!("{title}*")
        } else {
            title.to_owned()
        };
        let title = title.replace("MEM / MAX*", "MEM/MAX*");
        text.push_str(&aligned(*column, &title, *width));
        text.push(' ');
    }
    Line::styled(text, model.look.strong())
}

fn aligned(column: Column, text: &str, width: usize) -> String {
    if column.is_right_aligned() {
        right(text, width)
    } else {
        left(text, width)
    }
}

fn row(
    model: &Model,
    container: &Container,
    columns: &[(Column, usize)],
    class: Class,
) -> Line<'static> {
    let key = &container.key;
    let selected = model.list.selection.key() == Some(key);
    let cursor = if selected { ">" } else { " " };
    let mark = if model.list.selection.is_marked(key) {
        "*"
    } else {
        " "
    };
    let lead = match class {
        // One column for both: the cursor shows in reverse video as well, a mark does not.
        Class::Small if mark == "*" => mark.to_owned(),
        Class::Small => cursor.to_owned(),
        Class::TooSmall | Class::Normal | Class::Wide => format!("{cursor}{mark} "),
    };
    let mut spans = vec![Span::raw(lead)];
    for (at, (column, width)) in columns.iter().enumerate() {
        if at == 2 {
            let room: usize = columns.iter().skip(at).map(|(_, width)| width + 1).sum();
            if let Some(text) = in_place_of_numbers(model, container, room.saturating_sub(1)) {
                spans.push(Span::styled(left(&text, room), model.look.bad()));
                break;
            }
        }
        let text = aligned(
            *column,
            &cell(model, container, *column, class, *width),
            *width,
        );
        spans.push(Span::styled(text, style(model, container, *column)));
        spans.push(Span::raw(" "));
    }
    let line = Line::from(spans);
    if selected {
        line.style(model.look.selected())
    } else {
        line
    }
}

/// Columns in which a reason says anything.
const REASON_LEAST: usize = 20;

/// What is more to the point than what a container uses, where there is room for it.
fn in_place_of_numbers(model: &Model, container: &Container, room: usize) -> Option<String> {
    // What its numbers were is not what they are.
    if let Some(silent) = container.silent {
        return Some(silence(silent, room));
    }
    if room < REASON_LEAST || model.jobs.contains_key(&container.key) {
        return None;
    }
    let headline = standing::headline(container, &model.deeds).filter(|issue| issue.holds());
    if let Some(issue) = headline {
        return Some(issue.reason(model.now.wall));
    }
    let has_numbers = container.usage != Usage::default();
    let problem = container.problem.as_ref().filter(|_| !has_numbers)?;
    (container.condition == Condition::Broken).then(|| crate::text::safe(problem))
}

/// Since when its state root has not answered, in the room there is.
fn silence(silent: std::time::Duration, room: usize) -> String {
    let time = measure::lasting(silent);
    let text = format!("not answering for {time}");
    if width(&text) <= room {
        text
    } else {
        format!("for {time}")
    }
}

/// The word in the state column: what is being done comes before what is.
pub(crate) fn state_word(model: &Model, container: &Container) -> String {
    if let Some(running) = model.jobs.get(&container.key) {
        return running.state_word().to_owned();
    }
    if container.silent.is_some() {
        return "SILENT".to_owned();
    }
    if let Some(issue) = standing::headline(container, &model.deeds) {
        return issue.state();
    }
    match container.condition {
        Condition::Broken => "BROKEN".to_owned(),
        Condition::Freezing => "FREEZING".to_owned(),
        Condition::Unknown(_) => "UNKNOWN".to_owned(),
        Condition::Known(status) => status.to_string(),
    }
}

fn style(model: &Model, container: &Container, column: Column) -> Style {
    if column != Column::State {
        return Style::new();
    }
    if model.jobs.contains_key(&container.key) {
        return model.look.warning().add_modifier(Modifier::BOLD);
    }
    let headline = standing::headline(container, &model.deeds);
    match container.condition {
        _ if container.silent.is_some() => model.look.bad(),
        _ if headline.is_some_and(Issue::holds) => model.look.bad(),
        _ if headline.is_some() => model.look.warning(),
        Condition::Broken | Condition::Freezing | Condition::Unknown(_) => model.look.bad(),
        Condition::Known(Status::Running) => model.look.good(),
        Condition::Known(Status::Paused | Status::Creating) => model.look.warning(),
        Condition::Known(Status::Created) => model.look.accent(),
        Condition::Known(Status::Stopped) => model.look.dim(),
    }
}
