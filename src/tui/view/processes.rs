//! View 3: the processes of a container, grouped by cgroup, and the selected one below them.

mod title;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::inventory::processes::{Process, ProcessGroup, ProcessPlace, Source};
use crate::process::InitProcess;
use crate::tui::measure::{self, cut, left, right, width};
use crate::tui::model::Model;
use crate::tui::place::{Pane, first_row};
use crate::tui::processes::ProcessLine;

use super::closeup;
use super::layout::{self, Class, Panes};
use title::{nothing, right_title};

/// Columns before the first one of the table: the cursor.
const INDENT: usize = 2;
/// Rows of the list that are kept before the selected process gets room of its own.
const LIST_LEAST: u16 = 7;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProcessColumn {
    Pid,
    Parent,
    User,
    State,
    Threads,
    Cpu,
    Resident,
    Pending,
    Waits,
    Age,
}

use ProcessColumn as C;

/// The columns before the command, with title and width.
const fn columns(class: Class) -> &'static [(ProcessColumn, &'static str, usize)] {
    match class {
        Class::Wide => &[
            (C::Pid, "PID", 7),
            (C::Parent, "PPID", 7),
            (C::User, "USER", 8),
            (C::State, "S", 1),
            (C::Threads, "THR", 4),
            (C::Cpu, "CPU%", 5),
            (C::Resident, "RSS", 5),
            (C::Pending, "PND", 4),
            (C::Waits, "WAITS IN", 22),
            (C::Age, "AGE", 6),
        ],
        Class::Normal => &[
            (C::Pid, "PID", 7),
            (C::State, "S", 1),
            (C::Threads, "THR", 3),
            (C::Cpu, "CPU%", 5),
            (C::Resident, "RSS", 5),
            (C::Pending, "PND", 4),
            (C::Waits, "WAITS IN", 18),
        ],
        Class::Small | Class::TooSmall => &[
            (C::Pid, "PID", 7),
            (C::State, "S", 1),
            (C::Resident, "RSS", 4),
            (C::Pending, "PND", 4),
        ],
    }
}

/// The rows of the list at the present size.
pub(crate) fn rows(model: &Model) -> Vec<ProcessLine<'_>> {
    model.processes.rows(Class::of(model.size) != Class::Small)
}

/// Where the parts are: the list, and the selected process if there is room for it.
fn share(model: &Model, area: Rect, class: Class) -> (Rect, Option<Rect>) {
    let wanted = match class {
        Class::Wide => 11,
        Class::Normal => 5,
        Class::Small | Class::TooSmall => 0,
    };
    if wanted == 0 || area.height < wanted + LIST_LEAST || model.processes.listing.is_none() {
        return (area, None);
    }
    let list = Rect {
        height: area.height - wanted,
        ..area
    };
    let below = Rect {
        y: area.y + list.height,
        height: wanted,
        ..area
    };
    (list, Some(below))
}

/// The inside of the list, below its heading.
fn body(model: &Model, panes: &Panes) -> Option<Rect> {
    let (list, _) = share(model, panes.view?, panes.class);
    let inside = layout::inside(panes, list);
    // Without a frame the title takes a row of its own, and the last tells of the selected one.
    let (above, below) = if panes.framed() { (1, 0) } else { (2, 1) };
    let height = inside.height.saturating_sub(above + below);
    Some(Rect {
        y: inside.y + above.min(inside.height),
        height,
        ..inside
    })
}

fn present(model: &Model) -> Option<Rect> {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    body(model, &layout::panes(model, area))
}

/// Rows of the list on the screen.
pub(crate) fn page(model: &Model) -> usize {
    present(model).map_or(1, |body| usize::from(body.height).max(1))
}

/// The process at a cell of the screen.
pub(crate) fn process_at(model: &Model, column: u16, row: u16) -> Option<InitProcess> {
    let body = present(model)?;
    if !body.contains(Position::new(column, row)) {
        return None;
    }
    let at = model.processes.top + usize::from(row - body.y);
    match rows(model).get(at)? {
        ProcessLine::Heading(_) => None,
        ProcessLine::Process { process, .. } => Some(process.who),
    }
}

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    let (list, below) = share(model, area, panes.class);
    let title = title::title(model, panes.class);
    let inside = super::framed(frame, list, model, panes, Pane::View, &title);
    if panes.framed() {
        right_title(frame, list, model, width(&title));
    } else if let Some(place) = super::line(inside, 0) {
        let text = cut(&format!(" {title}"), usize::from(inside.width));
        frame.render_widget(Line::styled(text, model.look.strong()), place);
    }
    let Some(body) = body(model, panes).filter(|body| body.height > 0) else {
        return;
    };
    let rows = rows(model);
    if rows.is_empty() {
        let text = cut(&nothing(model), usize::from(body.width));
        frame.render_widget(
            Line::styled(text, model.look.dim()),
            Rect { height: 1, ..body },
        );
        return;
    }
    let heading = Rect {
        y: body.y - 1,
        height: 1,
        ..body
    };
    frame.render_widget(head(model, panes.class), heading);
    let page = usize::from(body.height);
    let cursor = model.processes.cursor_row(&rows);
    let top = first_row(model.processes.top, cursor, page, rows.len());
    for (at, row) in (0..body.height).zip(rows.iter().skip(top)) {
        if let Some(place) = super::line(body, at) {
            frame.render_widget(line(model, row, panes.class, body.width), place);
        }
    }
    if !panes.framed() {
        let foot = Rect {
            y: body.bottom(),
            height: 1,
            ..body
        };
        let text = cut(&selected_in_short(model), usize::from(foot.width));
        frame.render_widget(Line::styled(text, model.look.dim()), foot);
    }
    if let Some(below) = below {
        closeup::draw(frame, below, model);
    }
}

