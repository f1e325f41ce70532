//! Why a file of resctrl is not what it should be.

/// Text that does not have the documented shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unexpected content: {0:?}")]
pub struct ParseResctrlError(String);

impl ParseResctrlError {
    pub(super) fn new(text: &str) -> Self {
        Self(text.chars().take(60).collect())
    }
}
