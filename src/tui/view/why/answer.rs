//! The answer: the verdict, what would help, what would not, and what else there is.

use super::{PageRow, RowKind};
use crate::diagnosis::{Finding, Remedy};
use crate::tui::measure::{cut, wrap};
use crate::tui::modal::{WhyPage, WhySpot};

/// How much is said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerLength {
    /// What was seen is said elsewhere.
    Short,
    /// What was seen, too.
    Full,
}

pub(super) fn rows(why: &WhyPage, columns: usize, detail: AnswerLength) -> Vec<PageRow> {
    let plain = |text: &str| PageRow {
        text: cut(text, columns),
        kind: RowKind::Plain,
    };
    let diagnosis = match &why.answer {
        None => return vec![plain("gathering evidence ...")],
        Some(Err(error)) => {
            let lines = wrap(&format!("could not be examined: {error}"), columns);
            return lines.iter().map(|line| plain(line)).collect();
        }
        Some(Ok(diagnosis)) => diagnosis,
    };
    let mut page = AnswerPage {
        why,
        chosen: match why.spot() {
            Some(WhySpot::Remedy(remedy)) => Some(remedy),
            _ => None,
        },
        all: why.remedies(),
        named: Vec::new(),
        columns,
        detail,
        rows: Vec::new(),
    };
    for (at, finding) in diagnosis.findings.iter().enumerate() {
        page.finding(at, finding);
    }
    page.rows
}

/// A page in the making.
struct AnswerPage<'a> {
    why: &'a WhyPage,
    chosen: Option<Remedy>,
    all: Vec<&'a Remedy>,
    /// Remedies that are on the page already.
    named: Vec<&'a Remedy>,
    columns: usize,
    detail: AnswerLength,
    rows: Vec<PageRow>,
}

impl<'a> AnswerPage<'a> {
    fn push(&mut self, indent: usize, text: &str, kind: RowKind) {
        let room = self.columns.saturating_sub(indent).max(8);
        for line in wrap(text, room) {
            let text = format!("{}{line}", " ".repeat(indent));
            self.rows.push(PageRow { text, kind });
        }
    }

    /// What does not help, behind a word that says so.
    fn futile(&mut self, text: &str) {
        let room = self.columns.saturating_sub(5).max(8);
        for (at, line) in wrap(text, room).iter().enumerate() {
            let word = if at == 0 { "not:" } else { "" };
            let text = format!("{word:<4} {line}");
            let kind = RowKind::Plain;
            self.rows.push(PageRow { text, kind });
        }
    }

    fn finding(&mut self, at: usize, finding: &'a Finding) {
        let narrow = self.columns < 60;
        let (indent, kind) = if at == 0 {
            (0, RowKind::Verdict)
        } else {
            (2, RowKind::Plain)
        };
        if at == 1 {
            self.push(0, "Also", RowKind::Heading);
        }
        let words = match self.why.diagnosis().filter(|_| at == 0) {
            Some(diagnosis) => diagnosis.verdict(),
            None => finding.cause.words(),
        };
        self.push(indent, &words, kind);
        if self.detail == AnswerLength::Full && !narrow {
            for line in &finding.evidence {
                self.push(indent + 2, line, RowKind::Plain);
            }
        }
        if !finding.remedies.is_empty() && at == 0 {
            self.push(0, "What would help", RowKind::Heading);
        }
        for remedy in &finding.remedies {
            self.remedy(indent, remedy, narrow);
        }
        for futile in &finding.futile {
            self.futile(&futile.words());
        }
        if self.detail == AnswerLength::Full && narrow {
            for line in &finding.evidence {
                self.push(indent + 1, line, RowKind::Plain);
            }
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
        let chosen = self.chosen.as_ref() == Some(remedy);
        let (mark, kind) = if chosen {
            (">", RowKind::Chosen)
        } else {
            (" ", RowKind::Plain)
        };
        let command = self.why.command(remedy);
        let how = match (self.why.can_do(remedy), &command) {
            (true, _) => "  [Enter asks]",
            (false, Some(_)) => "  [y copies]",
            (false, None) => "",
        };
        let text = format!("{mark} {number}  {}{how}", remedy.words());
        let room = self.columns.saturating_sub(indent).max(8);
        // The cursor is one line: the rest of a long remedy is told by its command.
        let pad = " ".repeat(indent);
        self.rows.push(PageRow {
            text: format!("{pad}{}", cut(&text, room)),
            kind,
        });
        if let Some(command) = command.filter(|_| !self.why.can_do(remedy) && !narrow) {
            self.push(indent + 5, &command, RowKind::Plain);
        }
    }
}
