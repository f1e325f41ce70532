//! The page that says why a container is stuck: the answer with what would help and what would not,
//! below it every check, and the proof of the one under the cursor.

mod answer;
mod checks;

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use crate::tui::measure::{cut, left, wrap};
use crate::tui::modal::{Modal, WhyPage, WhySpot};
use crate::tui::model::Model;

use super::layout::{Class, Panes};

/// One line of the page.
struct PageRow {
    text: String,
    kind: RowKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RowKind {
    Verdict,
    Heading,
    Plain,
    /// What is under the cursor.
    Chosen,
}

/// Where the parts of the page are. Without room for panes all is one list.
struct WhyParts {
    answer: Rect,
    checks: Option<Rect>,
    proof: Option<Rect>,
    framed: bool,
}

/// Rows and columns that a frame takes.
const FRAME: u16 = 2;

impl WhyParts {
    fn of(area: Rect, why: &WhyPage, panes: &Panes) -> Self {
        let whole = Rect {
            height: area.height.saturating_sub(panes.hints.height),
            ..area
        };
        let framed = panes.class != Class::Small;
        let (most, proof) = match panes.class {
            Class::Wide => (15, 8),
            Class::TooSmall | Class::Small | Class::Normal => (8, 5),
        };
        let mut parts = Self {
            answer: whole,
            checks: None,
            proof: None,
            framed,
        };
        if !framed || why.checks().is_empty() {
            return parts;
        }
        let columns = usize::from(whole.width.saturating_sub(FRAME + 1));
        let lines = answer::rows(why, columns, answer::AnswerLength::Short).len();
        let lines = u16::try_from(lines).unwrap_or(u16::MAX);
        let answer = lines.saturating_add(FRAME).min(most).min(whole.height);
        let below = |from: u16, height: u16| Rect {
            y: whole.y + from,
            height,
            ..whole
        };
        parts.answer = below(0, answer);
        let rest = whole.height - answer;
        let proof = if why.proof { rest } else { proof.min(rest) };
        parts.proof = Some(below(whole.height - proof, proof));
        parts.checks = (rest > proof).then(|| below(answer, rest - proof));
        parts
    }

    /// Columns and rows for the lines of one part.
    fn room(&self, part: Rect) -> (usize, usize) {
        // Without a frame there is a line with the title instead.
        let (edges, above) = if self.framed { (FRAME, FRAME) } else { (0, 1) };
        (
            usize::from(part.width.saturating_sub(edges + 1)),
            usize::from(part.height.saturating_sub(above)),
        )
    }

    /// The part that scrolls.
    fn scrolled(&self, why: &WhyPage) -> (Rect, bool) {
        match self.proof {
            Some(proof) if why.proof => (proof, true),
            _ => (self.answer, why.proof),
        }
    }
}

/// The lines of the answer, or on a small screen of everything.
fn rows(why: &WhyPage, parts: &WhyParts, columns: usize) -> Vec<PageRow> {
    if parts.framed {
        return answer::rows(why, columns, answer::AnswerLength::Short);
    }
    let mut rows = answer::rows(why, columns, answer::AnswerLength::Full);
    rows.extend(checks::lines(why, columns));
    rows
}

/// The lines of the proof.
fn proof(why: &WhyPage, columns: usize) -> Vec<String> {
    let Some(check) = why.shown() else {
        return Vec::new();
    };
    // The words of a finding stand at the head of its proof, without how many more there are.
    let told = check.proof.first();
    let told = told.filter(|line| check.found.starts_with(line.as_str()));
    let found = told.unwrap_or(&check.found);
    let first = format!("{}: {found}", check.verdict.as_str());
    let rest = check.proof.iter().skip(usize::from(told.is_some()));
    let lines = std::iter::once(&first).chain(rest);
    lines.flat_map(|line| wrap(line, columns)).collect()
}

/// Lines of what scrolls, and how many of them are on the screen.
pub(crate) fn extent(area: Rect, _model: &Model, why: &WhyPage, panes: &Panes) -> (usize, usize) {
    let parts = WhyParts::of(area, why, panes);
    let (part, is_proof) = parts.scrolled(why);
    let (columns, page) = parts.room(part);
    let lines = if is_proof {
        proof(why, columns).len()
    } else {
        rows(why, &parts, columns).len()
    };
    (lines, page)
}

/// The line under the cursor, if it is one of those that scroll, and how many lines are on the
/// screen where the cursor is.
pub(crate) fn cursor_row(model: &Model) -> (Option<usize>, usize) {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let panes = super::layout::panes(model, area);
    let Some(Modal::Why(why)) = model.modal() else {
        return (None, 0);
    };
    let parts = WhyParts::of(area, why, &panes);
    if let (Some(checks), Some(WhySpot::Check(_))) = (parts.checks, why.spot()) {
        return (None, parts.room(checks).1.saturating_sub(1));
    }
    let (columns, page) = parts.room(parts.answer);
    let rows = rows(why, &parts, columns);
    (
        rows.iter().position(|row| row.kind == RowKind::Chosen),
        page,
    )
}

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, why: &WhyPage, panes: &Panes) {
    let parts = WhyParts::of(area, why, panes);
    let name = why.subject.key().label();
    if !parts.framed && why.proof {
        return draw_proof(frame, parts.answer, model, why, &parts);
    }
    let (columns, page) = parts.room(parts.answer);
    let rows = rows(why, &parts, columns);
    let top = why.top.min(rows.len().saturating_sub(page));
    let mut title = format!("why: {name}");
    if rows.len() > page {
        let end = (top + page).min(rows.len());
        write!(title, ", lines {} to {end} of {}", top + 1, rows.len()).ok();
    }
    let on_check = matches!(why.spot(), Some(WhySpot::Check(_)));
    let below = why.proof || on_check && parts.checks.is_some();
    let inside = pane(frame, parts.answer, model, &parts, (&title, !below));
    let shown = rows.iter().skip(top).take(page);
    let lines: Vec<Line<'_>> = shown.map(|row| styled(model, row, columns)).collect();
    frame.render_widget(Paragraph::new(lines), inside);
    if let Some(area) = parts.checks {
        let title = checks::title(why, parts.room(area).1);
        let inside = pane(frame, area, model, &parts, (&title, below));
        let lines = checks::table(model, why, inside, panes.class);
        frame.render_widget(Paragraph::new(lines), inside);
    }
    if let Some(area) = parts.proof {
        draw_proof(frame, area, model, why, &parts);
    }
}

