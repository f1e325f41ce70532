//! What was done and what came of it, one line each, in a bounded ring. The log file has the rest.

use std::collections::VecDeque;

use crate::lifecycle::{Outcome, StepEvent, StepKind, Verdict};
use crate::oci::ContainerKey;

use super::action::Motion;
use super::measure;

/// Lines kept.
pub(crate) const CAPACITY: usize = 1000;

/// How a line is marked at its right, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    None,
    Good,
    Skipped,
    Waiting,
    Warning,
    Bad,
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct LogLine {
    pub(crate) at: jiff::Timestamp,
    /// The container it is about.
    pub(crate) subject: Option<ContainerKey>,
    pub(crate) text: String,
    /// The word at the right: `ok`, `FAIL`, …
    pub(crate) word: String,
    /// How long it took.
    pub(crate) took: String,
    pub(crate) mark: Tone,
    /// Number of the step that still waits; the next report of it takes this line's place.
    waiting: Option<usize>,
}

/// The ring, and what of it is shown.
#[derive(Debug, Default)]
pub(crate) struct LogPane {
    lines: VecDeque<LogLine>,
    /// Lines below the bottom of the pane; 0 follows the newest.
    pub(crate) back: usize,
    pub(crate) sideways: usize,
    pub(crate) search: String,
}

impl LogPane {
    pub(crate) fn lines(&self) -> &VecDeque<LogLine> {
        &self.lines
    }

    /// The last line that is not about waiting, for a log of one row.
    pub(crate) fn newest(&self) -> Option<&LogLine> {
        self.lines.back()
    }

