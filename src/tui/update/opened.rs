//! The dialog that is open: opening it, and scrolling in it.

use ratatui::crossterm::event::KeyCode;

use crate::tui::action::Motion;
use crate::tui::keymap::Press;
use crate::tui::modal::{Modal, Open};
use crate::tui::model::Model;
use crate::tui::view;

/// Opens a dialog in place of any other; gives back its number.
pub(super) fn open(model: &mut Model, dialog: Modal) -> u64 {
    model.tickets += 1;
    model.open = Some(Open {
        modal: dialog,
        ticket: model.tickets,
        shown: None,
    });
    model.tickets
}

/// Scrolls the dialog that is open.
pub(super) fn scroll(model: &mut Model, motion: Motion) {
    let (len, page) = view::dialog_extent(model);
    let last = len.saturating_sub(page) + 1;
    let Some(open) = &mut model.open else {
        return;
    };
    match &mut open.modal {
        Modal::Confirm(confirm) => confirm.scroll = motion.apply(confirm.scroll, last, page),
        Modal::Clean(dialog) => dialog.scroll = motion.apply(dialog.scroll, last, page),
        Modal::Page(shown) => shown.scroll = motion.apply(shown.scroll, last, page),
        Modal::Why(why) => {
            let top = if why.proof {
                &mut why.proof_top
            } else {
                &mut why.top
            };
            *top = motion.apply(*top, last, page);
        }
        Modal::Menu(menu) => {
            let len = menu.found().len();
            menu.selected = motion.apply(menu.selected, len, page);
        }
        Modal::Prompt(_) | Modal::Leave(_) => {}
    }
}

/// The movement that a key means in a dialog, with letters or, where they are typed, without.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the keys of a keyboard are not ours to list"
)]
pub(super) fn motion(press: Press, letters: bool) -> Option<Motion> {
    match press.code {
        KeyCode::Up => Some(Motion::Up),
        KeyCode::Down => Some(Motion::Down),
        KeyCode::PageUp => Some(Motion::PageUp),
        KeyCode::PageDown => Some(Motion::PageDown),
        KeyCode::Home => Some(Motion::Home),
        KeyCode::End => Some(Motion::End),
        KeyCode::Char('k') if letters => Some(Motion::Up),
        KeyCode::Char('j') if letters => Some(Motion::Down),
        KeyCode::Char('g') if letters => Some(Motion::Home),
        KeyCode::Char('G') if letters => Some(Motion::End),
        KeyCode::Char(' ') if letters => Some(Motion::PageDown),
        _ => None,
    }
}
