//! Printing: one write, and a reader that went away is no error.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::process::ExitCode;

use unicode_width::UnicodeWidthStr as _;

use super::{CommandResult, Failure};

/// Prints `text` and succeeds.
pub(super) fn print(text: &str) -> CommandResult {
    write(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints `text`. A closed pipe (`ocitop list | head`) ends the output, not in an error.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    pass(text).map(drop)
}

/// Prints `text`, one of many; `Break` once nobody reads it any more.
pub(super) fn pass(text: &str) -> Result<ControlFlow<()>, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::failed(format!("write to stdout: {error}"))),
    }
}

/// Prints JSON, safe for a terminal.
pub(super) fn write_json(text: &str) -> Result<(), Failure> {
    write(&crate::text::json(text))
}

/// Lines on stderr, in one write: a host can have a thousand broken entries.
pub(super) fn warn_all(lines: &[String]) {
    let mut text = String::new();
    for line in lines {
        text.extend(["ocitop: ", line, "\n"]);
    }
    io::stderr().write_all(text.as_bytes()).ok();
}

/// A line on stderr.
pub(super) fn warn(text: &str) {
    writeln!(io::stderr(), "ocitop: {text}").ok();
}

/// Rows in columns, each as wide as its widest cell (at least `least`) and `gap` more.
pub(super) fn table(rows: &[Vec<String>], least: usize, gap: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.width())
            .max()
            .unwrap_or(0)
            .max(least.saturating_sub(gap))
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            out.push_str(cell);
            if index + 1 < row.len() {
                out.extend(std::iter::repeat_n(' ', width + gap - cell.width()));
            }
        }
        out.push('\n');
    }
    out
}
