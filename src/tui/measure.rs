//! Text in terminal columns, and numbers in few of them.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub(crate) use crate::text::{age, lasting};

/// Columns that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The longest start of `text` that fits into `columns`, and the rest.
fn split(text: &str, columns: usize) -> (&str, &str) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// `text` in at most `columns`; what was cut is marked by `~` at the end, so that nobody takes the
/// start of a name for the name.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    match columns {
        0 => String::new(),
        columns => format!("{}~", split(text, columns - 1).0),
    }
}

/// [`cut`] and filled up with spaces.
pub(crate) fn left(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    out.extend(std::iter::repeat_n(' ', columns - width(&out).min(columns)));
    out
}

/// As [`left`], with the spaces first.
pub(crate) fn right(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    format!("{}{text}", " ".repeat(columns - width(&text).min(columns)))
}

/// `text` without its first `columns`; `~` marks that something was skipped.
pub(crate) fn scrolled(text: &str, columns: usize) -> String {
    if columns == 0 || width(text) <= 1 {
        return text.to_owned();
    }
    let (_, rest) = split(text, columns.min(width(text) - 1) + 1);
    format!("~{rest}")
}

/// `text` in at most `columns`: scrolled by `by` columns, and no further than to its end, if it is
/// longer.
pub(crate) fn scrolled_into(text: &str, by: usize, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let most = (width(text) + 1).saturating_sub(columns);
    cut(&scrolled(text, by.min(most)), columns)
}

/// `text` on lines of at most `columns`, broken at spaces where there are any.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![];
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word;
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        } else if !line.is_empty() {
            line.push(' ');
        }
        while width(word) > columns.saturating_sub(width(&line)) {
            let (start, rest) = split(word, columns - width(&line).min(columns));
            // A character wider than the line itself still has to go somewhere.
            let (start, rest) = match start {
                "" if line.is_empty() => {
                    word.split_at(word.chars().next().map_or(0, char::len_utf8))
                }
                _ => (start, rest),
            };
            line.push_str(start);
            lines.push(std::mem::take(&mut line));
            word = rest;
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Bytes in at most five columns: `0`, `900B`, `4.0K`, `212M`, `5.1G`.
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 7] = ["B", "K", "M", "G", "T", "P", "E"];
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    match (value, unit) {
        (0, _) => "0".to_owned(),
        (_, 0) => format!("{value}B"),
        _ if scaled < 9.95 => format!("{scaled:.1}{name}"),
        _ => format!("{scaled:.0}{name}"),
    }
}

/// A rate of bytes, as [`bytes`].
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are finite and not negative, and the cast saturates"
)]
pub(crate) fn rate(value: f64) -> String {
    bytes(value.round() as u64)
}

/// A percentage in five columns.
pub(crate) fn percent(value: f64) -> String {
    if value >= 999.95 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// The memory that counts against the container: without page cache that can go, where known.
pub(crate) fn memory(usage: &crate::inventory::Usage) -> Option<u64> {
    usage.working_set.or(usage.memory)
}

/// A duration as the log shows it: `16 ms`, `2.4 s`.
pub(crate) fn took(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        1000..10_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{} s", time.as_secs()),
    }
}

/// As many of `parts` as fit into `columns`, two spaces between them.
pub(crate) fn flow(parts: &[String], columns: usize) -> String {
    let mut out = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let gap = if out.is_empty() { 0 } else { 2 };
        if width(&out) + gap + width(part) > columns {
            // The first one is what matters most: better cut than left out.
            return if gap == 0 { cut(part, columns) } else { out };
        }
        out.extend(std::iter::repeat_n(' ', gap));
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_stay_short() {
        let shown: Vec<_> = [0, 1, 999, 1000, 4096, 222_298_112, 5_476_083_302, u64::MAX]
            .into_iter()
            .map(bytes)
            .collect();
        assert_eq!(
            shown,
            ["0", "1B", "999B", "1.0K", "4.0K", "212M", "5.1G", "16E"]
        );
        assert_eq!(age(Duration::from_hours(52)), "2d04h");
        assert_eq!(percent(12345.6), "12346");
    }

    proptest! {
        // From three columns on: a character can be as wide (U+17D8), and has to go somewhere.
        #[test]
        fn wrapping_loses_only_spaces(text in "\\PC{0,60}", columns in 3_usize..20) {
            let lines = wrap(&text, columns);
            let squeeze = |text: &str| text.replace(' ', "");
            prop_assert_eq!(squeeze(&lines.concat()), squeeze(&text));
            for line in lines {
                prop_assert!(width(&line) <= columns, "{line:?} is wider than {columns}");
            }
        }

        #[test]
        fn padding_gives_the_width_asked_for(text in "\\PC{0,30}", columns in 0_usize..40) {
            prop_assert!(width(&cut(&text, columns)) <= columns);
            prop_assert_eq!(width(&right(&text, columns)), columns);
        }
    }
}