    fn push(&mut self, line: LogLine) {
        if self.lines.len() == CAPACITY {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        // Whoever reads further up keeps the lines he reads.
        if self.back > 0 {
            self.back = (self.back + 1).min(self.lines.len() - 1);
        }
    }

    /// A line that belongs to no step.
    pub(crate) fn say(&mut self, at: jiff::Timestamp, mark: Tone, text: String) {
        self.say_about(at, None, mark, text);
    }

    /// A line about a container that belongs to no step.
    pub(crate) fn say_about(
        &mut self,
        at: jiff::Timestamp,
        subject: Option<ContainerKey>,
        mark: Tone,
        text: String,
    ) {
        let word = match mark {
            Tone::Bad => "FAIL",
            Tone::Warning => "WARN",
            Tone::None | Tone::Good | Tone::Skipped | Tone::Waiting => "",
        };
        self.push(LogLine {
            at,
            subject,
            text,
            word: word.to_owned(),
            took: String::new(),
            mark,
            waiting: None,
        });
    }

    /// A report of the engine; `total` is the number of steps of its plan.
    pub(crate) fn step(&mut self, event: &StepEvent, total: usize) {
        let step_text = |number: usize, word: &str, detail: &str| {
            // What is undone in the end comes after all that was planned.
            let total = total.max(number);
            format!("{number:>2}/{total} {word:<8} {detail}")
        };
        let line = |text, word: &str, mark| LogLine {
            at: event.at,
            subject: Some(event.key.clone()),
            text,
            word: word.to_owned(),
            took: String::new(),
            mark,
            waiting: None,
        };
        match &event.kind {
            StepKind::Planned { .. } | StepKind::Started { .. } | StepKind::Finished { .. } => {}
            StepKind::Noted { notes } => {
                for note in notes {
                    self.push(line(note.words(), "note", Tone::Skipped));
                }
            }
            StepKind::Waiting {
                number,
                step,
                survivors,
            } => {
                let who = match survivors.first() {
                    None => step.intent(),
                    Some(first) => {
                        format!(
                            "{} alive: {}",
                            survivors.len(),
                            crate::text::safe(&first.words())
                        )
                    }
                };
                self.drop_waiting(&event.key, *number);
                self.push(LogLine {
                    waiting: Some(*number),
                    ..line(step_text(*number, step.word(), &who), "WAIT", Tone::Waiting)
                });
            }
            StepKind::Ended {
                number,
                step,
                outcome,
                took,
            } => {
                let detail = crate::text::safe(&outcome.detail());
                self.drop_waiting(&event.key, *number);
                self.push(LogLine {
                    took: measure::took(*took),
                    ..line(
                        step_text(*number, step.word(), &detail),
                        outcome.word(),
                        mark(outcome),
                    )
                });
            }
        }
    }

    /// How an action ended.
    pub(crate) fn verdict(
        &mut self,
        at: jiff::Timestamp,
        key: &ContainerKey,
        verb: &str,
        verdict: &Verdict,
    ) {
        let (mark, word) = match verdict {
            Verdict::Clean => (Tone::Good, "done"),
            Verdict::Refused(_) => (Tone::Warning, "REFUSED"),
            Verdict::Leftovers(_) | Verdict::Failed(_) => (Tone::Bad, "FAIL"),
        };
        let mut text = format!("{verb}: {}", crate::text::safe(&verdict.words()));
        if mark == Tone::Bad && verb.starts_with("delete") {
            text.push_str("   (why: w)");
        }
        self.push(LogLine {
            at,
            subject: Some(key.clone()),
            text,
            word: word.to_owned(),
            took: String::new(),
            mark,
            waiting: None,
        });
    }

    fn drop_waiting(&mut self, key: &ContainerKey, number: usize) {
        let stale =
            |line: &LogLine| line.waiting == Some(number) && line.subject.as_ref() == Some(key);
        // Only recent lines can be: looking through the whole ring for every report would be waste.
        let from = self.lines.len().saturating_sub(200);
        if let Some(at) = self.lines.iter().skip(from).position(stale) {
            self.lines.remove(from + at);
        }
    }

    pub(crate) fn go(&mut self, motion: Motion, page: usize) {
        let most = self.lines.len().saturating_sub(page.max(1));
        self.back = match motion {
            Motion::Up => self.back + 1,
            Motion::Down => self.back.saturating_sub(1),
            Motion::PageUp => self.back + page.max(1),
            Motion::PageDown => self.back.saturating_sub(page.max(1)),
            Motion::Home => most,
            Motion::End => 0,
        }
        .min(most);
    }

    /// Goes to the next line up (or down) that has the text searched for; says whether there is.
    pub(crate) fn find(&mut self, up: bool) -> bool {
        let wanted = self.search.to_lowercase();
        if wanted.is_empty() {
            return false;
        }
        let newest = self.lines.len().saturating_sub(1);
        let current = newest.saturating_sub(self.back);
        let hit = |index: &usize| {
            self.lines
                .get(*index)
                .is_some_and(|line| line.plain().to_lowercase().contains(&wanted))
        };
        let found = if up {
            (0..current).rev().find(hit)
        } else {
            (current + 1..self.lines.len()).find(hit)
        };
        match found {
            Some(index) => self.back = newest - index,
            None => return false,
        }
        true
    }

    /// The whole ring as text, for a file.
    pub(crate) fn text(&self, zone: &jiff::tz::TimeZone) -> String {
        let mut out = String::new();
        for line in &self.lines {
            let at = line
                .at
                .to_zoned_datetime(zone.clone())
                .strftime("%F %T%.3f%:z")
                .to_string();
            out.push_str(&at);
            for part in [line.plain().as_str(), &line.word, &line.took] {
                if !part.is_empty() {
                    out.push_str("  ");
                    out.push_str(part);
                }
            }
            out.push('\n');
        }
        out
    }
}

impl LogLine {
    /// Subject and text.
    pub(crate) fn plain(&self) -> String {
        match &self.subject {
            Some(key) => format!("{} {}", key.label(), self.text),
            None => self.text.clone(),
        }
    }
}

fn mark(outcome: &Outcome) -> Tone {
    match outcome {
        Outcome::Done(_) => Tone::Good,
        Outcome::Skipped(_) => Tone::Skipped,
        Outcome::Warned(_) => Tone::Warning,
        Outcome::Failed(_) => Tone::Bad,
    }
}