fn draw_proof(frame: &mut Frame<'_>, area: Rect, model: &Model, why: &WhyPage, parts: &WhyParts) {
    let (columns, page) = parts.room(area);
    let lines = proof(why, columns);
    let top = why.proof_top.min(lines.len().saturating_sub(page));
    let about = why.shown().map_or("", |check| check.about.words());
    let mut title = format!("Proof: {about}");
    if lines.len() > page {
        let end = (top + page).min(lines.len());
        write!(title, ", lines {} to {end} of {}", top + 1, lines.len()).ok();
    }
    let inside = pane(frame, area, model, parts, (&title, why.proof));
    let shown = lines.into_iter().skip(top).take(page);
    let lines: Vec<Line<'_>> = shown.map(|line| Line::raw(format!(" {line}"))).collect();
    frame.render_widget(Paragraph::new(lines), inside);
}

/// Clears a part and draws its frame, or its title where there is no room for one; gives back its
/// inside.
fn pane(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    parts: &WhyParts,
    (title, focused): (&str, bool),
) -> Rect {
    frame.render_widget(Clear, area);
    if parts.framed {
        let title = cut(title, usize::from(area.width).saturating_sub(8));
        let block = model.look.pane(&title, focused);
        let inside = block.inner(area);
        frame.render_widget(block, area);
        return inside;
    }
    let heading = left(title, usize::from(area.width));
    let line = Line::styled(heading, model.look.selected());
    frame.render_widget(line, Rect { height: 1, ..area });
    Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    }
}

fn styled(model: &Model, row: &PageRow, columns: usize) -> Line<'static> {
    let text = format!(" {}", row.text);
    match row.kind {
        RowKind::Verdict => Line::styled(text, model.look.strong()),
        RowKind::Heading => Line::styled(text, model.look.accent()),
        RowKind::Plain => Line::raw(text),
        RowKind::Chosen => Line::styled(left(&text, columns), model.look.selected()),
    }
}

/// The page as text, for a file: the answer with what was seen, every check with its proof.
pub(crate) fn text(why: &WhyPage) -> String {
    let mut out = format!("{}\n", why.subject.key().label());
    for row in answer::rows(why, 400, answer::AnswerLength::Full) {
        out.push_str(row.text.trim_end());
        out.push('\n');
    }
    if !why.checks().is_empty() {
        out.push_str("\nChecks\n");
    }
    for check in why.checks() {
        let (about, verdict) = (check.about.words(), check.verdict.as_str());
        writeln!(out, "{about}: {verdict}: {}", check.found).ok();
        for line in check.proof.iter().filter(|line| **line != check.found) {
            writeln!(out, "    {line}").ok();
        }
    }
    out
}
