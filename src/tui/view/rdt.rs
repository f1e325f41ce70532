//! View 5: the resctrl groups of the host.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::model::{Model, Pane};

use super::layout::Panes;

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    super::framed(frame, area, model, panes, Pane::View, "RDT");
}
