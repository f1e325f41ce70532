//! The last line: the keys that are of use now.

use crate::text::secrets::Masking;
use crate::text::visible;
use crate::tui::action::Action;
use crate::tui::keymap::{self, BINDINGS, KeyContext, Topic};
use crate::tui::measure::{self, width};
use crate::tui::modal::{Modal, Page, Prompt, WhyPage, WhySpot};
use crate::tui::model::Model;
use crate::tui::place::{Pane, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::fmt::Write as _;

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let columns = usize::from(area.width);
    let text = match model.modal() {
        Some(Modal::Prompt(Prompt { pane, text })) => prompt(*pane, text),
        Some(Modal::Page(shown)) => page(shown, columns),
        Some(Modal::Why(page)) => why(page, columns),
        Some(Modal::Menu(_)) => " Enter choose  Esc back".to_owned(),
        Some(Modal::Confirm(_) | Modal::Clean(_) | Modal::Leave(_)) => {
            " Esc cancel  Tab move  Enter press".to_owned()
        }
        None => plain(model, columns),
    };
    frame.render_widget(
        Line::styled(measure::left(&text, columns), model.look.selected()),
        area,
    );
}

/// The keys of a page, its own first.
pub(super) fn page(shown: &Page, columns: usize) -> String {
    let own = BINDINGS
        .iter()
        .filter(|b| b.within == Some(KeyContext::Inspect));
    let own = own.filter(|_| shown.inspected.is_some()).map(|b| {
        let masking = shown.inspected.as_ref().map(|shown| shown.masking);
        let hint = match (b.action, masking) {
            (Action::Secrets, Some(Masking::Nothing)) => "mask secrets",
            (Action::Secrets, _) => "show secrets",
            (_, Some(Masking::Environment)) => "show env",
            _ => b.hint,
        };
        format!("{} {hint}", b.label)
    });
    let all = ["j k PgUp PgDn scroll", "Left Right sideways", "Ctrl-S save"];
    let back = std::iter::once("Esc back".to_owned());
    as_fit(back.chain(own).chain(all.map(str::to_owned)), columns)
}

/// As many hints as fit.
pub(super) fn as_fit(hints: impl Iterator<Item = String>, columns: usize) -> String {
    let mut text = String::new();
    for hint in hints {
        if width(&text) + width(&hint) + 2 > columns {
            break;
        }
        write!(text, " {hint} ").ok();
    }
    text
}

/// As many of the keys of the page as fit.
pub(super) fn why(page: &WhyPage, columns: usize) -> String {
    let enter = match page.spot() {
        _ if page.proof => "Enter less",
        Some(WhySpot::Check(_)) => "Enter proof",
        _ => "Enter do",
    };
    let all = [
        "Esc back",
        "j k move",
        enter,
        "r re-check",
        "y copy command",
        "Ctrl-S save",
        "PgUp PgDn scroll",
    ];
    as_fit(all.into_iter().map(str::to_owned), columns)
}

pub(super) fn prompt(pane: Pane, text: &str) -> String {
    let what = if pane == Pane::Log {
        "search"
    } else {
        "filter"
    };
    format!(" {what}: {}_   Enter keep  Esc clear", visible(text))
}

/// The bindings whose hints concern a view: its own first.
pub(super) fn hinted(view: View, acts: bool) -> impl Iterator<Item = String> {
    let own = BINDINGS
        .iter()
        .filter(move |b| b.within == Some(KeyContext::View(view)));
    let general = BINDINGS.iter().filter(move |b| {
        let replaced = BINDINGS
            .iter()
            .any(|own| own.within == Some(KeyContext::View(view)) && own.label == b.label);
        let of_a_table = view == View::Usage && b.topic == Topic::List;
        let hidden = b.action.is_hidden_in(view) || of_a_table && b.action != Action::Filter;
        b.within.is_none() && !replaced && !hidden
    });
    let back = (view != View::Containers && !acts).then(|| "Esc back".to_owned());
    let mut chosen: Vec<_> = own
        .chain(general)
        .map(|b| (b, keymap::hint(b, view)))
        .filter(|(b, hint)| !hint.is_empty() && b.action.acts() == acts)
        .collect();
    if view == View::Processes {
        // What concerns the process comes before what concerns its container.
        chosen.sort_by_key(|(b, _)| {
            !matches!(
                b.action,
                Action::Signal | Action::Menu | Action::Tree | Action::Copy
            )
        });
    }
    let hints = chosen.into_iter().map(|(b, hint)| {
        let key = b.label.split(' ').next().unwrap_or(b.label);
        format!("{key} {hint}")
    });
    back.into_iter().chain(hints)
}

/// As many hints as fit; what acts on the host has its own place at the right.
pub(super) fn plain(model: &Model, columns: usize) -> String {
    let acts = if Action::Delete.is_hidden_in(model.view) && Action::Clean.is_hidden_in(model.view)
    {
        String::new()
    } else if model.read_only {
        "READ-ONLY: capitals are dead".to_owned()
    } else {
        let keys: Vec<String> = hinted(model.view, true).collect();
        let room = match columns {
            120.. => keys.len(),
            80.. => 2,
            _ => 1,
        };
        keys.into_iter().take(room).collect::<Vec<_>>().join("  ")
    };
    let lead = if columns >= 120 && !model.read_only && !acts.is_empty() {
        "SHIFT ACTS:  "
    } else {
        ""
    };
    let right = format!("{lead}{acts} ");
    let mut left = String::new();
    for hint in hinted(model.view, false) {
        if width(&left) + width(&hint) + 3 + width(&right) > columns {
            break;
        }
        write!(left, " {hint} ").ok();
    }
    let gap = columns.saturating_sub(width(&left) + width(&right));
    format!("{left}{}{right}", " ".repeat(gap))
}
