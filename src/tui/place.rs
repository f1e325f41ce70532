//! Where the operator is: the view and the pane in focus.

/// What the screen is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Containers,
    Usage,
    Processes,
    Leftovers,
    Rdt,
    History,
}

impl View {
    /// In the order of their keys.
    pub(crate) const ALL: [Self; 6] = [
        Self::Containers,
        Self::Usage,
        Self::Processes,
        Self::Leftovers,
        Self::Rdt,
        Self::History,
    ];

    /// Its key.
    pub(crate) fn key(self) -> char {
        match self {
            Self::Containers => '1',
            Self::Usage => '2',
            Self::Processes => '3',
            Self::Leftovers => '4',
            Self::Rdt => '5',
            Self::History => '6',
        }
    }

    /// Its name, in full or short.
    pub(crate) fn title(self, wide: bool) -> &'static str {
        match (self, wide) {
            (Self::Containers, true) => "Containers",
            (Self::Containers, false) => "Cont",
            (Self::Usage, true) => "Usage",
            (Self::Usage, false) => "Use",
            (Self::Processes, true) => "Processes",
            (Self::Processes, false) => "Proc",
            (Self::Leftovers, true) => "Leftovers",
            (Self::Leftovers, false) => "Left",
            (Self::Rdt, _) => "RDT",
            (Self::History, true) => "History",
            (Self::History, false) => "Hist",
        }
    }
}

/// A part of the screen that can be in focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pane {
    /// The list of containers.
    List,
    /// All of a view that is not the list of containers.
    View,
    Details,
    Usage,
    Log,
}

/// The first row to show so that `cursor` is among `page` rows, moving as little as can be.
pub(crate) fn first_row(top: usize, cursor: usize, page: usize, len: usize) -> usize {
    let page = page.max(1);
    let top = top.min(cursor).max((cursor + 1).saturating_sub(page));
    top.min(len.saturating_sub(page))
}
