//! View 4: what no container owns any more, why it is still there, and how sure that is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::leftovers::{Confidence, Leftover, LeftoverKind};
use crate::text::{visible, visible_path};
use crate::tui::measure::{self, cut, left, right, scrolled_into, width, wrap};
use crate::tui::model::Model;
use crate::tui::place::{Pane, first_row};

use super::layout::{self, Class, Panes};

/// Rows of the list that are kept at any size.
const LIST_LEAST: u16 = 5;

/// The list above, and below it what is told of the one under the cursor.
fn parts(model: &Model, area: Rect, class: Class) -> (Rect, Rect) {
    let wanted = match class {
        // Without one there is nothing to tell of it.
        _ if model.leftovers.rows().is_empty() => 0,
        Class::Wide => 11,
        Class::Normal => 8,
        Class::TooSmall | Class::Small => 1,
    };
    let wanted = if model.zoomed && wanted > 0 {
        area.height / 2
    } else {
        wanted
    };
    let frame = if class == Class::Small { 0 } else { 2 };
    let below = wanted.min(area.height.saturating_sub(LIST_LEAST + frame));
    let upper = Rect {
        height: area.height - below,
        ..area
    };
    let lower = Rect {
        y: area.y + upper.height,
        height: below,
        ..area
    };
    (upper, lower)
}

/// Leftovers on the screen.
pub(crate) fn page(model: &Model) -> usize {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let panes = layout::panes(model, area);
    let list = panes.view.map(|view| parts(model, view, panes.class).0);
    let rows = list.map_or(0, |list| layout::inside(&panes, list).height);
    usize::from(rows.saturating_sub(1)).max(1)
}

/// What is said beside the tabs: when it was looked, and how long that took. The longest first.
pub(crate) fn corner(model: &Model) -> Vec<String> {
    if let Some(silent) = model.leftovers.silent(model.now.uptime) {
        return vec![format!("looking for {} s ", silent.as_secs())];
    }
    let Some(found) = &model.leftovers.found else {
        return vec!["looking ".to_owned()];
    };
    let at = found
        .taken
        .to_zoned_datetime(model.zone.clone())
        .strftime("%T")
        .to_string();
    let took = measure::took(found.took);
    let (cgroups, roots) = (found.cgroups, found.roots);
    vec![
        format!("{cgroups} cgroups, {roots} roots at {at} in {took}   Ctrl-R again "),
        format!("at {at} in {took} "),
        format!("{at} "),
    ]
}

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    let (upper, lower) = parts(model, area, panes.class);
    let inside = super::framed(frame, upper, model, panes, Pane::View, &title(model));
    let rows = model.leftovers.rows();
    let columns = usize::from(inside.width);
    if rows.is_empty() {
        let lines = nothing(model)
            .into_iter()
            .flat_map(|text| wrap(&text, columns));
        let lines: Vec<Line<'static>> = lines.map(Line::raw).collect();
        frame.render_widget(Paragraph::new(lines), inside);
    } else {
        let table = LeftoverTable::new(panes.class, columns);
        let mut lines = vec![Line::styled(table.head(), model.look.strong())];
        let page = usize::from(inside.height.saturating_sub(1));
        // The model's first row is for the size it knows of; the frame may have another already.
        let top = first_row(
            model.leftovers.top,
            model.leftovers.index(),
            page,
            rows.len(),
        );
        let shown = rows.iter().enumerate().skip(top).take(page);
        lines.extend(shown.map(|(index, row)| table.row(model, row, index)));
        frame.render_widget(Paragraph::new(lines), inside);
    }
    if lower.height == 0 {
        return;
    }
    let selected = model.leftovers.selected();
    let title = selected.map_or_else(String::new, |one| one.key.label());
    let inside = super::framed(frame, lower, model, panes, Pane::View, &title);
    let columns = usize::from(inside.width);
    let lines = match (selected, panes.class) {
        (None, _) => Vec::new(),
        (Some(one), Class::Small) => {
            let text = one.argument();
            let by = model.list.sideways;
            vec![Line::raw(scrolled_into(&text, by, columns))]
        }
        (Some(one), _) => details(model, one, columns),
    };
    frame.render_widget(Paragraph::new(fitting(model, lines, inside)), inside);
}

