//! The log pane.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use crate::tui::log_pane::{self, Tone};
use crate::tui::measure::{cut, left, right, scrolled, width};
use crate::tui::modal::{Modal, Prompt};
use crate::tui::model::Model;
use crate::tui::place::Pane;

use super::layout::Panes;

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    let inside = super::framed(frame, area, model, panes, Pane::Log, &title(model));
    let lines = model.log.lines();
    if inside.height == 0 {
        return;
    }
    if area.height == 1 {
        let text = match (search(model), model.log.newest()) {
            (Some(search), _) => format!(" log /{search}"),
            (None, Some(line)) => format!(" log: {} {}", line.plain(), line.word),
            (None, None) => " log: nothing yet".to_owned(),
        };
        frame.render_widget(Line::raw(cut(&text, usize::from(area.width))), inside);
        return;
    }
    let rows = usize::from(inside.height);
    let most = lines.len().saturating_sub(rows);
    let back = model.log.back.min(lines.len().saturating_sub(1));
    let top = most.saturating_sub(back);
    for (row, line) in (0..inside.height).zip(lines.iter().skip(top)) {
        if let Some(place) = super::line(inside, row) {
            frame.render_widget(self::line(model, line, usize::from(inside.width)), place);
        }
    }
    if lines.is_empty() {
        let text = " Nothing was done yet. What is done to a container is told here, step by step.";
        frame.render_widget(
            Line::styled(cut(text, usize::from(inside.width)), model.look.dim()),
            inside,
        );
    }
}

/// The search that is typed, or kept.
fn search(model: &Model) -> Option<String> {
    let text = crate::text::visible(&model.log.search);
    match model.modal() {
        Some(Modal::Prompt(Prompt {
            pane: Pane::Log, ..
        })) => Some(format!("{text}_")),
        _ => Some(text).filter(|text| !text.is_empty()),
    }
}

fn title(model: &Model) -> String {
    let mut title = match model.log.lines().len() {
        0 => "Log".to_owned(),
        1 => "Log, 1 line".to_owned(),
        count => format!("Log, {count} lines"),
    };
    if model.log.back > 0 {
        write!(title, ", {} newer below", model.log.back).ok();
    }
    if let Some(search) = search(model) {
        write!(title, ", /{search}").ok();
    } else if model.focus == Pane::Log {
        title.push_str(" (\\ hide, / search, Ctrl-S save)");
    }
    title
}

fn line(model: &Model, line: &log_pane::LogLine, columns: usize) -> Line<'static> {
    let clock = if columns >= 100 { "%T%.3f" } else { "%T" };
    let at = line
        .at
        .to_zoned_datetime(model.zone.clone())
        .strftime(clock)
        .to_string();
    let tail = match columns {
        60.. => format!(" {} {}", right(&line.word, 7), right(&line.took, 7)),
        _ => format!(" {}", right(&line.word, 7)),
    };
    let room = columns.saturating_sub(width(&at) + 1 + width(&tail));
    let text = scrolled(&line.plain(), model.log.sideways);
    let found = !model.log.search.is_empty()
        && line
            .plain()
            .to_lowercase()
            .contains(&model.log.search.to_lowercase());
    let text_style = if found {
        Style::new().add_modifier(Modifier::UNDERLINED)
    } else {
        Style::new()
    };
    Line::from(vec![
        Span::styled(format!("{at} "), model.look.dim()),
        Span::styled(left(&text, room), text_style),
        Span::styled(tail, style(model, line.mark)),
    ])
}

fn style(model: &Model, mark: Tone) -> Style {
    match mark {
        Tone::None => Style::new(),
        Tone::Good => model.look.good(),
        Tone::Skipped => model.look.dim(),
        Tone::Waiting | Tone::Warning => model.look.warning(),
        Tone::Bad => model.look.bad(),
    }
}
