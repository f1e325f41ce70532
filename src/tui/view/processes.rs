//! View 3: the processes of a container.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::model::{Model, Pane};

use super::layout::Panes;

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    super::framed(frame, area, model, panes, Pane::View, "processes");
}
