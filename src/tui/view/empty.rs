//! The list without a row: why, and what to try.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::inventory::{RootState, RootView, Snapshot};
use crate::text::{safe, visible, visible_path};
use crate::tui::measure::wrap;
use crate::tui::model::Model;

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let lines = lines(model, area.width);
    let last = lines.len().saturating_sub(usize::from(area.height));
    let skip = model.detail_scroll.min(last);
    let shown: Vec<Line<'_>> = lines.into_iter().skip(skip).map(Line::raw).collect();
    frame.render_widget(Paragraph::new(shown), area);
}

/// How many lines there are at this width.
pub(crate) fn len(model: &Model, columns: u16) -> usize {
    lines(model, columns).len()
}

fn lines(model: &Model, columns: u16) -> Vec<String> {
    let columns = usize::from(columns).saturating_sub(2);
    let wrapped = text(model)
        .into_iter()
        .flat_map(|line| wrap(&line, columns));
    wrapped.map(|line| format!(" {line}")).collect()
}

fn text(model: &Model) -> Vec<String> {
    let Some(snapshot) = model.snapshot() else {
        return vec!["Looking for containers ...".to_owned()];
    };
    if !snapshot.containers.is_empty() {
        return hidden(model);
    }
    let mut lines = vec!["No container found.".to_owned()];
    if !snapshot.host.root {
        let text = "Not root: those of root and of other users stay unseen. Try: sudo ocitop";
        lines.push(text.to_owned());
    }
    lines.push("To try it out: ocitop demo".to_owned());
    lines.extend(roots(snapshot));
    lines
}

fn hidden(model: &Model) -> Vec<String> {
    let mut lines = vec!["No container to show.".to_owned()];
    if !model.list.filter_text.is_empty() {
        let filter = visible(&model.list.filter_text);
        lines.push(format!("None matches the filter /{filter}. Esc clears it."));
    }
    if model.list.attention {
        lines.push("None needs attention, as far as was looked. ! shows all.".to_owned());
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
            RootState::Failed(why) => format!("unreadable  {}: {}", path(root), safe(why)),
            RootState::Read(_) | RootState::Absent => path(root),
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
