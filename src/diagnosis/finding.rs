//! One thing that was found, and how much it matters.

use serde::Serialize;

use super::cause::Cause;
use super::remedy::{Futile, Remedy};

/// How much a finding matters; the first in this order is the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// It keeps the container from running, dying or being removed.
    Blocks,
    /// It makes that slow, or incomplete.
    Hampers,
    /// How the container is.
    State,
    /// It suffers from this, and nothing of that keeps it from being deleted.
    Ails,
    /// An operator should know.
    Note,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// The cause, as data.
    #[serde(flatten)]
    pub cause: Cause,
    /// What was seen, a line each, safe to print.
    pub evidence: Vec<String>,
    /// What would end it, the best first.
    pub remedies: Vec<Remedy>,
    /// What would not.
    #[serde(rename = "would_not_help")]
    pub futile: Vec<Futile>,
}

/// A finding in the making.
pub(super) fn find(weight: Weight, cause: impl Into<Cause>) -> Finding {
    Finding {
        weight,
        cause: cause.into(),
        evidence: Vec::new(),
        remedies: Vec::new(),
        futile: Vec::new(),
    }
}

impl Finding {
    pub(super) fn seen(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(lines);
        self
    }

    pub(super) fn not_by(mut self, futile: impl IntoIterator<Item = Futile>) -> Self {
        self.futile.extend(futile);
        self
    }

    pub(super) fn by(mut self, remedies: impl IntoIterator<Item = Remedy>) -> Self {
        self.remedies.extend(remedies);
        self
    }
}