/// As many lines as there is room for; the last says what is missing.
fn fitting(model: &Model, lines: Vec<Line<'static>>, inside: Rect) -> Vec<Line<'static>> {
    let rows = usize::from(inside.height);
    let hidden = lines.len().saturating_sub(rows);
    let mut lines: Vec<Line<'static>> = lines.into_iter().take(rows).collect();
    if let (true, Some(last)) = (hidden > 0 && rows > 1, lines.last_mut()) {
        let how = if model.zoomed { "" } else { ": z makes room" };
        *last = Line::styled(format!("{} more lines{how}", hidden + 1), model.look.dim());
    }
    lines
}

fn title(model: &Model) -> String {
    let rows = model.leftovers.rows();
    let kinds: BTreeSet<LeftoverKind> = rows.iter().map(|row| row.kind).collect();
    let mut title = match (rows.len(), kinds.len()) {
        (count, 0 | 1) => format!("Leftovers {count}"),
        (count, kinds) => format!("Leftovers {count} in {kinds} kinds"),
    };
    let populated = rows.iter().filter(|row| row.populated).count();
    match populated {
        0 => {}
        1 => title.push_str("   1 holds processes"),
        count => {
            write!(title, "   {count} hold processes").ok();
        }
    }
    if model.leftovers.marked() > 0 {
        write!(title, "   {} marked", model.leftovers.marked()).ok();
    }
    title
}

/// What is said in place of rows.
fn nothing(model: &Model) -> Vec<String> {
    let Some(found) = &model.leftovers.found else {
        return vec!["Looking for what no container owns any more.".to_owned()];
    };
    let unknown = found.of(Confidence::Unknown).count();
    let roots = match found.roots {
        1 => "1 state root was looked at".to_owned(),
        count => format!("{count} state roots were looked at"),
    };
    // What was not read may own, or be, any of them.
    let verdict = if found.unread.is_empty() {
        "Nothing is left"
    } else {
        "Nothing is known to be left"
    };
    let mut lines = vec![format!("{verdict}: {} cgroups and {roots}.", found.cgroups)];
    if unknown > 0 && !model.leftovers.unknown {
        lines.push(match unknown {
            1 => "1 may be anything: a shows it.".to_owned(),
            count => format!("{count} may be anything: a shows them."),
        });
    }
    lines.extend(
        found
            .unread
            .iter()
            .map(|what| format!("Not read: {}", what.words())),
    );
    lines
}

/// A column of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeftoverColumn {
    Kind,
    Where,
    Owner,
    Age,
    Why,
    Sure,
}

/// The columns there is room for.
struct LeftoverTable {
    columns: Vec<(LeftoverColumn, usize)>,
    lead: usize,
}

impl LeftoverTable {
    fn new(class: Class, room: usize) -> Self {
        let lead = if class == Class::Small { 1 } else { 2 };
        let fixed: &[(LeftoverColumn, usize)] = match class {
            Class::Wide => &[
                (LeftoverColumn::Kind, 13),
                (LeftoverColumn::Owner, 10),
                (LeftoverColumn::Age, 5),
                (LeftoverColumn::Why, 28),
                (LeftoverColumn::Sure, 7),
            ],
            Class::Normal => &[
                (LeftoverColumn::Kind, 12),
                (LeftoverColumn::Age, 5),
                (LeftoverColumn::Why, 18),
                (LeftoverColumn::Sure, 7),
            ],
            Class::TooSmall | Class::Small => {
                &[(LeftoverColumn::Kind, 9), (LeftoverColumn::Sure, 7)]
            }
        };
        let taken: usize = fixed.iter().map(|(_, width)| width + 1).sum();
        let mut columns = fixed.to_vec();
        columns.insert(
            1,
            (
                LeftoverColumn::Where,
                room.saturating_sub(taken + lead + 1).max(1),
            ),
        );
        Self { columns, lead }
    }

    fn head(&self) -> String {
        let mut text = " ".repeat(self.lead);
        for (column, width) in &self.columns {
            let title = match column {
                LeftoverColumn::Kind => "KIND",
                LeftoverColumn::Where => "WHERE",
                LeftoverColumn::Owner => "OWNER",
                LeftoverColumn::Age => "AGE>",
                LeftoverColumn::Why => "WHY IT STAYS",
                LeftoverColumn::Sure => "SURE",
            };
            text.push_str(&aligned(*column, title, *width));
            text.push(' ');
        }
        text
    }

