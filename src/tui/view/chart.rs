//! Charts from zero up, the newest sample at the right.
//!
//! A column shows the greatest of its samples, so that a spike is seen however long the span is;
//! where there are fewer samples than columns, a sample takes several. A column without a sample
//! stays empty; zero has a line of its own.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

use crate::tui::axes::{Quantity, TimeSpan};
use crate::tui::measure::width;
use crate::tui::theme::{TerminalLook, scale};

/// What is charted.
pub(crate) struct Chart<'a> {
    /// Oldest first; `None` where there was no value.
    pub(crate) samples: &'a [Option<f64>],
    /// The upper end of the axis.
    pub(crate) top: f64,
    pub(crate) unit: Quantity,
    /// Lines across, with their names.
    pub(crate) rules: &'a [(f64, &'static str)],
    /// What happened meanwhile, the gravest last.
    pub(crate) marks: &'a [EventMark],
    pub(crate) span: TimeSpan,
}

/// Something that happened, on the axis of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EventMark {
    /// From 0 at the left to 1 at the right.
    pub(crate) at: f64,
    pub(crate) glyph: char,
    pub(crate) grave: bool,
}

/// Columns of the labels at the left, with the axis.
const LABEL: u16 = 6;

/// Rows from which on the labels of the time axis have one of their own.
const ROOMY: u16 = 6;

impl Chart<'_> {
    pub(crate) fn draw(&self, buffer: &mut Buffer, area: Rect, look: TerminalLook) {
        let area = area.intersection(buffer.area);
        if area.width < LABEL + 4 || area.height < 2 {
            return;
        }
        let labels = u16::from(area.height >= ROOMY);
        let plot = Rect {
            x: area.x + LABEL,
            width: area.width - LABEL,
            height: area.height - 1 - labels,
            ..area
        };
        self.axis(buffer, area, plot, look);
        for (value, _) in self.rules {
            if let Some(y) = self.row_of(*value, plot) {
                across(buffer, plot, y, look.rule(), look);
            }
        }
        self.samples(buffer, plot, look);
        self.names(buffer, plot, look);
        self.base(buffer, area, plot, look);
    }

    /// The axis at the left: its end, its middle, and zero.
    fn axis(&self, buffer: &mut Buffer, area: Rect, plot: Rect, look: TerminalLook) {
        let [tick, plain, zero] = look.axis();
        let middle = plot.height / 2;
        for row in 0..=plot.height {
            let (label, axis) = match row {
                0 => (self.unit.mark(self.top), tick),
                row if row == plot.height => ("0".to_owned(), zero),
                row if row == middle && plot.height.is_multiple_of(2) && plot.height >= 4 => {
                    (self.unit.mark(self.top / 2.0), tick)
                }
                _ => (String::new(), plain),
            };
            let label = crate::tui::measure::right(&label, usize::from(LABEL) - 1);
            buffer.set_string(area.x, plot.y + row, label, look.dim());
            buffer.set_string(plot.x - 1, plot.y + row, axis, look.dim());
        }
    }

    /// The row in which a value is.
    fn row_of(&self, value: f64, plot: Rect) -> Option<u16> {
        if !(value > 0.0 && value <= self.top) {
            return None;
        }
        let height = usize::from(plot.height);
        let above = scale(1.0 - value / self.top, height * 4) / 4;
        let row = above.min(height.saturating_sub(1));
        Some(plot.y + u16::try_from(row).unwrap_or(0))
    }

    fn samples(&self, buffer: &mut Buffer, plot: Rect, look: TerminalLook) {
        let (across, down) = if look.unicode { (2, 4) } else { (1, 8) };
        let (columns, rows) = (usize::from(plot.width), usize::from(plot.height));
        let levels: Vec<usize> = resampled(self.samples, columns * across)
            .map(|sample| level(sample, self.top, rows * down))
            .collect();
        for (x, pair) in (plot.x..plot.right()).zip(levels.chunks(across)) {
            let (left, right) = (
                pair.first().copied().unwrap_or(0),
                pair.last().copied().unwrap_or(0),
            );
            for (y, above) in (plot.y..plot.bottom())
                .rev()
                .zip((0..rows).map(|r| r * down))
            {
                let part = |level: usize| level.saturating_sub(above).min(down);
                if left.max(right) <= above {
                    break;
                }
                if let Some(cell) = buffer.cell_mut((x, y)) {
                    if look.unicode {
                        cell.set_char(braille(part(left), part(right)));
                    } else {
                        cell.set_symbol(look.eighths(part(left)));
                    }
                    cell.set_style(look.accent());
                }
            }
        }
    }

    /// The names of the lines across, where nothing is in their way.
    fn names(&self, buffer: &mut Buffer, plot: Rect, look: TerminalLook) {
        for (value, name) in self.rules {
            let Some(y) = self.row_of(*value, plot) else {
                continue;
            };
            let columns = u16::try_from(width(name) + 1).unwrap_or(u16::MAX);
            if columns >= plot.width {
                continue;
            }
            let rule = look.rule();
            let free = |from: u16| {
                let cells = from..from + columns;
                cells.into_iter().all(|x| {
                    let symbol = buffer.cell((x, y)).map(Cell::symbol);
                    symbol == Some(rule)
                })
            };
            let at_the_right = plot.right() - columns;
            let text = format!(" {name}");
            if free(at_the_right) {
                buffer.set_string(at_the_right, y, text, look.dim());
            } else if free(plot.x) {
                buffer.set_string(plot.x, y, format!("{name} "), look.dim());
            }
        }
    }

    /// The axis of time: what happened on the line, and labels below it or on it.
    fn base(&self, buffer: &mut Buffer, area: Rect, plot: Rect, look: TerminalLook) {
        let y = plot.bottom();
        across(buffer, plot, y, look.line(), look);
        let own_row = y + 1 < area.bottom();
        let (ago, half) = (
            format!("-{}", self.span.label()),
            format!("-{}", self.span.half()),
        );
        let middle = plot.x + plot.width / 2;
        let last = plot.right().saturating_sub(3);
        let labels = [(plot.x, ago.as_str()), (middle, &half), (last, "now")];
        let mut free_from = plot.x;
        for (x, label) in labels {
            let end = x + u16::try_from(width(label)).unwrap_or(0);
            let taken = |mark: &EventMark| (x..end).contains(&column(mark.at, plot));
            let fits = x >= free_from && end <= plot.right() && (x == last || end < last);
            if fits && (own_row || !self.marks.iter().any(taken)) {
                buffer.set_string(x, y + u16::from(own_row), label, look.dim());
                free_from = end + 1;
            }
        }
        for mark in self.marks {
            let style = if mark.grave {
                look.bad()
            } else {
                look.warning()
            };
            if let Some(cell) = buffer.cell_mut((column(mark.at, plot), y)) {
                cell.reset();
                cell.set_char(mark.glyph).set_style(style);
            }
        }
    }
}

