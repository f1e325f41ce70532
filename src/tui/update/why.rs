//! The page that says why a container is stuck, and its list of remedies.

use std::sync::Arc;

use ratatui::crossterm::event::KeyCode;

use crate::diagnosis::{Diagnosis, Remedy};
use crate::inventory::{Condition, Container};
use crate::oci::{ContainerKey, Status};
use crate::tui::action::Motion;
use crate::tui::effect::Effect;
use crate::tui::keymap::Press;
use crate::tui::log_pane::Mark;
use crate::tui::modal::{Modal, Order, Why};
use crate::tui::model::Model;
use crate::tui::view;

use super::{dialogs, jobs};

/// Opens the page of the container that keys are about. What is on it comes from a thread.
pub(super) fn open(model: &mut Model) {
    if let Some(container) = model.subject().cloned() {
        dialogs::open(model, Modal::Why(Why::new(container)));
    }
}

fn page(model: &mut Model) -> Option<&mut Why> {
    match model.open.as_mut().map(|open| &mut open.modal) {
        Some(Modal::Why(why)) => Some(why),
        _ => None,
    }
}

/// An answer has come; it is for the page that is open, or for nobody.
pub(super) fn take(model: &mut Model, key: &ContainerKey, answer: Result<Arc<Diagnosis>, String>) {
    if let Some(why) = page(model).filter(|why| why.container.key == *key) {
        why.answer = Some(answer);
        // The cursor stays on its remedy wherever that is now.
        why.cursor = why.chosen().cloned();
    }
}

/// A key while the page is open.
pub(super) fn key(model: &mut Model, press: Press) -> Vec<Effect> {
    if let Some(motion) = dialogs::motion(press, true) {
        match motion {
            Motion::Up | Motion::Down => choose(model, motion),
            other => dialogs::scroll(model, other),
        }
        return Vec::new();
    }
    let Some(why) = page(model) else {
        return Vec::new();
    };
    match press.code {
        KeyCode::Char('s') if press.control => {
            let text = view::why::text(why);
            let (stem, extension) = ("why", "txt");
            vec![Effect::Save {
                stem,
                extension,
                text,
            }]
        }
        KeyCode::Char('r') => vec![Effect::Rescan],
        KeyCode::Char('y') => {
            let key = why.container.key.clone();
            let command = why.chosen().and_then(|remedy| remedy.command(&key));
            command.map(Effect::Copy).into_iter().collect()
        }
        KeyCode::Enter => match why.chosen().cloned() {
            Some(remedy) => act(model, &remedy),
            None => Vec::new(),
        },
        KeyCode::Char('q' | 'w') => {
            model.open = None;
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Moves the cursor through the remedies, and the page with it.
fn choose(model: &mut Model, motion: Motion) {
    let Some(why) = page(model) else {
        return;
    };
    let remedies = why.remedies();
    if remedies.len() < 2 {
        dialogs::scroll(model, motion);
        return;
    }
    let chosen = why.chosen();
    let at = remedies.iter().position(|remedy| Some(*remedy) == chosen);
    let to = motion.apply(at.unwrap_or(0), remedies.len(), 1);
    let cursor = remedies.get(to).map(|remedy| (*remedy).clone());
    if let Some(why) = page(model) {
        why.cursor = cursor;
    }
    let (row, page_rows) = view::why::cursor_row(model);
    if let Some(why) = page(model) {
        // One line above the remedy and its command below stay on the screen with it.
        why.top = why
            .top
            .clamp((row + 2).saturating_sub(page_rows), row.saturating_sub(1));
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
    let pinned = Arc::clone(&why.container);
    if !remedy.is_ours() {
        let command = remedy.command(&pinned.key);
        return command.map(Effect::Copy).into_iter().collect();
    }
    if model.read_only {
        let text = "read-only: nothing on the host is changed".to_owned();
        model.log.say(model.now.wall, Mark::Warning, text);
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
        Remedy::ForceDelete | Remedy::Delete => Order::Delete,
        Remedy::Resume if paused => Order::Pause,
        Remedy::Start => Order::Start,
        Remedy::Signal { process, signal } => Order::SignalProcess(*process, *signal),
        _ => {
            let text = "it is not paused any more".to_owned();
            let subject = Some(container.key.clone());
            model
                .log
                .say_about(model.now.wall, subject, Mark::Warning, text);
            return Vec::new();
        }
    };
    jobs::ask(model, order, vec![container])
}
