//! The page of a container's state and configuration. It opens with secrets masked, each time anew;
//! what is asked for in another way is read again, so that no secret is held that nobody asked for.

use std::sync::Arc;

use crate::inventory::Container;
use crate::text::secrets::Masking;
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::keymap::{self, Press};
use crate::tui::modal::{Inspected, Modal, Page};
use crate::tui::model::Model;

use super::opened;

/// Opens it. What is on it comes from a thread.
pub(super) fn open(model: &mut Model, container: Arc<Container>) -> Vec<Effect> {
    let masking = Masking::default();
    let page = Page {
        title: container.key.label(),
        pending: true,
        inspected: Some(Inspected {
            container: Arc::clone(&container),
            masking,
        }),
        ..Page::default()
    };
    let ticket = opened::open(model, Modal::Page(page));
    vec![Effect::Inspect {
        ticket,
        container,
        masking,
    }]
}

/// A key of its own, if the open page is one and has it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`keys::perform` lists every action"
)]
pub(super) fn key(model: &mut Model, press: Press) -> Option<Vec<Effect>> {
    let action = keymap::in_inspect(press)?;
    let open = model.open.as_mut()?;
    let Modal::Page(page) = &mut open.modal else {
        return None;
    };
    let shown = page.inspected.as_mut()?;
    let other = match action {
        Action::Secrets => Masking::Nothing,
        Action::Environment => Masking::Environment,
        _ => return None,
    };
    shown.masking = if shown.masking == other {
        Masking::default()
    } else {
        other
    };
    if shown.masking != Masking::Nothing {
        // What was shown is out of sight at once, not when the answer comes.
        page.lines.clear();
    }
    page.pending = true;
    // An answer to what was asked before is for nobody.
    model.tickets += 1;
    open.ticket = model.tickets;
    Some(vec![Effect::Inspect {
        ticket: open.ticket,
        container: Arc::clone(&shown.container),
        masking: shown.masking,
    }])
}
