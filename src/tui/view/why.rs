//! The page that says why a container is stuck: the verdict, what was seen, what would help.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use crate::diagnosis::{Finding, Remedy};
use crate::oci::ContainerKey;
use crate::tui::measure::{cut, left, wrap};
use crate::tui::modal::{Modal, Why};
use crate::tui::model::Model;

use super::layout::{Class, Panes};
use super::popup;

/// One line of the page.
struct Row {
    text: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Verdict,
    Heading,
    Plain,
    /// The remedy under the cursor.
    Chosen,
}

/// Where the page is, and whether there is room for a frame around it.
fn place(area: Rect, panes: &Panes) -> (Rect, bool) {
    let whole = Rect {
        height: area.height.saturating_sub(panes.hints.height),
        ..area
    };
    (whole, panes.class != Class::Small)
}

/// Columns and rows for its lines.
fn room(area: Rect, panes: &Panes) -> (usize, usize) {
    let (whole, framed) = place(area, panes);
    let edges = if framed { 2 } else { 0 };
    let heading = usize::from(!framed);
    (
        usize::from(whole.width).saturating_sub(edges + 1),
        usize::from(whole.height).saturating_sub(edges + heading),
    )
}

/// Its lines and how many of them are on the screen.
pub(crate) fn extent(area: Rect, _model: &Model, why: &Why, panes: &Panes) -> (usize, usize) {
    let (columns, rows) = room(area, panes);
    (self::rows(why, columns).len(), rows)
}

/// The line of the remedy under the cursor, and how many lines are on the screen.
pub(crate) fn cursor_row(model: &Model) -> (usize, usize) {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let panes = super::layout::panes(model, area);
    let (columns, page) = room(area, &panes);
    let Some(Modal::Why(why)) = model.modal() else {
        return (0, page);
    };
    let rows = rows(why, columns);
    let at = rows.iter().position(|row| row.kind == Kind::Chosen);
    (at.unwrap_or(0), page)
}

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, why: &Why, panes: &Panes) {
    let (whole, framed) = place(area, panes);
    let (columns, page) = room(area, panes);
    let rows = rows(why, columns);
    let top = why.top.min(rows.len().saturating_sub(page));
    let mut title = format!("why: {}", why.container.key.label());
    if rows.len() > page {
        let end = (top + page).min(rows.len());
        write!(title, ", lines {} to {end} of {}", top + 1, rows.len()).ok();
    }
    let inside = if framed {
        popup::framed(frame, whole, model, &title)
    } else {
        frame.render_widget(Clear, whole);
        let heading = left(&title, usize::from(whole.width));
        let line = Line::styled(heading, model.look.selected());
        frame.render_widget(line, Rect { height: 1, ..whole });
        Rect {
            y: whole.y + 1,
            height: whole.height.saturating_sub(1),
            ..whole
        }
    };
    let shown = rows.iter().skip(top).take(page);
    let lines: Vec<Line<'_>> = shown.map(|row| styled(model, row, columns)).collect();
    frame.render_widget(Paragraph::new(lines), inside);
}

fn styled(model: &Model, row: &Row, columns: usize) -> Line<'static> {
    let text = format!(" {}", row.text);
    match row.kind {
        Kind::Verdict => Line::styled(text, model.look.strong()),
        Kind::Heading => Line::styled(text, model.look.accent()),
        Kind::Plain => Line::raw(text),
        Kind::Chosen => Line::styled(left(&text, columns), model.look.selected()),
    }
}

fn rows(why: &Why, columns: usize) -> Vec<Row> {
    let plain = |text: &str| Row {
        text: cut(text, columns),
        kind: Kind::Plain,
    };
    let diagnosis = match &why.answer {
        None => return vec![plain("gathering evidence ...")],
        Some(Err(error)) => {
            let lines = wrap(&format!("could not be examined: {error}"), columns);
            return lines.iter().map(|line| plain(line)).collect();
        }
        Some(Ok(diagnosis)) => diagnosis,
    };
    let mut page = Sheet {
        key: &why.container.key,
        chosen: why.chosen(),
        all: why.remedies(),
        named: Vec::new(),
        columns,
        rows: Vec::new(),
    };
    for (at, finding) in diagnosis.findings.iter().enumerate() {
        page.finding(at, finding);
    }
    page.rows
}

/// A page in the making.
struct Sheet<'a> {
    key: &'a ContainerKey,
    chosen: Option<&'a Remedy>,
    all: Vec<&'a Remedy>,
    /// Remedies that are on the page already.
    named: Vec<&'a Remedy>,
    columns: usize,
    rows: Vec<Row>,
}

impl<'a> Sheet<'a> {
    fn push(&mut self, indent: usize, text: &str, kind: Kind) {
        let room = self.columns.saturating_sub(indent).max(8);
        for line in wrap(text, room) {
            let text = format!("{}{line}", " ".repeat(indent));
            self.rows.push(Row { text, kind });
        }
    }

    fn finding(&mut self, at: usize, finding: &'a Finding) {
        let narrow = self.columns < 60;
        let (indent, kind) = if at == 0 {
            (0, Kind::Verdict)
        } else {
            (2, Kind::Plain)
        };
        if at == 1 {
            self.blank(narrow);
            self.push(0, "Also", Kind::Heading);
        }
        self.push(indent, &finding.cause.words(), kind);
        if !finding.evidence.is_empty() && !narrow {
            if at == 0 {
                self.blank(narrow);
                self.push(0, "What was seen", Kind::Heading);
            }
            for line in &finding.evidence {
                self.push(indent + 2, line, Kind::Plain);
            }
        }
        if !finding.remedies.is_empty() && at == 0 {
            self.blank(narrow);
            self.push(0, "What would help", Kind::Heading);
        }
        for remedy in &finding.remedies {
            self.remedy(indent, remedy, narrow);
        }
        if narrow {
            for line in &finding.evidence {
                self.push(indent + 1, line, Kind::Plain);
            }
        }
    }

    fn blank(&mut self, narrow: bool) {
        if !narrow {
            self.push(0, "", Kind::Plain);
        }
    }

    /// A remedy where it is first named: the same one helps against several causes.
    fn remedy(&mut self, indent: usize, remedy: &'a Remedy, narrow: bool) {
        if self.named.contains(&remedy) {
            return;
        }
        self.named.push(remedy);
        let number = self
            .all
            .iter()
            .position(|other| *other == remedy)
            .unwrap_or(0)
            + 1;
        let chosen = self.chosen == Some(remedy);
        let (mark, kind) = if chosen {
            (">", Kind::Chosen)
        } else {
            (" ", Kind::Plain)
        };
        let how = match (remedy.is_ours(), remedy.command(self.key)) {
            (true, _) => "  [Enter asks]",
            (false, Some(_)) => "  [y copies]",
            (false, None) => "",
        };
        let text = format!("{mark} {number}  {}{how}", remedy.words());
        let room = self.columns.saturating_sub(indent).max(8);
        // The cursor is one line: the rest of a long remedy is told by its command.
        let pad = " ".repeat(indent);
        self.rows.push(Row {
            text: format!("{pad}{}", cut(&text, room)),
            kind,
        });
        if let Some(command) = remedy
            .command(self.key)
            .filter(|_| !remedy.is_ours() && !narrow)
        {
            self.push(indent + 5, &command, Kind::Plain);
        }
    }
}

/// The page as text, for a file.
pub(crate) fn text(why: &Why) -> String {
    let key = &why.container.key;
    let mut out = format!("{}\n", key.label());
    for row in rows(why, 400) {
        out.push_str(row.text.trim_end());
        out.push('\n');
    }
    out
}
