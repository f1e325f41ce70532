//! What is shown when there is no room for a list: what is needed, and what still runs.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::tui::measure::cut;
use crate::tui::modal::Modal;
use crate::tui::model::Model;

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let mut lines = vec![format!(
        "ocitop needs 40x10, has {}x{}",
        area.width, area.height
    )];
    match model.modal() {
        Some(Modal::Leave(_)) => {
            lines.push("a job runs: y leaves after its step, Esc stays".to_owned());
        }
        Some(_) => lines.push("a dialog is open: Esc closes it".to_owned()),
        None => {}
    }
    lines.extend(model.jobs.iter().map(|(key, running)| {
        let words = super::detail::job_words(model, running);
        format!("{}: {words}", key.label())
    }));
    let columns = usize::from(area.width);
    let lines: Vec<Line<'_>> = lines
        .iter()
        .map(|line| Line::raw(cut(line, columns)))
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}
