//! Colours and glyphs. Sixteen colours at most, and none of them carries a meaning that a word does
//! not carry as well.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;
use ratatui::widgets::{Block, Borders};

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalLook {
    /// Colours may be used.
    pub color: bool,
    /// The terminal takes UTF-8 and has the glyphs.
    pub unicode: bool,
}

/// Styles that are the same on every terminal.
#[expect(
    clippy::unused_self,
    reason = "a style is asked of the look, whether it depends on it or not"
)]
impl TerminalLook {
    pub(crate) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}

const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl TerminalLook {
    /// From the locale and the terminal's name; `color` as configured.
    pub fn of_terminal(color: bool) -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = set("LC_ALL")
            .or_else(|| set("LC_CTYPE"))
            .or_else(|| set("LANG"));
        let utf8 = locale.is_some_and(|name| {
            let name = name.to_ascii_lowercase();
            name.contains("utf-8") || name.contains("utf8")
        });
        // The kernel's console takes UTF-8, but its fonts lack the block glyphs.
        let console = set("TERM").is_some_and(|term| term == "linux");
        Self {
            color,
            unicode: utf8 && !console,
        }
    }

    fn colored(self, color: Color) -> Style {
        if self.color {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }

    pub(crate) fn good(self) -> Style {
        self.colored(Color::Green)
    }

    pub(crate) fn warning(self) -> Style {
        self.colored(Color::Yellow)
    }

    pub(crate) fn bad(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn accent(self) -> Style {
        self.colored(Color::Cyan)
    }

    /// A pane's frame. The pane in focus has a bold one, and its title in brackets of its own.
    pub(crate) fn pane(self, title: &str, focused: bool) -> Block<'static> {
        let set = if self.unicode { border::PLAIN } else { ASCII };
        let dash = if self.unicode { "─" } else { "-" };
        let style = if focused {
            self.accent().add_modifier(Modifier::BOLD)
        } else {
            self.dim()
        };
        let title = if focused {
            format!("{dash}[ {title} ]")
        } else {
            format!("{dash} {title} ")
        };
        Block::new()
            .borders(Borders::ALL)
            .border_set(set)
            .border_style(style)
            .title(title)
    }

    /// A bar of `columns`, filled by `part` (0 to 1).
    pub(crate) fn bar(self, part: f64, columns: usize) -> String {
        let (full, empty) = if self.unicode {
            ("█", "░")
        } else {
            ("#", ".")
        };
        // Rounded, with nothing as the least: a tenth must not be made out of next to nothing.
        let filled = rounded(part, columns);
        format!("{}{}", full.repeat(filled), empty.repeat(columns - filled))
    }

    /// A way of a cache in a mask: its own alone, shared with another group, with other hardware,
    /// with both, and one that is not in the mask.
    pub(crate) fn ways(self) -> [char; 5] {
        if self.unicode {
            ['█', '▒', 'H', 'X', '·']
        } else {
            ['#', '+', 'H', 'X', '.']
        }
    }

    /// The lower part of a column of a chart, in eighths; ASCII has halves.
    pub(crate) fn eighths(self, eighths: usize) -> &'static str {
        const BLOCKS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        const MARKS: [&str; 9] = [" ", ".", ".", ":", ":", ":", "#", "#", "#"];
        let set = if self.unicode { BLOCKS } else { MARKS };
        set.get(eighths.min(8)).copied().unwrap_or(" ")
    }

    /// A line across a chart, at a limit.
    pub(crate) fn rule(self) -> &'static str {
        if self.unicode { "┄" } else { "-" }
    }

    /// The axis of time.
    pub(crate) fn line(self) -> &'static str {
        if self.unicode { "─" } else { "-" }
    }

    /// The axis of a chart: at a label, elsewhere, at zero.
    pub(crate) fn axis(self) -> [&'static str; 3] {
        if self.unicode {
            ["┤", "│", "┼"]
        } else {
            ["+", "|", "+"]
        }
    }
}

/// `part` (0 to 1) of `whole`; what is not nothing shows as at least one.
pub(crate) fn scale(part: f64, whole: usize) -> usize {
    let least = usize::from(part > 0.0);
    rounded(part, whole).max(least).min(whole)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the whole before; not a number becomes 0"
)]
fn rounded(part: f64, whole: usize) -> usize {
    (part.clamp(0.0, 1.0) * whole as f64).round() as usize
}
