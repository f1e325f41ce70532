//! Charts from zero to the limit, one sample per column, the newest at the right.

use ratatui::text::Line;

use crate::tui::measure::{left, right};
use crate::tui::theme::{Look, scale};

/// What is charted.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// Oldest first; `None` where there was no value.
    pub(crate) samples: Vec<Option<f64>>,
    /// The upper end of the axis.
    pub(crate) top: f64,
    /// How the upper end is written.
    pub(crate) top_label: String,
}

/// Columns of the labels at the left, with the axis.
const LABEL: usize = 6;

/// Columns that samples have in a chart of this width.
pub(crate) fn samples_in(columns: usize) -> usize {
    columns.saturating_sub(LABEL)
}

impl Chart {
    /// The chart in `columns` by `rows`, its title included.
    pub(crate) fn lines(&self, look: Look, columns: usize, rows: usize) -> Vec<Line<'static>> {
        let mut lines = vec![Line::styled(left(&self.title, columns), look.strong())];
        let height = rows.saturating_sub(1);
        let room = samples_in(columns);
        let skip = self.samples.len().saturating_sub(room);
        let shown: Vec<usize> = self
            .samples
            .iter()
            .skip(skip)
            .map(|sample| self.eighths(*sample, height))
            .collect();
        let [tick, plain, zero] = look.axis();
        for row in (0..height).rev() {
            let (label, axis) = match row {
                row if row + 1 == height => (self.top_label.as_str(), tick),
                0 => ("0", zero),
                _ => ("", plain),
            };
            let mut text = format!("{}{axis}", right(label, LABEL - 1));
            text.push_str(&" ".repeat(room - shown.len()));
            text.extend(
                shown
                    .iter()
                    .map(|eighths| look.eighths(eighths.saturating_sub(row * 8))),
            );
            lines.push(Line::raw(text));
        }
        lines
    }

    fn eighths(&self, sample: Option<f64>, height: usize) -> usize {
        let part = sample.map_or(0.0, |value| {
            if self.top > 0.0 {
                value / self.top
            } else {
                0.0
            }
        });
        scale(part, height * 8)
    }

    /// The chart as one line.
    pub(crate) fn spark(&self, look: Look, columns: usize) -> String {
        let skip = self.samples.len().saturating_sub(columns);
        let marks = self
            .samples
            .iter()
            .skip(skip)
            .map(|sample| look.eighths(self.eighths(*sample, 1)));
        let marks: String = marks.collect();
        right(&marks, columns)
    }
}
