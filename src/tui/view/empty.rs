//! The list without a row: why, and what to try.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::inventory::{RootState, RootView, Snapshot};
use crate::text::{visible, visible_path};
use crate::tui::measure::wrap;
use crate::tui::model::Model;

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let columns = usize::from(area.width).saturating_sub(2);
    let lines: Vec<Line<'_>> = text(model)
        .iter()
        .flat_map(|line| wrap(line, columns))
        .map(|line| Line::raw(format!(" {line}")))
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn text(model: &Model) -> Vec<String> {
    let Some(snapshot) = model.snapshot() else {
        return vec!["Looking for containers ...".to_owned()];
    };
    if !snapshot.containers.is_empty() {
        return hidden(model);
    }
    let mut lines = vec!["No container in the state roots of this host.".to_owned()];
    if !snapshot.host.root {
        lines.push(
            "Not root: containers of root and of other users cannot be seen. Try: sudo ocitop"
                .to_owned(),
        );
    }
    lines.push("To try it out on containers of its own: ocitop demo".to_owned());
    lines.extend(roots(snapshot));
    lines
}

fn hidden(model: &Model) -> Vec<String> {
    let mut lines = vec!["No container to show.".to_owned()];
    if !model.list.filter_text.is_empty() {
        let filter = visible(&model.list.filter_text);
        lines.push(format!("None matches the filter /{filter}. Esc clears it."));
    }
    if !model.list.stopped {
        lines.push("Stopped ones are hidden. a shows them.".to_owned());
    }
    lines
}

/// What came of each root: those that failed first, those that are absent on few lines.
fn roots(snapshot: &Snapshot) -> Vec<String> {
    let with = |wanted: fn(&RootState) -> bool| {
        snapshot
            .roots
            .iter()
            .filter(move |root| wanted(&root.state))
    };
    let path = |root: &RootView| visible_path(&root.path);
    let mut lines: Vec<String> = with(|state| matches!(state, RootState::Failed(_)))
        .map(|root| match &root.state {
            RootState::Failed(why) => format!("unreadable  {}: {}", path(root), visible(why)),
            _ => path(root),
        })
        .collect();
    lines.extend(
        with(|state| matches!(state, RootState::Read(_)))
            .map(|root| format!("empty       {}", path(root))),
    );
    let absent: Vec<String> = with(|state| *state == RootState::Absent)
        .map(path)
        .collect();
    if !absent.is_empty() {
        lines.push(format!("absent      {}", absent.join("  ")));
    }
    if snapshot.roots.is_empty() {
        lines.push("No state root is known or given; --root DIR names one.".to_owned());
    }
    lines
}
