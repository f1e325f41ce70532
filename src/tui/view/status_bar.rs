//! The header and the line of hints.

pub(crate) mod hints;

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::inventory::{RootState, Snapshot};
use crate::text::{safe, visible};
use crate::tui::measure::{self, cut, width};
use crate::tui::model::Model;
use crate::tui::place::View;

use super::layout::Class;

/// Scans that may be missed before the age of what is shown is said.
const LATE: u32 = 3;

pub(crate) fn header(frame: &mut Frame<'_>, area: Rect, model: &Model, class: Class) {
    let columns = usize::from(area.width);
    let tabs = tabs(model, class);
    let room = columns.saturating_sub(width(&tabs) + 2);
    let rows = [
        (machine(model, class), state(model, class)),
        (tabs, corner(model, class, room)),
    ];
    for (row, (left, right)) in (0..area.height).zip(rows) {
        if let Some(place) = super::line(area, row) {
            frame.render_widget(two_ended(&left, right, columns, model), place);
        }
    }
}

/// Text at both ends of a line; the left gives way.
fn two_ended(
    left: &str,
    right: Vec<(String, Style)>,
    columns: usize,
    model: &Model,
) -> Line<'static> {
    let taken: usize = right.iter().map(|(text, _)| width(text)).sum();
    let room = columns.saturating_sub(taken);
    let mut spans = vec![Span::styled(measure::left(left, room), model.look.strong())];
    spans.extend(
        right
            .into_iter()
            .map(|(text, style)| Span::styled(text, style)),
    );
    Line::from(spans)
}

fn machine(model: &Model, class: Class) -> String {
    let mut text = " ocitop".to_owned();
    if let Some(title) = &model.title {
        write!(text, "  {}", visible(title)).ok();
    }
    let Some(snapshot) = model.snapshot() else {
        return text;
    };
    let host = &snapshot.host;
    let mode = host.cgroups.as_str();
    match class {
        Class::Wide => {
            write!(
                text,
                "  {}  Linux {}  cgroup {mode}",
                visible(&host.name),
                visible(&host.kernel)
            )
            .ok();
            text.push_str(if host.resctrl { "  RDT" } else { "" });
        }
        Class::Normal => {
            write!(text, " {} cgroup {mode}", cut(&visible(&host.name), 20)).ok();
            text.push_str(if host.resctrl { " RDT" } else { "" });
        }
        Class::TooSmall | Class::Small => {
            write!(text, " {} {mode}", cut(&visible(&host.name), 12)).ok();
        }
    }
    text
}

/// Whether acting is possible, how often ocitop looks, what that costs, and the time.
fn state(model: &Model, class: Class) -> Vec<(String, Style)> {
    let wide = class == Class::Wide;
    let look = model.look;
    let mut parts = Vec::new();
    if model.frozen.is_some() {
        parts.push((" FROZEN ".to_owned(), look.warning()));
    }
    parts.extend(need(model, class));
    if let Some(age) = lateness(model) {
        parts.push((format!(" {} old ", measure::age(age)), look.bad()));
    }
    let out_of_sight = model.snapshot().and_then(|it| it.host.out_of_sight);
    if let Some(why) = out_of_sight {
        let text = match class {
            Class::Small | Class::TooSmall => " PARTIAL VIEW ".to_owned(),
            Class::Wide | Class::Normal => format!(" PARTIAL VIEW: {} ", why.badge()),
        };
        parts.push((text, look.bad()));
    }
    if model.leaving {
        parts.push((" LEAVING ".to_owned(), look.warning()));
    }
    let (mode, style) = match (model.read_only, wide) {
        (true, true) => ("READ-ONLY", look.good()),
        (false, true) => ("READ-WRITE", look.warning()),
        (true, false) => ("RO", look.good()),
        (false, false) => ("RW", look.warning()),
    };
    parts.push((format!(" {mode}"), style));
    let every = seconds(model.interval);
    let own = model.snapshot().and_then(|snapshot| snapshot.own);
    let mut rest = if wide {
        format!("  every {every}")
    } else {
        format!(" {every}")
    };
    if let Some(own) = own.filter(|_| class != Class::Small) {
        let (cpu, memory) = (measure::percent(own.cpu), measure::bytes(own.memory));
        let cost = if wide {
            format!("  self {cpu}% {memory}")
        } else {
            format!(" {cpu}%")
        };
        rest.push_str(&cost);
    }
    let clock = if class == Class::Small { "%H:%M" } else { "%T" };
    let time = model
        .now
        .wall
        .to_zoned_datetime(model.zone.clone())
        .strftime(clock)
        .to_string();
    write!(rest, "  {time} ").ok();
    parts.push((rest, Style::new()));
    parts
}

