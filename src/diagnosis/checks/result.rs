//! What comes of a check.

use serde::Serialize;

use super::about::About;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckResult {
    /// The container is as it is because of this.
    Cause,
    /// It makes things slow or incomplete.
    Look,
    /// An operator should know.
    Note,
    /// It was not looked at, or not at all of it, so nothing is said.
    NotLookedAt,
    /// Looked at, and nothing was found.
    Ok,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is about.
    pub about: About,
    /// What was found, or why it was not looked at; safe to print.
    pub found: String,
    /// What that means.
    pub verdict: CheckResult,
    /// All that was seen, a line each, safe to print.
    pub proof: Vec<String>,
}