fn head(model: &Model, class: Class) -> Line<'static> {
    let mut text = " ".repeat(INDENT);
    for (column, title, columns) in columns(class) {
        text.push_str(&aligned(*column, title, *columns));
        text.push(' ');
    }
    text.push_str("COMMAND");
    Line::styled(text, model.look.strong())
}

fn aligned(column: ProcessColumn, text: &str, columns: usize) -> String {
    match column {
        C::Pid | C::Parent | C::Threads | C::Cpu | C::Resident | C::Age => right(text, columns),
        C::User | C::State | C::Pending | C::Waits => left(text, columns),
    }
}

fn line(model: &Model, row: &ProcessLine<'_>, class: Class, columns: u16) -> Line<'static> {
    match row {
        ProcessLine::Heading(group) => {
            let text = format!("  {}", heading(group));
            Line::styled(cut(&text, usize::from(columns)), model.look.accent())
        }
        ProcessLine::Process {
            process,
            place,
            depth,
        } => process_line(model, process, (place, *depth), class, columns),
    }
}

fn heading(group: &ProcessGroup) -> String {
    let count = match group.processes.len() {
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
    };
    let place = match &group.place {
        ProcessPlace::Own(path) => path.clone(),
        ProcessPlace::Below(path) => format!("{path}   (sub-cgroup)"),
        ProcessPlace::Family => "no cgroup: init and its descendants".to_owned(),
        ProcessPlace::Outside => "NOT IN THE CGROUP but in its pid namespace".to_owned(),
    };
    format!("{place}   {count}")
}

fn process_line(
    model: &Model,
    process: &Process,
    (place, depth): (&ProcessPlace, usize),
    class: Class,
    columns: u16,
) -> Line<'static> {
    let selected = model.processes.cursor == Some(process.who);
    let cursor = if selected { ">" } else { " " };
    let mut spans = vec![Span::raw(left(cursor, INDENT))];
    let mut used = INDENT;
    for (column, _, width) in self::columns(class) {
        let text = aligned(*column, &cell(process, *column), *width);
        spans.push(Span::styled(text, style(model, process, *column)));
        spans.push(Span::raw(" "));
        used += width + 1;
    }
    let room = usize::from(columns).saturating_sub(used);
    spans.push(Span::raw(left(
        &command(model, process, (place, depth), class, room),
        room,
    )));
    let line = Line::from(spans);
    if selected {
        line.style(model.look.selected())
    } else {
        line
    }
}

fn dash() -> String {
    "-".to_owned()
}

fn cell(process: &Process, column: ProcessColumn) -> String {
    match column {
        C::Pid => process.who.pid.to_string(),
        C::Parent => process.parent.to_string(),
        C::User => process.user.clone(),
        C::State => process.state.to_string(),
        C::Threads => process.threads.to_string(),
        C::Cpu => process.cpu.map_or_else(dash, measure::percent),
        C::Resident => process.resident.map_or_else(dash, measure::bytes),
        C::Pending if process.kill_pending() => "KILL".to_owned(),
        C::Pending => dash(),
        C::Waits => process.wchan.clone().unwrap_or_else(dash),
        C::Age => measure::age(process.age),
    }
}

fn style(model: &Model, process: &Process, column: ProcessColumn) -> Style {
    match column {
        C::State if process.is_stuck() => model.look.bad(),
        C::State if matches!(process.state, 'Z' | 'X' | 'T' | 't') => model.look.warning(),
        C::Pending if process.kill_pending() => model.look.bad(),
        C::Pid
        | C::Parent
        | C::User
        | C::State
        | C::Threads
        | C::Cpu
        | C::Resident
        | C::Pending
        | C::Waits
        | C::Age => Style::new(),
    }
}

/// The command in its place in the tree, scrolled sideways, and what is unusual about it.
fn command(
    model: &Model,
    process: &Process,
    (place, depth): (&ProcessPlace, usize),
    class: Class,
    room: usize,
) -> String {
    // Deeper than this the branches would take the room of the command.
    let deepest = room / 6;
    let branch = match depth.min(deepest) {
        0 => String::new(),
        depth => format!("{}+- ", "  ".repeat(depth - 1)),
    };
    let init = match (process.is_init, process.inside, class) {
        (true, Some(pid), Class::Wide) => format!("[init, pid {pid} inside] "),
        (true, _, _) => "[init] ".to_owned(),
        (false, _, _) => String::new(),
    };
    let mut remarks = process.remarks();
    if class == Class::Small || model.processes.flat {
        remarks.extend(match place {
            ProcessPlace::Below(path) => Some(format!("({path})")),
            ProcessPlace::Outside => Some("(outside)".to_owned()),
            ProcessPlace::Own(_) | ProcessPlace::Family => None,
        });
    }
    let remarks = remarks.join(", ");
    let gap = if remarks.is_empty() { "" } else { "  " };
    let text = match process.source {
        // Where there is not room for both, this is what matters.
        Source::Silent(_) => format!("{init}{remarks}{gap}{}", process.command),
        Source::Line | Source::None | Source::Unread => {
            format!("{init}{}{gap}{remarks}", process.command)
        }
    };
    let room = room.saturating_sub(width(&branch));
    let by = model.processes.sideways;
    let by = by.min((width(&text) + 1).saturating_sub(room));
    format!("{branch}{}", measure::scrolled(&text, by))
}

/// The selected process in one line, where there is no room for more.
fn selected_in_short(model: &Model) -> String {
    let Some(process) = model.processes.selected() else {
        return String::new();
    };
    let place = match &process.wchan {
        Some(name) => format!("in {name}"),
        None => process.command.clone(),
    };
    format!(" {} {} {place}", process.who.pid, process.state)
}
