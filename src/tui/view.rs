//! Drawing. Reads the model, changes nothing, asks nobody.

pub(crate) mod chart;
pub(crate) mod clean;
pub(crate) mod closeup;
pub(crate) mod confirm;
pub(crate) mod containers;
pub(crate) mod detail;
pub(crate) mod empty;
mod frame;
pub(crate) mod help;
pub(crate) mod history;
pub(crate) mod layout;
pub(crate) mod leftovers;
pub(crate) mod log;
pub(crate) mod popup;
pub(crate) mod processes;
pub(crate) mod rdt;
mod sheet;
pub(crate) mod status_bar;
pub(crate) mod too_small;
pub(crate) mod usage;
pub(crate) mod usage_pane;
pub(crate) mod why;

use ratatui::Frame;
use ratatui::layout::Rect;

use super::modal::Modal;
use super::model::Model;
use super::place::View;
use frame::{framed, line};
use layout::Class;

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, model: &Model) {
    let area = frame.area();
    let panes = layout::panes(model, area);
    if panes.class == Class::TooSmall {
        too_small::draw(frame, area, model);
        return;
    }
    status_bar::header(frame, panes.header, model, panes.class);
    if let Some(list) = panes.list {
        containers::draw(frame, list, model, &panes);
    }
    if let Some(details) = panes.details {
        detail::draw(frame, details, model, &panes);
    }
    if let Some(usage) = panes.usage {
        usage_pane::draw(frame, usage, model, &panes);
    }
    if let Some(view) = panes.view {
        match model.view {
            View::Containers => {}
            View::Usage => usage::draw(frame, view, model, &panes),
            View::Processes => processes::draw(frame, view, model, &panes),
            View::Leftovers => leftovers::draw(frame, view, model, &panes),
            View::Rdt => rdt::draw(frame, view, model, &panes),
            View::History => history::draw(frame, view, model, &panes),
        }
    }
    if let Some(log) = panes.log {
        log::draw(frame, log, model, &panes);
    }
    status_bar::hints::draw(frame, panes.hints, model);
    match model.modal() {
        None | Some(Modal::Prompt(_)) => {}
        Some(Modal::Confirm(dialog)) => confirm::draw(frame, area, model, dialog, &panes),
        Some(Modal::Clean(dialog)) => clean::draw(frame, area, model, dialog, &panes),
        Some(Modal::Leave(button)) => popup::leave(frame, area, model, *button, &panes),
        Some(Modal::Menu(menu)) => popup::menu(frame, area, model, menu, &panes),
        Some(Modal::Page(page)) => popup::page(frame, area, model, page, &panes),
        Some(Modal::Why(page)) => why::draw(frame, area, model, page, &panes),
    }
}

/// Lines of the open dialog, and how many of them its box shows: what scrolling needs.
pub(crate) fn dialog_extent(model: &Model) -> (usize, usize) {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let panes = layout::panes(model, area);
    match model.modal() {
        Some(Modal::Confirm(dialog)) => confirm::extent(area, model, dialog, &panes),
        Some(Modal::Clean(dialog)) => clean::extent(area, model, dialog, &panes),
        Some(Modal::Page(page)) => (
            page.lines.len(),
            usize::from(popup::page_area(area, &panes).height).saturating_sub(2),
        ),
        Some(Modal::Why(page)) => why::extent(area, model, page, &panes),
        Some(Modal::Menu(menu)) => (
            menu.found().len(),
            usize::from(area.height).saturating_sub(6),
        ),
        _ => (0, 0),
    }
}
