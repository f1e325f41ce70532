//! The dialog that asks before leftovers are cleaned. It lists every path of every one.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::text::{safe, visible, visible_path};
use crate::tui::measure;
use crate::tui::modal::{Button, CleanDialog, CleanItem};
use crate::tui::model::Model;

use super::layout::Panes;
use super::popup;
use super::sheet::{self, DialogSheet};

/// Lines of the body, and how many of them are on the screen.
pub(crate) fn extent(
    area: Rect,
    model: &Model,
    dialog: &CleanDialog,
    panes: &Panes,
) -> (usize, usize) {
    sheet::extent(area, &sheet(model, dialog, panes), panes)
}

pub(crate) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    dialog: &CleanDialog,
    panes: &Panes,
) {
    sheet::draw(frame, area, model, sheet(model, dialog, panes), panes);
}

fn sheet(model: &Model, dialog: &CleanDialog, panes: &Panes) -> DialogSheet {
    let title = match dialog.items.len() {
        1 => "Clean this leftover?".to_owned(),
        count => format!("Clean these {count} leftovers?"),
    };
    DialogSheet {
        title,
        body: body(dialog),
        foot: foot(dialog, panes.framed()),
        buttons: buttons(model, dialog),
        scroll: dialog.scroll,
    }
}

fn body(dialog: &CleanDialog) -> Vec<String> {
    let mut lines = Vec::new();
    for item in &dialog.items {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(about(item));
        lines.extend(outlook(item, dialog.items.len() == 1));
    }
    lines
}

/// What it is, and every path of it.
fn about(item: &CleanItem) -> Vec<String> {
    let leftover = &item.leftover;
    let age = leftover.age.map_or_else(|| "?".to_owned(), measure::age);
    let owner = leftover.owner();
    let kind = leftover.kind.as_str();
    let mut lines = vec![format!("{kind}, of {owner}, at least {age} old")];
    let paths = leftover.paths.iter();
    lines.extend(paths.map(|path| format!("  {}", visible_path(path))));
    lines.push(format!("  {}", leftover.argument()));
    lines
}

/// What would happen to it: each step, or with several a word for each.
fn outlook(item: &CleanItem, alone: bool) -> Vec<String> {
    let preview = match (&item.job, &item.preview) {
        (Err(why), _) => return vec![format!("  ! Not possible: {}", safe(why))],
        (Ok(_), None) => return vec!["  looking what this would do ...".to_owned()],
        (Ok(_), Some(preview)) => preview,
    };
    if let Some(why) = &preview.refused {
        return vec![format!("  ! Refused: {}", safe(&why.words()))];
    }
    let steps = preview.plan.0.iter();
    if alone {
        let step = |(at, text): (usize, String)| format!("  {} {text}", at + 1);
        return steps
            .map(|planned| planned.step.intent())
            .enumerate()
            .map(step)
            .collect();
    }
    let words: Vec<&str> = steps.map(|planned| planned.step.word()).collect();
    vec![format!("  {}", words.join(", "))]
}

/// What must be done before it can be confirmed.
fn foot(dialog: &CleanDialog, airy: bool) -> Vec<String> {
    let Some(why) = dialog.caution().filter(|_| !dialog.is_void()) else {
        return Vec::new();
    };
    let (typed, word) = (visible(&dialog.typed), CleanDialog::WORD);
    let air = airy.then(String::new);
    let line = format!("{why}: type {word} to arm: [{typed}_]");
    air.into_iter().chain([line]).collect()
}

fn buttons(model: &Model, dialog: &CleanDialog) -> Line<'static> {
    if dialog.is_void() {
        return popup::buttons(model, Button::Cancel, "Close", "-", false);
    }
    let go = match (dialog.is_pending(), dialog.caution(), dialog.is_armed()) {
        (true, _, _) => "Clean (looking)",
        (_, None, _) => "y Clean",
        (_, Some(_), true) => "Clean (armed)",
        (_, Some(_), false) => "Clean (not armed)",
    };
    popup::buttons(model, dialog.button, "Cancel", go, dialog.can_go())
}
