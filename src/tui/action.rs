//! What a key, a menu line or a palette line can ask for.

use super::place::View;

/// Something the operator can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Help,
    Quit,
    Back,
    NextPane,
    PreviousPane,
    Move(Motion),
    Sideways(i16),
    View(View),
    Filter,
    NextMatch,
    PreviousMatch,
    SortMenu,
    Tree,
    SortLeft,
    SortRight,
    Reverse,
    Columns,
    ToggleStopped,
    Attention,
    PutAway,
    Mark,
    Range,
    MarkAll,
    ClearMarks,
    Menu,
    Details,
    Inspect,
    /// On the page of [`Self::Inspect`]: what looks secret too, or not.
    Secrets,
    /// On that page: all of the environment masked, or not.
    Environment,
    Why,
    Usage,
    FocusLog,
    HideLog,
    GrowLog,
    ShrinkLog,
    Zoom,
    Freeze,
    Shorter,
    Longer,
    Axis,
    GoTo,
    Faster,
    Slower,
    Copy,
    Save,
    Export,
    ExportPast,
    Mouse,
    Palette,
    Rescan,
    Suspend,
    Delete,
    Signal,
    Stop,
    Pause,
    Start,
    Clean,
    Unknown,
}

/// A movement in whatever is in focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
}

impl Motion {
    /// The new place in a list of `len`, coming from `from`.
    pub(crate) fn apply(self, from: usize, len: usize, page: usize) -> usize {
        let last = len.saturating_sub(1);
        let to = match self {
            Self::Up => from.saturating_sub(1),
            Self::Down => from.saturating_add(1),
            Self::PageUp => from.saturating_sub(page.max(1)),
            Self::PageDown => from.saturating_add(page.max(1)),
            Self::Home => 0,
            Self::End => last,
        };
        to.min(last)
    }
}

impl Action {
    /// Whether it is about the marked containers or the one under the cursor, or about the order
    /// and choice of them.
    pub(crate) fn is_about_the_list(self) -> bool {
        self.acts()
            || matches!(
                self,
                Self::Filter
                    | Self::NextMatch
                    | Self::PreviousMatch
                    | Self::SortMenu
                    | Self::SortLeft
                    | Self::SortRight
                    | Self::Reverse
                    | Self::Columns
                    | Self::ToggleStopped
                    | Self::Attention
                    | Self::PutAway
                    | Self::Mark
                    | Self::Range
                    | Self::MarkAll
                    | Self::ClearMarks
                    | Self::Menu
                    | Self::Inspect
                    | Self::Why
                    | Self::Copy
                    | Self::Export
            )
    }

    /// Whether it changes the host: dead in read-only mode.
    pub(crate) fn acts(self) -> bool {
        matches!(
            self,
            Self::Delete | Self::Signal | Self::Stop | Self::Pause | Self::Start | Self::Clean
        )
    }

    /// Whether it is about containers that are not on the screen in this view: such are neither acted
    /// upon nor marked.
    pub(crate) fn is_hidden_in(self, view: View) -> bool {
        match view {
            View::Containers | View::Usage | View::Processes => self == Self::Clean,
            View::Leftovers => {
                // It has marks, a copy and an act of its own.
                let own = [
                    Self::Mark,
                    Self::MarkAll,
                    Self::ClearMarks,
                    Self::Copy,
                    Self::Clean,
                    Self::Why,
                    Self::PutAway,
                ];
                self.is_about_the_list() && !own.contains(&self)
            }
            View::Rdt => self.is_about_the_list(),
            View::History => {
                // The history has the list's filter.
                let own = [Self::Filter, Self::NextMatch, Self::PreviousMatch];
                self.is_about_the_list() && !own.contains(&self)
            }
        }
    }
}