    fn row(&self, model: &Model, leftover: &Leftover, index: usize) -> Line<'static> {
        let cursor = index == model.leftovers.index();
        let mut spans = vec![Span::raw(self.lead(model, leftover, cursor))];
        for (column, width) in &self.columns {
            let cell = cell(model, leftover, *column, *width);
            let style = match column {
                LeftoverColumn::Sure if !cursor => sure(model, leftover),
                LeftoverColumn::Kind
                | LeftoverColumn::Where
                | LeftoverColumn::Owner
                | LeftoverColumn::Age
                | LeftoverColumn::Why
                | LeftoverColumn::Sure => Style::new(),
            };
            spans.push(Span::styled(aligned(*column, &cell, *width), style));
            spans.push(Span::raw(" "));
        }
        let line = Line::from(spans);
        if cursor {
            line.style(model.look.selected())
        } else {
            line
        }
    }

    fn lead(&self, model: &Model, leftover: &Leftover, cursor: bool) -> String {
        let mark = if model.leftovers.is_marked(leftover) {
            "*"
        } else {
            " "
        };
        let cursor = if cursor { ">" } else { " " };
        match (self.lead, mark) {
            (1, "*") => mark.to_owned(),
            (1, _) => cursor.to_owned(),
            _ => format!("{cursor}{mark}"),
        }
    }
}

fn aligned(column: LeftoverColumn, text: &str, width: usize) -> String {
    match column {
        LeftoverColumn::Age => right(text, width),
        LeftoverColumn::Kind
        | LeftoverColumn::Where
        | LeftoverColumn::Owner
        | LeftoverColumn::Why
        | LeftoverColumn::Sure => left(text, width),
    }
}

fn cell(model: &Model, leftover: &Leftover, column: LeftoverColumn, columns: usize) -> String {
    match column {
        LeftoverColumn::Kind => match leftover.hierarchies.len() {
            count if leftover.kind == LeftoverKind::Cgroup && count > 1 => {
                format!("cgroup x{count}")
            }
            _ => leftover.kind.as_str().to_owned(),
        },
        LeftoverColumn::Where => {
            // The end of a path tells more than its beginning.
            let path = visible_path(&leftover.key.dir());
            let over = (width(&path) + 1).saturating_sub(columns);
            let back = over.saturating_sub(model.list.sideways);
            scrolled_into(&path, back, columns)
        }
        LeftoverColumn::Owner => leftover.owner().to_owned(),
        LeftoverColumn::Age => leftover.age.map_or_else(|| "-".to_owned(), measure::age),
        LeftoverColumn::Why => match model.deeds.failed(&leftover.key).next() {
            Some(failed) => cut(&failed.reason(model.now.wall), columns),
            None => cut(&leftover.reason(), columns),
        },
        LeftoverColumn::Sure if model.deeds.failed(&leftover.key).next().is_some() => {
            "FAILED".to_owned()
        }
        LeftoverColumn::Sure => leftover.confidence.as_str().to_owned(),
    }
}

fn sure(model: &Model, leftover: &Leftover) -> Style {
    match (leftover.populated, leftover.confidence) {
        _ if model.deeds.failed(&leftover.key).next().is_some() => model.look.bad(),
        (true, _) => model.look.bad(),
        (_, Confidence::Certain) => model.look.good(),
        (_, Confidence::Likely) => model.look.warning(),
        (_, Confidence::Unknown) => model.look.dim(),
    }
}

/// Everything about one: the argument, why it stays, what is in it, and every path.
fn details(model: &Model, leftover: &Leftover, columns: usize) -> Vec<Line<'static>> {
    let mut texts = vec![format!("{}.", leftover.argument())];
    let failed = model.deeds.failed(&leftover.key);
    texts.extend(failed.map(|deed| format!("{:<9} {}", deed.state(), deed.reason(model.now.wall))));
    texts.push(format!("Stays     {}", leftover.reason()));
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |it| it.to_string());
    let memory = leftover
        .memory
        .map_or_else(|| "-".to_owned(), measure::bytes);
    let id = leftover
        .id
        .as_deref()
        .map_or_else(|| "-".to_owned(), visible);
    texts.push(format!("Id        {id}   owner {}", leftover.owner()));
    if !leftover.hierarchies.is_empty() {
        texts.push(format!(
            "Holds     {} processes   {} cgroups below   {} dying   {memory} of memory",
            leftover.processes.len(),
            leftover.children,
            number(leftover.dying),
        ));
    }
    texts.push(match leftover.paths.len() {
        1 => "Path".to_owned(),
        count => format!("Paths     {count}"),
    });
    texts.extend(leftover.paths.iter().map(|path| visible_path(path)));
    let mut lines: Vec<Line<'static>> = Vec::new();
    for text in texts {
        lines.extend(wrap(&text, columns).into_iter().map(Line::raw));
    }
    if let Some(first) = lines.first_mut() {
        *first = first.clone().style(model.look.strong());
    }
    lines
}
