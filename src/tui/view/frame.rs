//! The frame around a pane, and the lines in it.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::layout::{self, Panes};
use crate::tui::measure;
use crate::tui::modal::Modal;
use crate::tui::model::Model;
use crate::tui::place::Pane;

/// Whether a pane is drawn as the one in focus. A dialog takes the focus from all of them.
pub(super) fn in_focus(model: &Model, pane: Pane) -> bool {
    let dialog = matches!(model.modal(), Some(open) if !matches!(open, Modal::Prompt(_)));
    model.focus == pane && !dialog
}

/// A frame with a title around a pane; on small screens nothing. Gives back the inside.
pub(super) fn framed(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    panes: &Panes,
    pane: Pane,
    title: &str,
) -> Rect {
    if panes.framed() {
        let room = usize::from(area.width).saturating_sub(8);
        let title = measure::cut(title, room);
        frame.render_widget(model.look.pane(&title, in_focus(model, pane)), area);
    }
    layout::inside(panes, area)
}

/// The `row`th line of an area, if it has one.
pub(super) fn line(area: Rect, row: u16) -> Option<Rect> {
    (row < area.height).then(|| Rect {
        y: area.y + row,
        height: 1,
        ..area
    })
}
