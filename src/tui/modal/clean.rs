//! The dialog that asks before leftovers are cleaned.

use super::button::{Button, MANY};
use super::ready::{ready, refusal};
use crate::leftovers::{Confidence, KillOrphans, Leftover, order};
use crate::lifecycle::{Job, Preview};

/// Asks before leftovers are cleaned. They are pinned as they were when it opened.
#[derive(Debug)]
pub(crate) struct CleanDialog {
    pub(crate) items: Vec<CleanItem>,
    pub(crate) button: Button,
    /// What was typed to arm it.
    pub(crate) typed: String,
    pub(crate) scroll: usize,
}

#[derive(Debug)]
pub(crate) struct CleanItem {
    pub(crate) leftover: Leftover,
    pub(crate) job: Result<Job, String>,
    pub(crate) preview: Option<Preview>,
}

impl CleanItem {
    /// Its job, if nothing stands against it.
    pub(crate) fn ready(&self) -> Option<&Job> {
        ready(&self.job, self.preview.as_ref())
    }

    /// Why it is not ready; safe to print.
    pub(crate) fn refusal(&self) -> String {
        refusal(&self.job, self.preview.as_ref(), "it is gone")
    }
}

impl CleanDialog {
    /// The word that arms it.
    pub(crate) const WORD: &'static str = "clean";

    pub(crate) fn new(leftovers: Vec<Leftover>) -> Self {
        let item = |leftover: Leftover| CleanItem {
            job: order(&leftover, KillOrphans::No).map_err(|error| error.to_string()),
            preview: None,
            leftover,
        };
        Self {
            items: leftovers.into_iter().map(item).collect(),
            button: Button::Cancel,
            typed: String::new(),
            scroll: 0,
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        let pending = |item: &CleanItem| item.job.is_ok() && item.preview.is_none();
        self.items.iter().any(pending)
    }

    /// Why a word must be typed, if it must.
    pub(crate) fn caution(&self) -> Option<&'static str> {
        let unknown = |item: &CleanItem| item.leftover.confidence == Confidence::Unknown;
        match () {
            () if self.items.len() > MANY => Some("More than three"),
            () if self.items.iter().any(unknown) => Some("Nobody knows what it is"),
            () => None,
        }
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.caution().is_none() || self.typed == Self::WORD
    }

    /// Whether nothing is left that could be done.
    pub(crate) fn is_void(&self) -> bool {
        !self.is_pending() && self.items.iter().all(|item| item.ready().is_none())
    }

    pub(crate) fn can_go(&self) -> bool {
        self.is_armed() && !self.is_pending() && !self.is_void()
    }
}
