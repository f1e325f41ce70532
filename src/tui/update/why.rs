//! The page that says why a container is stuck, and its list of remedies.

use std::sync::Arc;

use ratatui::crossterm::event::KeyCode;

use crate::diagnosis::{Diagnosis, Remedy};
use crate::inventory::{Condition, Container};
use crate::oci::{ContainerKey, Status};
use crate::tui::action::Motion;
use crate::tui::effect::{Content, Effect};
use crate::tui::keymap::Press;
use crate::tui::log_pane::Tone;
use crate::tui::modal::{AskedAct, Modal, WhyPage, WhySpot, WhySubject};
use crate::tui::model::Model;
use crate::tui::place::View;
use crate::tui::view;

use super::{jobs, opened};

/// Opens the page of the container or leftover that keys are about. What is on it comes from a thread.
pub(super) fn open(model: &mut Model) {
    let subject = if model.view == View::Leftovers {
        let left = model.leftovers.selected().cloned();
        left.map(|left| WhySubject::Leftover(Arc::new(left)))
    } else {
        model.subject().cloned().map(WhySubject::Container)
    };
    if let Some(subject) = subject {
        opened::open(model, Modal::Why(WhyPage::new(subject)));
    }
}

fn page(model: &mut Model) -> Option<&mut WhyPage> {
    match model.open.as_mut().map(|open| &mut open.modal) {
        Some(Modal::Why(why)) => Some(why),
        _ => None,
    }
}

/// An answer has come; it is for the page that is open, or for nobody.
pub(super) fn take(model: &mut Model, key: &ContainerKey, answer: Result<Arc<Diagnosis>, String>) {
    if let Some(why) = page(model).filter(|why| why.subject.key() == key) {
        why.answer = Some(answer);
        // The cursor stays on its remedy wherever that is now.
        why.cursor = why.spot();
    }
}

/// A key while the page is open.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the keys of a keyboard are not ours to list"
)]
pub(super) fn key(model: &mut Model, press: Press) -> Vec<Effect> {
    if let Some(motion) = opened::motion(press, true) {
        go(model, motion);
        return Vec::new();
    }
    let Some(why) = page(model) else {
        return Vec::new();
    };
    match press.code {
        KeyCode::Char('s') if press.control => {
            let content = Content::Text(view::why::text(why));
            let (stem, extension) = ("why", "txt");
            vec![Effect::Save {
                stem,
                extension,
                content,
            }]
        }
        KeyCode::Char('r') => vec![Effect::Rescan],
        KeyCode::Char('y') => {
            let command = why.chosen().and_then(|remedy| why.command(&remedy));
            command.map(Effect::Copy).into_iter().collect()
        }
        KeyCode::Enter => match why.spot() {
            Some(WhySpot::Remedy(remedy)) if !why.proof => act(model, &remedy),
            Some(_) => {
                why.proof = !why.proof;
                why.proof_top = 0;
                Vec::new()
            }
            None => Vec::new(),
        },
        KeyCode::Char('q' | 'w') => {
            model.open = None;
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Moves the cursor through the remedies and the checks, and what is shown with it.
fn go(model: &mut Model, motion: Motion) {
    let (line, rows) = view::why::cursor_row(model);
    let Some(why) = page(model) else {
        return;
    };
    let spots = why.spots();
    let step = matches!(motion, Motion::Up | Motion::Down);
    if why.proof || spots.len() < 2 {
        return opened::scroll(model, motion);
    }
    let on_check = matches!(why.spot(), Some(WhySpot::Check(_)));
    // A page of the answer is a page of lines; one of the checks is one of rows.
    if !step && !on_check && line.is_some() && matches!(motion, Motion::PageUp | Motion::PageDown) {
        return opened::scroll(model, motion);
    }
    let spot = why.spot();
    let at = spots.iter().position(|other| Some(other) == spot.as_ref());
    let to = motion.apply(at.unwrap_or(0), spots.len(), rows.max(1));
    why.cursor = spots.get(to).cloned();
    why.proof_top = 0;
    let (line, rows) = view::why::cursor_row(model);
    let Some(why) = page(model) else {
        return;
    };
    // With the cursor in the pane of the checks the answer is seen from its verdict on.
    why.top = if line.is_some() { why.top } else { 0 };
    if let Some(row) = line {
        // One line above a remedy and its command below stay on the screen with it.
        why.top = why
            .top
            .clamp((row + 2).saturating_sub(rows), row.saturating_sub(1));
        if to == 0 {
            why.top = 0;
        }
    }
}

/// Asks before what ocitop can do; what it cannot is copied.
fn act(model: &mut Model, remedy: &Remedy) -> Vec<Effect> {
    let Some(why) = page(model) else {
        return Vec::new();
    };
    let pinned = match &why.subject {
        WhySubject::Container(container) if why.can_do(remedy) => Arc::clone(container),
        WhySubject::Container(_) | WhySubject::Leftover(_) => {
            let command = why.command(remedy);
            return command.map(Effect::Copy).into_iter().collect();
        }
    };
    if model.read_only {
        let text = "read-only: nothing on the host is changed".to_owned();
        model.log.say(model.now.wall, Tone::Warning, text);
        return Vec::new();
    }
    // As it is now, if it still is the same: a job is refused for another one.
    let now = model.latest.as_ref().and_then(|snapshot| {
        let same =
            |row: &&Arc<Container>| row.key == pinned.key && row.state_dir == pinned.state_dir;
        snapshot.containers.iter().find(same).cloned()
    });
    let container = now.unwrap_or(pinned);
    let paused = matches!(
        container.condition,
        Condition::Known(Status::Paused) | Condition::Freezing
    );
    let order = match remedy {
        Remedy::ForceDelete | Remedy::Delete => AskedAct::Delete,
        Remedy::Resume if paused => AskedAct::Pause,
        Remedy::Start => AskedAct::Start,
        Remedy::Signal { process, signal } => AskedAct::SignalProcess(*process, *signal),
        Remedy::Resume
        | Remedy::SignalOther { .. }
        | Remedy::Thaw { .. }
        | Remedy::LiftQuota { .. }
        | Remedy::RaisePids { .. }
        | Remedy::OomKiller { .. }
        | Remedy::RaiseHigh { .. }
        | Remedy::AbortFuse { .. }
        | Remedy::Unmount { .. }
        | Remedy::Unfreeze { .. }
        | Remedy::ResetFailed { .. }
        | Remedy::MountResctrl
        | Remedy::RemountWritable { .. }
        | Remedy::ByManager { .. }
        | Remedy::Clean { .. }
        | Remedy::Advice { .. } => {
            let text = "it is not paused any more".to_owned();
            let subject = Some(container.key.clone());
            model
                .log
                .say_about(model.now.wall, subject, Tone::Warning, text);
            return Vec::new();
        }
    };
    jobs::ask(model, order, vec![container])
}
