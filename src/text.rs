//! Text from the machine made safe to print.
//!
//! Ids, process names, paths and error texts come from whoever made a container. Before any of it
//! reaches a terminal, control characters and the invisible ones of Unicode's `Cf` category (bidi
//! overrides, zero-width characters, tags), blanks other than the space included, become visible
//! escapes, so two names that differ only in what cannot be seen look different.

pub mod csv;
pub mod secrets;
pub mod shell;

use std::fmt::Write as _;
use std::time::Duration;

/// Longest text kept from one field of the machine, in characters.
const MAX_CHARS: usize = 1024;

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Category Cf, whole, and the variation selectors.
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
            // Blanks that are not the space, and letters that are drawn as nothing.
            | '\u{a0}' | '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{1680}'
            | '\u{17b4}'..='\u{17b5}' | '\u{2000}'..='\u{200a}' | '\u{205f}' | '\u{2800}'
            | '\u{3000}' | '\u{3164}' | '\u{ffa0}')
}

/// A moment for serde, as RFC 3339 writes it.
pub(crate) fn timestamp<S: serde::Serializer>(
    at: &jiff::Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// `text` with control and invisible characters escaped, cut after 1,024 characters.
///
/// ```
/// assert_eq!(ocitop::text::visible("a\u{1b}[31m"), "a\\x1b[31m");
/// assert_eq!(ocitop::text::visible("x\u{202e}y"), "x\\u{202e}y");
/// ```
pub fn visible(text: &str) -> String {
    escaped(text, "\\\\", MAX_CHARS)
}

/// Words in which names are escaped already, and commands quoted: what a terminal obeys and got past
/// that is escaped, and nothing twice. Cut as [`visible`].
///
/// ```
/// assert_eq!(ocitop::text::safe(r"my\\x2dapp is gone"), r"my\\x2dapp is gone");
/// assert_eq!(ocitop::text::safe("a\u{1b}[31m"), "a\\x1b[31m");
/// ```
pub fn safe(words: &str) -> String {
    escaped(words, "\\", MAX_CHARS)
}

/// As [`safe`], not cut: what is saved is there as a whole.
///
/// ```
/// assert_eq!(ocitop::text::whole("a\u{1b}[31m"), "a\\x1b[31m");
/// ```
pub fn whole(words: &str) -> String {
    escaped(words, "\\", usize::MAX)
}

fn escaped(text: &str, backslash: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for (count, c) in text.chars().enumerate() {
        if count == most {
            out.push('…');
            break;
        }
        match c {
            '\\' => out.push_str(backslash),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_invisible(c) && (c as u32) < 0x100 => {
                write!(out, "\\x{:02x}", c as u32).unwrap_or_default();
            }
            c if is_invisible(c) => write!(out, "\\u{{{:x}}}", c as u32).unwrap_or_default(),
            c => out.push(c),
        }
    }
    out
}

/// As [`visible`], for bytes that need not be text: what is not UTF-8 shows as U+FFFD.
pub fn visible_bytes(bytes: &[u8]) -> String {
    visible(&String::from_utf8_lossy(bytes))
}

/// As [`visible`], for a path.
pub fn visible_path(path: &std::path::Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    visible_bytes(path.as_os_str().as_bytes())
}

/// JSON with what a terminal obeys or does not show escaped: JSON itself asks for that only below
/// U+0020, and a terminal takes U+009B for the start of a command.
///
/// ```
/// assert_eq!(ocitop::text::json("[\"\u{9b}\u{e0041}é\"]"), r#"["\u009b\udb40\udc41é"]"#);
/// ```
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // Below, the line ends between values; outside of strings JSON is ASCII.
        if (c as u32) < 0x7f || !is_invisible(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}").ok();
        }
    }
    out
}

/// An age in six columns: `41m`, `6h12m`, `2d04h`, `19d`.
pub fn age(age: Duration) -> String {
    let (seconds, minutes) = (age.as_secs(), age.as_secs() / 60);
    let (hours, days) = (minutes / 60, minutes / 1440);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m"),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        86_400..864_000 if hours % 24 > 0 => format!("{days}d{:02}h", hours % 24),
        _ => format!("{days}d"),
    }
}

/// A duration in words: `12 s`, `3 min`, `6h12m`.
pub fn lasting(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds @ 100..3600 => format!("{} min", seconds / 60),
        _ => age(time),
    }
}

/// An error and its causes, outermost first, joined by `: ` and made safe to print. The names in them
/// are escaped by the errors themselves.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, ": {cause}").ok();
        source = cause.source();
    }
    safe(&text)
}

/// As [`visible_bytes`], for output of several lines: joined by ` | `, blank ones left out. Of
/// longer ones the end is kept, where the reason of a failure stands.
///
/// ```
/// use ocitop::text::visible_lines;
/// assert_eq!(visible_lines(b"a\n\nb\x1b[0m\n"), "a | b\\x1b[0m");
/// assert!(visible_lines("x".repeat(5000).as_bytes()).starts_with("…x"));
/// ```
pub fn visible_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let joined = lines.join(" | ");
    let surplus = joined.chars().count().saturating_sub(MAX_CHARS);
    if surplus == 0 {
        return visible(&joined);
    }
    let end: String = joined.chars().skip(surplus).collect();
    format!("…{}", visible(&end))
}
