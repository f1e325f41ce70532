//! View 5: answers of the thread that reads resctrl, when it is asked, and the cursor.

use std::sync::Arc;
use std::time::Duration;

use crate::inventory::Container;
use crate::inventory::rdt::RdtView;
use crate::oci::ContainerKey;
use crate::tui::action::Motion;
use crate::tui::effect::Effect;
use crate::tui::model::Model;
use crate::tui::place::{Pane, View, first_row};
use crate::tui::view;
use crate::tui::view::layout::{self, Class};

/// A reading interrupts CPUs: no more than one in this time.
const LEAST: Duration = Duration::from_secs(1);

/// Takes a reading in.
pub(in crate::tui) fn take(model: &mut Model, view: Arc<RdtView>) {
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
pub(in crate::tui) fn go(model: &mut Model, motion: Motion) {
    let page = view::rdt::page(model);
    let rdt = &mut model.rdt;
    let len = rdt.groups().map_or(0, |seen| seen.overview.groups.len());
    rdt.index = motion.apply(rdt.index, len, page);
    rdt.cursor = rdt.selected().map(|group| group.name.clone());
    follow(model);
}

fn follow(model: &mut Model) {
    let page = view::rdt::page(model);
    let rdt = &mut model.rdt;
    let len = rdt.groups().map_or(0, |seen| seen.overview.groups.len());
    rdt.top = first_row(rdt.top, rdt.index, page, len);
}

/// Asks for a reading, if one is wanted and it is time for it.
pub(in crate::tui) fn ask(model: &mut Model) -> Option<Effect> {
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
