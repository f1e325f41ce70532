//! What the screen knows of resctrl: asked for while somebody looks at it, at most once a second,
//! and never twice at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::inventory::Container;
use crate::inventory::rdt::{RdtGroups, RdtView};
use crate::inventory::series::{Series, SeriesId};
use crate::inventory::usage::RdtValue;
use crate::oci::ContainerKey;
use crate::resctrl::{GroupName, ResctrlGroup};

use super::action::Motion;
use super::effect::Effect;
use super::model::Model;
use super::place::{Pane, View, first_row};
use super::view::layout::{self, Class};

/// A reading interrupts CPUs: no more than one in this time.
const LEAST: Duration = Duration::from_secs(1);

/// A reading that takes longer than this is said to be missing.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was read is shown beside a container for this long after the last reading.
const FRESH: Duration = Duration::from_secs(10);

/// The newest reading, and the cursor in its groups.
#[derive(Debug, Default)]
pub(crate) struct Rdt {
    seen: Option<Arc<RdtView>>,
    /// When it came.
    answered: Option<Duration>,
    /// When the last reading was asked for.
    asked: Option<Duration>,
    /// Its answer has not come yet.
    pending: bool,
    cursor: Option<GroupName>,
    /// Where the cursor was, for the neighbour when its group goes.
    index: usize,
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
    fn remember(&mut self, view: &RdtView, before: Duration, now: Duration) {
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
    fn settle(&mut self) {
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

/// Takes a reading in.
pub(crate) fn take(model: &mut Model, view: Arc<RdtView>) {
    let rdt = &mut model.rdt;
    rdt.pending = false;
    let now = model.now.uptime;
    let before = rdt.answered.replace(now).unwrap_or(now);
    rdt.remember(&view, before, now);
    // What is shown stays as it is while the screen is frozen.
    if model.frozen.is_none() || rdt.seen.is_none() {
        rdt.seen = Some(view);
        rdt.settle();
    }
    follow(model);
}

/// Moves the cursor.
pub(crate) fn go(model: &mut Model, motion: Motion) {
    let page = super::view::rdt::page(model);
    let rdt = &mut model.rdt;
    let len = rdt.groups().map_or(0, |seen| seen.overview.groups.len());
    rdt.index = motion.apply(rdt.index, len, page);
    rdt.cursor = rdt.selected().map(|group| group.name.clone());
    follow(model);
}

fn follow(model: &mut Model) {
    let page = super::view::rdt::page(model);
    let rdt = &mut model.rdt;
    let len = rdt.groups().map_or(0, |seen| seen.overview.groups.len());
    rdt.top = first_row(rdt.top, rdt.index, page, len);
}

/// Asks for a reading, if one is wanted and it is time for it.
pub(crate) fn ask(model: &mut Model) -> Option<Effect> {
    let now = model.now.uptime;
    let early = |asked: Duration| now.saturating_sub(asked) < LEAST;
    if model.rdt.pending || model.rdt.asked.is_some_and(early) || !wanted(model) {
        return None;
    }
    let snapshot = model.latest.as_ref()?;
    let effect = Effect::ReadRdt(snapshot.containers.clone());
    model.rdt.asked = Some(now);
    model.rdt.pending = true;
    Some(effect)
}

/// Whether something on the screen comes from a reading.
fn wanted(model: &Model) -> bool {
    let Some(snapshot) = &model.latest else {
        return false;
    };
    if model.frozen.is_some() || Class::of(model.size) == Class::TooSmall {
        return false;
    }
    match model.view {
        View::Rdt => true,
        _ if !snapshot.host.resctrl => false,
        View::Usage => model.targets().iter().any(|row| has_groups(model, row)),
        View::Containers => {
            let shown = layout::visible(model).contains(&Pane::Details);
            shown && model.selected().is_some_and(|row| has_groups(model, row))
        }
        View::Processes | View::Leftovers | View::History => false,
    }
}

/// Whether a container is in another group than the default one, as far as known.
fn has_groups(model: &Model, container: &Container) -> bool {
    let usage = |key: &ContainerKey| model.rdt.groups()?.usage.get(key);
    let seen = usage(&container.key);
    !container.rdt.is_empty()
        || seen.is_some_and(|usage| !usage.control.is_empty() || usage.monitoring.is_some())
}
