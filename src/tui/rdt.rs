//! What the screen knows of resctrl: asked for while somebody looks at it, at most once a second,
//! and never twice at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::inventory::rdt::{RdtGroups, RdtView};
use crate::inventory::series::{Series, SeriesId};
use crate::inventory::usage::RdtValue;
use crate::oci::ContainerKey;
use crate::resctrl::{GroupName, ResctrlGroup};

/// A reading that takes longer than this is said to be missing.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was read is shown beside a container for this long after the last reading.
const FRESH: Duration = Duration::from_secs(10);

/// The newest reading, and the cursor in its groups.
#[derive(Debug, Default)]
pub(crate) struct Rdt {
    pub(super) seen: Option<Arc<RdtView>>,
    /// When it came.
    pub(super) answered: Option<Duration>,
    /// When the last reading was asked for.
    pub(super) asked: Option<Duration>,
    /// Its answer has not come yet.
    pub(super) pending: bool,
    pub(super) cursor: Option<GroupName>,
    /// Where the cursor was, for the neighbour when its group goes.
    pub(super) index: usize,
    /// First row on the screen.
    pub(crate) top: usize,
    /// What the containers had, in the readings so far.
    histories: HashMap<ContainerKey, Series>,
}

impl Rdt {
    /// What was seen last.
    pub(crate) fn seen(&self) -> Option<&RdtView> {
        self.seen.as_deref()
    }

    /// The groups seen last, if there is a mount.
    pub(crate) fn groups(&self) -> Option<&RdtGroups> {
        self.seen()?.groups()
    }

    /// The cache and the bandwidth that a container had.
    pub(crate) fn history(&self, key: &ContainerKey) -> Option<&Series> {
        self.histories.get(key)
    }

    /// Remembers what a reading says, taken since `before` and until `now`.
    pub(super) fn remember(&mut self, view: &RdtView, before: Duration, now: Duration) {
        let usage = view.groups().map(|groups| &groups.usage);
        let empty = HashMap::new();
        let usage = usage.unwrap_or(&empty);
        self.histories.retain(|key, _| usage.contains_key(key));
        for (key, usage) in usage {
            let history = self.histories.entry(key.clone()).or_default();
            for (metric, value) in [
                (SeriesId::Llc, &usage.llc),
                (SeriesId::MbmTotal, &usage.mbm_total),
                (SeriesId::MbmLocal, &usage.mbm_local),
            ] {
                if let RdtValue::Value(value) = value {
                    history.push(metric, before, now, *value);
                }
            }
        }
    }

    /// The number of the row under the cursor.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The group under the cursor.
    pub(crate) fn selected(&self) -> Option<&ResctrlGroup> {
        self.groups()?.overview.groups.get(self.index)
    }

    /// For how long a reading has been missing, if that is too long.
    pub(crate) fn silent(&self, now: Duration) -> Option<Duration> {
        let since = now.saturating_sub(self.asked.filter(|_| self.pending)?);
        (since >= PATIENCE).then_some(since)
    }

    /// The groups, unless nobody has looked for so long that they say nothing of the present.
    pub(crate) fn fresh(&self, now: Duration) -> Option<&RdtGroups> {
        let age = now.saturating_sub(self.answered?);
        self.groups().filter(|_| self.pending || age <= FRESH)
    }

    /// The thread that reads is gone, and with it the answer.
    pub(crate) fn lost(&mut self) {
        self.pending = false;
    }

    /// Stays on its group, or goes to the neighbour if that is gone.
    pub(super) fn settle(&mut self) {
        let Some(seen) = self.seen.clone() else {
            return;
        };
        let groups = seen.groups().map_or(&[][..], |seen| &seen.overview.groups);
        let found = groups
            .iter()
            .position(|group| Some(&group.name) == self.cursor.as_ref());
        self.index = found.unwrap_or(self.index.min(groups.len().saturating_sub(1)));
        self.cursor = groups.get(self.index).map(|group| group.name.clone());
    }
}