/// How many need a person, and the key that shows them.
fn need(model: &Model, class: Class) -> Option<(String, Style)> {
    let text = match (model.in_need, class) {
        (0, _) => return None,
        (count, Class::Small | Class::TooSmall) => format!(" !{count} "),
        (1, _) => " !: 1 needs attention ".to_owned(),
        (count, _) => format!(" !: {count} need attention "),
    };
    Some((text, model.look.bad()))
}

fn seconds(interval: std::time::Duration) -> String {
    match interval.as_millis() {
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

/// How old the shown scan is, if that is more than it should be.
fn lateness(model: &Model) -> Option<std::time::Duration> {
    let taken = model.latest.as_ref()?.taken;
    let age: std::time::Duration = model.now.wall.duration_since(taken).try_into().ok()?;
    (age > model.interval * LATE + std::time::Duration::from_secs(1)).then_some(age)
}

fn tabs(model: &Model, class: Class) -> String {
    let busy = match model.jobs.len() {
        0 => String::new(),
        1 => "   1 job runs".to_owned(),
        count => format!("   {count} jobs run"),
    };
    let wide = class == Class::Wide;
    let mut text = String::new();
    for view in View::ALL {
        let (open, close) = if view == model.view {
            ('[', ']')
        } else {
            (' ', ' ')
        };
        let (key, title) = (view.key(), view.title(wide));
        let count = match view {
            View::Leftovers => model.leftovers.badge(),
            View::Containers | View::Usage | View::Processes | View::Rdt | View::History => {
                String::new()
            }
        };
        write!(text, "{open}{key} {title}{count}{close}").ok();
        text.push_str(if wide { " " } else { "" });
    }
    format!(" {}{busy}", text.trim_end())
}

/// What is said beside the tabs, in the room that they leave.
fn corner(model: &Model, class: Class, room: usize) -> Vec<(String, Style)> {
    let (texts, style) = match model.view {
        View::Usage => (span(model, class), Style::new()),
        View::Leftovers => (super::leftovers::corner(model), Style::new()),
        View::Containers | View::Processes | View::Rdt | View::History => roots(model, class, room),
    };
    let fitting = texts.into_iter().find(|text| width(text) <= room);
    fitting.map(|text| (text, style)).into_iter().collect()
}

/// The span of the charts, with the host beside it where there is room.
fn span(model: &Model, class: Class) -> Vec<String> {
    let (span, top) = (model.span.label(), model.ceiling.word());
    let short = format!("{span} < > ");
    let long = format!("last {span} < >  axis: {top} ");
    let host = model.snapshot().and_then(|snapshot| {
        let (cpu, memory) = (snapshot.usage.cpu?, snapshot.usage.memory?);
        let (memory, all) = (measure::bytes(memory), measure::bytes(snapshot.host.memory));
        let cpu = measure::percent(cpu);
        Some(format!("host cpu {cpu} mem {memory}/{all}   {long}"))
    });
    let host = host.filter(|_| class == Class::Wide);
    host.into_iter().chain([long, short]).collect()
}

/// What came of the state roots: the longest text first.
fn roots(model: &Model, class: Class, room: usize) -> (Vec<String>, Style) {
    let Some(snapshot) = model.snapshot() else {
        return (Vec::new(), Style::new());
    };
    let count = |wanted: fn(&RootState) -> bool| {
        snapshot
            .roots
            .iter()
            .filter(|root| wanted(&root.state))
            .count()
    };
    let read = count(|state| matches!(state, RootState::Read(_)));
    let failed = count(|state| matches!(state, RootState::Failed(_)));
    let bad = if failed > 0 {
        model.look.bad()
    } else {
        Style::new()
    };
    let unreadable = if failed > 0 {
        format!(", {failed} unreadable")
    } else {
        String::new()
    };
    let text = match class {
        Class::Wide => format!("roots: {read} read{unreadable} "),
        _ if read == 1 => format!("1 root read{unreadable} "),
        Class::TooSmall | Class::Small | Class::Normal => format!("{read} roots read{unreadable} "),
    };
    let mut texts = Vec::new();
    if class == Class::Wide {
        let left = room.saturating_sub(width(&text));
        texts.extend(failure(snapshot, left).map(|why| format!("{why}{text}")));
    }
    texts.push(text);
    if failed > 0 {
        texts.push(format!("{failed} unreadable "));
    }
    (texts, bad)
}

/// The first root that could not be read, by name, if there are columns to say so.
fn failure(snapshot: &Snapshot, columns: usize) -> Option<String> {
    let failed = snapshot.roots.iter().find_map(|root| match &root.state {
        RootState::Failed(why) => Some((root, why)),
        RootState::Read(_) | RootState::Absent => None,
    });
    let (root, why) = failed.filter(|_| columns >= 20)?;
    let path = crate::text::visible_path(&root.path);
    let text = format!("{path}: {}", safe(why));
    Some(format!("{}   ", cut(&text, columns.min(53) - 3)))
}
