//! The buttons of a dialog that acts, and when one is not enough.

/// More targets than this need a word to be typed.
pub(super) const MANY: usize = 3;

/// The two buttons of a dialog that acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Button {
    Cancel,
    Go,
}

impl Button {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Cancel => Self::Go,
            Self::Go => Self::Cancel,
        }
    }
}