fn across(buffer: &mut Buffer, plot: Rect, y: u16, glyph: &'static str, look: TerminalLook) {
    for x in plot.x..plot.right() {
        if let Some(cell) = buffer.cell_mut((x, y)) {
            cell.set_symbol(glyph).set_style(look.dim());
        }
    }
}

fn column(at: f64, plot: Rect) -> u16 {
    let last = usize::from(plot.width).saturating_sub(1);
    plot.x + u16::try_from(scale(at, last)).unwrap_or(0)
}

/// How high a sample stands: nothing without one, at least one step with one.
fn level(sample: Option<f64>, top: f64, whole: usize) -> usize {
    let part = |value: f64| if top > 0.0 { value / top } else { 0.0 };
    sample.map_or(0, |value| scale(part(value), whole).max(1))
}

/// The greatest sample of each of `columns`.
fn resampled(samples: &[Option<f64>], columns: usize) -> impl Iterator<Item = Option<f64>> {
    let len = samples.len();
    (0..columns).map(move |column| {
        let from = column * len / columns.max(1);
        let to = ((column + 1) * len / columns.max(1)).max(from + 1);
        let own = samples.get(from..to.min(len)).unwrap_or_default();
        own.iter().flatten().copied().reduce(f64::max)
    })
}

/// Two columns of up to four dots each, from the bottom.
fn braille(left: usize, right: usize) -> char {
    const LEFT: [u32; 5] = [0, 0x40, 0x44, 0x46, 0x47];
    const RIGHT: [u32; 5] = [0, 0x80, 0xa0, 0xb0, 0xb8];
    let dots = |set: [u32; 5], count: usize| set.get(count.min(4)).copied().unwrap_or(0);
    char::from_u32(0x2800 + dots(LEFT, left) + dots(RIGHT, right)).unwrap_or(' ')
}

/// A chart of one row: an eighth of a cell is its least step.
pub(crate) fn spark(
    samples: &[Option<f64>],
    top: f64,
    look: TerminalLook,
    columns: usize,
) -> String {
    resampled(samples, columns)
        .map(|sample| look.eighths(level(sample, top, 8)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOOK: TerminalLook = TerminalLook {
        color: false,
        unicode: true,
    };

    #[test]
    fn zero_is_a_line_and_a_gap_is_nothing() {
        let samples = [Some(0.0), None, Some(4.0), Some(8.0)];
        assert_eq!(spark(&samples, 8.0, LOOK, 4), "▁ ▄█");
        assert_eq!(spark(&samples, 8.0, LOOK, 8), "▁▁  ▄▄██");
    }

    #[test]
    fn dots_stand_on_the_ground() {
        let drawn: String = (0..=4).map(|dots| braille(dots, 4 - dots)).collect();
        assert_eq!(drawn, "⢸⣰⣤⣆⡇");
    }

    proptest! {
        #[test]
        fn no_span_hides_a_spike(
            at in 0_usize..120,
            columns in 1_usize..200,
        ) {
            let mut samples = vec![Some(1.0); 120];
            samples[at] = Some(100.0);
            let peak = resampled(&samples, columns).flatten().fold(0.0, f64::max);
            prop_assert!(peak > 99.0);
        }
    }
}
