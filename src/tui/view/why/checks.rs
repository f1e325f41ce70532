//! The table of checks.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{PageRow, RowKind};
use crate::diagnosis::{Check, CheckResult};
use crate::tui::measure::{cut, left};
use crate::tui::modal::{WhyPage, WhySpot};
use crate::tui::model::Model;
use crate::tui::view::layout::Class;

/// Columns of a verdict: the widest is `not looked at`.
const VERDICT: usize = 13;

fn is_chosen(why: &WhyPage, check: &Check) -> bool {
    why.spot() == Some(WhySpot::Check(check.about))
}

/// The first row on the screen. The one whose proof is shown is among them.
fn top(why: &WhyPage, page: usize) -> usize {
    let shown = why.shown().map(|check| check.about);
    let checks = why.checks();
    let at = checks.iter().position(|check| Some(check.about) == shown);
    (at.unwrap_or(0) + 1).saturating_sub(page)
}

pub(super) fn title(why: &WhyPage, rows: usize) -> String {
    let (all, page) = (why.checks().len(), rows.saturating_sub(1));
    if all <= page {
        return format!("Checks {all}");
    }
    let top = top(why, page);
    format!("Checks {all}, {} to {}", top + 1, top + page)
}

pub(super) fn table(
    model: &Model,
    why: &WhyPage,
    inside: Rect,
    class: Class,
) -> Vec<Line<'static>> {
    let columns = usize::from(inside.width);
    let page = usize::from(inside.height).saturating_sub(1);
    let wide = class == Class::Wide;
    let name = if wide { 34 } else { 16 };
    // Two before, one after each of the first two, one at the end.
    let found = columns.saturating_sub(2 + name + 1 + 1 + VERDICT + 1);
    let head = format!(
        "  {} {} {}",
        left("CHECK", name),
        left("FOUND", found),
        left("VERDICT", VERDICT)
    );
    let mut lines = vec![Line::styled(head, model.look.strong())];
    for check in why.checks().iter().skip(top(why, page)).take(page) {
        let chosen = is_chosen(why, check);
        let about = if wide {
            check.about.words()
        } else {
            check.about.short()
        };
        let mark = if chosen { ">" } else { " " };
        let first = format!(
            "{mark} {} {} ",
            left(about, name),
            left(&check.found, found)
        );
        let verdict = left(check.verdict.as_str(), VERDICT + 1);
        lines.push(if chosen {
            Line::styled(first + &verdict, model.look.selected())
        } else {
            let style = style(model, check.verdict);
            Line::from(vec![Span::raw(first), Span::styled(verdict, style)])
        });
    }
    lines
}

fn style(model: &Model, verdict: CheckResult) -> Style {
    match verdict {
        CheckResult::Cause => model.look.bad(),
        CheckResult::Look => model.look.warning(),
        CheckResult::Note => Style::new(),
        CheckResult::NotLookedAt => model.look.dim(),
        CheckResult::Ok => model.look.good(),
    }
}

/// A line each, for a small screen.
pub(super) fn lines(why: &WhyPage, columns: usize) -> Vec<PageRow> {
    let mut rows = Vec::new();
    if !why.checks().is_empty() {
        rows.push(PageRow {
            text: "Checks".to_owned(),
            kind: RowKind::Heading,
        });
    }
    rows.extend(why.checks().iter().map(|check| {
        let chosen = is_chosen(why, check);
        let mark = if chosen { ">" } else { " " };
        let (about, verdict) = (check.about.short(), check.verdict.as_str());
        let text = format!("{mark} {about}: {verdict}, {}", check.found);
        PageRow {
            text: cut(&text, columns),
            kind: if chosen {
                RowKind::Chosen
            } else {
                RowKind::Plain
            },
        }
    }));
    rows
}
