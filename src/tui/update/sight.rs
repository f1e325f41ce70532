//! What of the model is in sight: how many rows there is room for is the view's to say.

use crate::inventory::Watch;
use crate::inventory::usage::OfAll;
use crate::tui::model::Model;
use crate::tui::place::{View, first_row};
use crate::tui::table::{Column, SortKey};
use crate::tui::view;

/// Most marked containers that are looked at closely to be compared.
const COMPARED: usize = 20;

impl Model {
    /// What the sampler should look at closely: what is on the screen.
    pub(crate) fn watch(&self) -> Watch {
        let page = view::layout::list_rows(self);
        let on_screen = self.rows.iter().skip(self.list.top).take(page);
        let visible = match self.view {
            View::Containers => on_screen.map(|row| row.key.clone()).collect(),
            View::Usage => {
                let compared = self.targets().into_iter().take(COMPARED);
                compared.map(|row| row.key.clone()).collect()
            }
            View::Processes | View::Leftovers | View::Rdt | View::History => Vec::new(),
        };
        Watch {
            visible,
            in_full: self.view == View::Usage,
            selected: self.selected_key().cloned(),
            of_all: OfAll {
                io: self.list.sort == SortKey::Column(Column::Io) || self.list.filter.is_about_io(),
                throttled: self.list.sort == SortKey::Column(Column::Throttled)
                    || self.list.filter.is_about_throttling(),
            },
        }
    }

    /// Keeps the cursor on the screen.
    pub(crate) fn follow(&mut self) {
        let page = view::layout::list_rows(self);
        self.list.top = first_row(
            self.list.top,
            self.list.selection.index(),
            page,
            self.rows.len(),
        );
    }

    /// Keeps the cursor of the history on its line, while anybody sees it.
    pub(crate) fn settle_past(&mut self) {
        if self.view == View::History {
            let page = view::history::page(self);
            let mut cursor = std::mem::take(&mut self.history);
            cursor.settle(&self.history_entries(), page);
            self.history = cursor;
        }
    }
}
