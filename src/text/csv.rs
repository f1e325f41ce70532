//! Comma-separated values (RFC 4180) that a spreadsheet takes for what they are.

use serde_json::Value;

/// One cell. Text that a spreadsheet would take for a formula is kept text by a quote; what a terminal
/// obeys is escaped, since such a file is also looked at in one; `null` is an empty cell.
///
/// ```
/// use ocitop::text::csv::cell;
/// use serde_json::json;
/// assert_eq!(cell(&json!("=1+1")), "'=1+1");
/// assert_eq!(cell(&json!("a,b")), "\"a,b\"");
/// assert_eq!(cell(&json!("a\u{1b}[2J")), "a\\x1b[2J");
/// assert_eq!(cell(&json!(-1.5)), "-1.5");
/// assert_eq!(cell(&json!([1, 2])), "\"[1,2]\"");
/// assert_eq!(cell(&json!(null)), "");
/// ```
pub fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@']) => {
            format!("'{}", super::whole(text))
        }
        Value::String(text) => super::whole(text),
        // A list stays JSON, in one cell.
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            super::json(&other.to_string())
        }
    };
    if text.contains([',', '"']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// Cells as a line, with its end.
pub fn line(cells: impl IntoIterator<Item = String>) -> String {
    let mut line = cells.into_iter().collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}
