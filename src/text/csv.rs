//! Comma-separated values (RFC 4180) that a spreadsheet takes for what they are.

use serde_json::Value;

/// One cell. Text that a spreadsheet would take for a formula is kept text by a quote; `null` is
/// an empty cell.
///
/// ```
/// use ocitop::text::csv::cell;
/// use serde_json::json;
/// assert_eq!(cell(&json!("=1+1")), "'=1+1");
/// assert_eq!(cell(&json!("a,b")), "\"a,b\"");
/// assert_eq!(cell(&json!(-1.5)), "-1.5");
/// assert_eq!(cell(&json!([1, 2])), "\"[1,2]\"");
/// assert_eq!(cell(&json!(null)), "");
/// ```
pub fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        // A list stays JSON, in one cell.
        other => other.to_string(),
    };
    if text.contains([',', '"', '\n', '\r']) {
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
