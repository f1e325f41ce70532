//! View 5: the resctrl groups of the host.

mod selected;
mod table;
mod words;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::inventory::rdt::{RdtGroups, RdtView};
use crate::text::visible_path;
use crate::tui::measure::{self, wrap};
use crate::tui::model::Model;
use crate::tui::place::{Pane, first_row};

use super::layout::{self, Class, Panes};

pub(crate) use words::usage_lines;

/// Rows of the table that are kept at any size, if there are as many.
const TABLE_LEAST: usize = 4;

/// The parts of the view, in rows.
struct RdtParts {
    header: usize,
    /// Groups on the screen, without the heading above them.
    table: usize,
    details: usize,
}

/// Divides the view: the table gets what it needs, but leaves the details two fifths if they need
/// that much, and all but its least over the whole screen.
fn parts(model: &Model, inside: Rect) -> RdtParts {
    let rows = usize::from(inside.height);
    let Some(groups) = model.rdt.groups() else {
        return RdtParts {
            header: 0,
            table: 0,
            details: 0,
        };
    };
    let header = header(model, groups, inside).len().min(rows);
    let below = rows.saturating_sub(header + 1);
    let wanted = selected::lines(model, groups, inside).len();
    let count = groups.overview.groups.len();
    let left = below.saturating_sub(count);
    let most = below.saturating_sub(TABLE_LEAST.min(count));
    let share = if model.zoomed {
        most
    } else {
        most.min(rows * 2 / 5)
    };
    let details = wanted.min(left.max(share));
    RdtParts {
        header,
        table: below - details,
        details,
    }
}

/// Groups on the screen.
pub(crate) fn page(model: &Model) -> usize {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let panes = layout::panes(model, area);
    let inside = panes.view.map(|view| layout::inside(&panes, view));
    inside.map_or(1, |inside| parts(model, inside).table.max(1))
}

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    let inside = super::framed(frame, area, model, panes, Pane::View, &title(model));
    let Some(groups) = model.rdt.groups() else {
        frame.render_widget(Paragraph::new(lack(model, inside)), inside);
        return;
    };
    let parts = parts(model, inside);
    let mut lines = header(model, groups, inside);
    lines.truncate(parts.header);
    let table = table::GroupTable::new(groups, inside);
    lines.push(table.head(model, groups));
    // The model's first row is for the size it knows of; the frame may have another one already.
    let count = groups.overview.groups.len();
    let top = first_row(model.rdt.top, model.rdt.index(), parts.table, count);
    let rows = groups.rows().enumerate().skip(top).take(parts.table);
    for (index, (group, owners)) in rows {
        let cursor = index == model.rdt.index();
        lines.push(table.row(model, groups, (group, owners), cursor));
    }
    let details = selected::lines(model, groups, inside);
    let hidden = details.len().saturating_sub(parts.details);
    let mut shown: Vec<Line<'static>> = details.into_iter().take(parts.details).collect();
    if let (true, true, Some(last)) = (hidden > 0, parts.details > 1, shown.last_mut()) {
        let how = if model.zoomed { "" } else { ": z makes room" };
        let text = format!("  {} more lines{how}", hidden + 1);
        *last = Line::styled(text, model.look.dim());
    }
    // The details stay where they are while groups come and go above them.
    let blank = usize::from(inside.height).saturating_sub(lines.len() + shown.len());
    lines.extend(std::iter::repeat_n(Line::default(), blank));
    lines.extend(shown);
    frame.render_widget(Paragraph::new(lines), inside);
}

fn title(model: &Model) -> String {
    let Some(groups) = model.rdt.groups() else {
        return "RDT".to_owned();
    };
    let mount = visible_path(&groups.overview.survey.mount);
    match groups.overview.groups.len() {
        1 => format!("RDT {mount}: 1 group"),
        count => format!("RDT {mount}: {count} groups"),
    }
}

/// What is to be said in place of groups.
fn lack(model: &Model, inside: Rect) -> Vec<Line<'static>> {
    let mount = "mount -t resctrl resctrl /sys/fs/resctrl";
    let said = match model.rdt.seen() {
        Some(RdtView::Mounted(_)) => Vec::new(),
        Some(RdtView::NotMounted) => vec![
            "resctrl is not mounted. This kernel and CPU have it; to see it:".to_owned(),
            format!("  {mount}"),
        ],
        Some(RdtView::Unsupported) => vec![
            "This host has no resctrl: the CPU has no cache or bandwidth control (Intel RDT, AMD \
             QoS, Arm MPAM), or the kernel was built without it."
                .to_owned(),
        ],
        Some(RdtView::Failed(why)) => vec![format!("resctrl cannot be read: {why}")],
        None => vec!["Reading resctrl".to_owned()],
    };
    let columns = usize::from(inside.width);
    let lines = said.iter().flat_map(|text| wrap(text, columns));
    silent(model)
        .map(|text| Line::styled(text, model.look.bad()))
        .into_iter()
        .chain(lines.map(Line::raw))
        .collect()
}

fn silent(model: &Model) -> Option<String> {
    let silent = model.rdt.silent(model.now.uptime)?;
    Some(format!("resctrl: not answering for {} s", silent.as_secs()))
}

/// What there is of everything, and how much of it is taken.
fn header(model: &Model, groups: &RdtGroups, inside: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(inside.width);
    let small = Class::of(model.size) == Class::Small;
    let survey = &groups.overview.survey;
    let mut lines = Vec::new();
    lines.extend(silent(model).map(|text| Line::styled(text, model.look.bad())));
    let taken = words::taken(survey, small);
    let full = survey
        .closids
        .of
        .is_some_and(|of| survey.closids.used >= of)
        || survey.rmids.of.is_some_and(|of| survey.rmids.used >= of);
    let style = if full {
        model.look.warning()
    } else {
        Style::new()
    };
    let mut text = taken;
    if full {
        text.push_str(if small {
            " FULL"
        } else {
            "   FULL: no more groups"
        });
    }
    if small {
        lines.push(Line::styled(measure::cut(&text, columns), style));
        return lines;
    }
    lines.push(Line::styled(measure::cut(&text, columns), style));
    for text in [words::offers(&survey.info), words::counts(&survey.info)] {
        lines.push(Line::raw(measure::cut(&text, columns)));
    }
    if let Some(level) = survey.info.level() {
        let text = measure::cut(&words::legend(model.look, level, columns), columns);
        lines.push(Line::styled(text, model.look.dim()));
    }
    lines
}
