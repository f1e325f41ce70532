//! The keys, as data: dispatch, the hint line, the help, the palette and the manual's table all
//! come from [`BINDINGS`]. Lower case looks, upper case acts on the host.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, Motion};
use super::place::View;

/// One key press, without the modifiers that do not matter for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Press {
    pub(crate) code: KeyCode,
    pub(crate) control: bool,
}

const fn ch(c: char) -> Press {
    code(KeyCode::Char(c))
}

const fn ctrl(c: char) -> Press {
    Press {
        code: KeyCode::Char(c),
        control: true,
    }
}

const fn code(code: KeyCode) -> Press {
    Press {
        code,
        control: false,
    }
}

const fn ctrl_code(code: KeyCode) -> Press {
    Press {
        code,
        control: true,
    }
}

impl From<&KeyEvent> for Press {
    fn from(key: &KeyEvent) -> Self {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        // Shift is part of the character already; with Ctrl, terminals disagree on the case.
        let shift = key.modifiers.contains(KeyModifiers::SHIFT);
        let mut code = key.code;
        if let KeyCode::Char(c) = code
            && control
        {
            code = KeyCode::Char(c.to_ascii_lowercase());
        } else if code == KeyCode::Tab && shift {
            code = KeyCode::BackTab;
        }
        Self { code, control }
    }
}

/// What a binding is about: the help shows what concerns the pane in focus first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Acts,
    List,
    Log,
    Look,
    General,
}

impl Topic {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Acts => "Act on the host",
            Self::List => "List",
            Self::Log => "Log",
            Self::Look => "Look closer",
            Self::General => "Everywhere",
        }
    }
}

/// Where a key means something of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyContext {
    View(View),
    /// The page of a container's state and configuration.
    Inspect,
}

/// Keys and what they do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) presses: &'static [Press],
    /// How the keys are written.
    pub(crate) label: &'static str,
    pub(crate) action: Action,
    pub(crate) topic: Topic,
    /// The one place in which it holds, before what the key means elsewhere.
    pub(crate) within: Option<KeyContext>,
    /// A word or two for the hint line; empty keeps it off that line.
    pub(crate) hint: &'static str,
    pub(crate) help: &'static str,
}

const fn bind(
    presses: &'static [Press],
    label: &'static str,
    action: Action,
    topic: Topic,
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        presses,
        label,
        action,
        topic,
        within: None,
        hint,
        help,
    }
}

impl Binding {
    /// The same, in one view only.
    const fn within(self, view: View) -> Self {
        Self {
            within: Some(KeyContext::View(view)),
            ..self
        }
    }

    /// The same, on the page of state and configuration only.
    const fn in_inspect(self) -> Self {
        Self {
            within: Some(KeyContext::Inspect),
            ..self
        }
    }

    /// What it does, and where if that is not everywhere.
    pub(crate) fn help_with_place(&self) -> String {
        match self.within {
            None => self.help.to_owned(),
            Some(KeyContext::View(view)) => {
                format!("{} ({}): {}", view.title(true), view.key(), self.help)
            }
            Some(KeyContext::Inspect) => format!("inspect (i): {}", self.help),
        }
    }
}

use Action as A;
use KeyCode as K;
use Topic::{Acts, General, List, Log, Look};

/// Every key of the screen outside of dialogs. The hint line takes them in this order.
#[rustfmt::skip]
pub(crate) const BINDINGS: &[Binding] = &[
    bind(&[ch('?'), ch('h'), code(K::F(1))], "? h F1", A::Help, General, "help", "help for the pane in focus"),
    bind(&[ch('q'), ctrl('c')], "q Ctrl-C", A::Quit, General, "", "quit; asks while a job runs"),
    bind(&[code(K::Esc)], "Esc", A::Back, General, "", "close, clear the filter, show all again, clear the marks, back; never quits"),
    bind(&[code(K::Tab)], "Tab", A::NextPane, General, "", "next pane"),
    bind(&[code(K::BackTab)], "Shift-Tab", A::PreviousPane, General, "", "previous pane"),
    bind(&[ch('/')], "/", A::Filter, List, "filter", "filter as you type (in the log: search)"),
    bind(&[ch('s')], "s", A::SortMenu, List, "sort", "sort by"),
    bind(&[ch(' ')], "Space", A::Mark, List, "mark", "mark, and go to the next"),
    bind(&[code(K::Enter)], "Enter", A::Menu, Look, "menu", "what can be done with this container; the first line is its details"),
    bind(&[ch('i')], "i", A::Inspect, Look, "inspect", "its state and configuration as written on disk, secrets masked"),
    bind(&[ch('w')], "w", A::Why, Look, "why", "why it is stuck, and what would help"),
    bind(&[ch('l')], "l", A::FocusLog, Log, "log", "go to the log and back"),
    bind(&[ch('c')], "c", A::Columns, List, "columns", "columns"),
    bind(&[ch('j'), code(K::Down)], "j Down", A::Move(Motion::Down), General, "", "down; in the usage view, the next container"),
    bind(&[ch('k'), code(K::Up)], "k Up", A::Move(Motion::Up), General, "", "up; in the usage view, the one before"),
    bind(&[ch('g'), code(K::Home)], "g Home", A::Move(Motion::Home), General, "", "first"),
    bind(&[ch('G'), code(K::End)], "G End", A::Move(Motion::End), General, "", "last"),
    bind(&[code(K::PageUp)], "PgUp", A::Move(Motion::PageUp), General, "", "page up"),
    bind(&[code(K::PageDown)], "PgDn", A::Move(Motion::PageDown), General, "", "page down"),
    bind(&[code(K::Left)], "Left", A::Sideways(-8), General, "", "long ids and lines: to the left"),
    bind(&[code(K::Right)], "Right", A::Sideways(8), General, "", "long ids and lines: to the right"),
    bind(&[ch('1')], "1", A::View(View::Containers), General, "", "the containers"),
    bind(&[ch('2')], "2", A::View(View::Usage), General, "", "the usage of this container, or of the marked ones"),
    bind(&[ch('3')], "3", A::View(View::Processes), General, "", "the processes of this container"),
    bind(&[ch('4')], "4", A::View(View::Leftovers), General, "", "what no container owns any more"),
    bind(&[ch('5')], "5", A::View(View::Rdt), General, "", "Intel RDT: the resctrl groups and who has them"),
    bind(&[ch('6')], "6", A::View(View::History), General, "", "what happened since ocitop began to look, and what was done"),
    bind(&[ch('n')], "n", A::NextMatch, List, "", "next match"),
    bind(&[ch('N')], "N", A::PreviousMatch, List, "", "previous match"),
    bind(&[ch('<')], "<", A::SortLeft, List, "", "sort by the column to the left"),
    bind(&[ch('>')], ">", A::SortRight, List, "", "sort by the column to the right"),
    bind(&[ch('r')], "r", A::Reverse, List, "", "reverse the order"),
    bind(&[ch('t')], "t", A::Tree, List, "", "processes: as a tree by cgroup, or a flat list"),
    bind(&[ch('a')], "a", A::ToggleStopped, List, "", "stopped containers too, or not"),
    bind(&[ch('!')], "!", A::Attention, List, "", "only what needs attention, or all"),
    bind(&[ch('e')], "e", A::PutAway, List, "", "put away what failed here, and what the OOM killer took so far: it is known"),
    bind(&[ch('v')], "v", A::Range, List, "", "mark a range: here, move, and again"),
    bind(&[ctrl('a')], "Ctrl-A", A::MarkAll, List, "", "mark all shown"),
    bind(&[ch('u')], "u", A::ClearMarks, List, "", "clear the marks"),
    bind(&[ch('o')], "o", A::Usage, Look, "", "the usage of this container, and back"),
    bind(&[ch('z')], "z", A::Zoom, Look, "", "the pane in focus over the whole screen, and back"),
    bind(&[ch('f')], "f", A::Freeze, Look, "freeze", "freeze what is shown; sampling goes on"),
    bind(&[ch('<')], "<", A::Shorter, Look, "> span", "a shorter span of time, down to 30 seconds").within(View::Usage),
    bind(&[ch('>')], ">", A::Longer, Look, "", "a longer span of time, up to 2 hours").within(View::Usage),
    bind(&[ch('a')], "a", A::Axis, Look, "axis", "axes end at the limit, or above the peak").within(View::Usage),
    bind(&[ch('a')], "a", A::Unknown, Look, "all", "what is unknown too, or not").within(View::Leftovers),
    bind(&[ch('a')], "a", A::Secrets, Look, "secrets", "values that look secret too, or not; closing the page masks them again").in_inspect(),
    bind(&[ch('e')], "e", A::Environment, Look, "mask env", "all of the environment masked, or only what looks secret").in_inspect(),
    bind(&[ctrl('a')], "Ctrl-A", A::MarkAll, List, "", "mark all that are certain").within(View::Leftovers),
    bind(&[code(K::Enter)], "Enter", A::GoTo, Look, "go to", "to that container in the list, if it still exists").within(View::History),
    bind(&[ch('+'), ch('=')], "+ =", A::Faster, Look, "", "look more often"),
    bind(&[ch('-')], "-", A::Slower, Look, "", "look less often"),
    bind(&[ch('y')], "y", A::Copy, Look, "", "copy id, path or command, also the engine's, in the processes view the pid (OSC 52)"),
    bind(&[ctrl('s')], "Ctrl-S", A::Save, Log, "", "save the log, the page shown or, in view 6, the history, to a new file"),
    bind(&[ch('x')], "x", A::Export, List, "", "export the table (CSV, JSON) to a new file"),
    bind(&[ch('x')], "x", A::ExportPast, Look, "export", "export the history as shown (CSV, JSON) to a new file").within(View::History),
    bind(&[ch('\\')], "\\", A::HideLog, Log, "", "hide or show the log"),
    bind(&[ctrl_code(K::Up)], "Ctrl-Up", A::GrowLog, Log, "", "more room for the log"),
    bind(&[ctrl_code(K::Down)], "Ctrl-Down", A::ShrinkLog, Log, "", "less room for the log"),
    bind(&[ch('m')], "m", A::Mouse, General, "", "mouse off, so that the terminal selects text; and on"),
    bind(&[ch(':')], ":", A::Palette, General, "", "every action by its name"),
    bind(&[ctrl('r')], "Ctrl-R", A::Rescan, General, "", "look again now"),
    bind(&[ctrl('z')], "Ctrl-Z", A::Suspend, General, "", "back to the shell; fg returns"),
    bind(&[ch('D')], "D", A::Delete, Acts, "delete", "delete; forces only if it must and says so; always asks"),
    bind(&[ch('K')], "K", A::Signal, Acts, "signal", "send a signal (a list, TERM first), in the processes view to that process; asks"),
    bind(&[ch('T')], "T", A::Stop, Acts, "stop", "stop: TERM, wait, then asks before KILL"),
    bind(&[ch('P')], "P", A::Pause, Acts, "pause", "pause or resume; asks if several are marked"),
    bind(&[ch('S')], "S", A::Start, Acts, "start", "start a created container; asks if several are marked"),
    bind(&[ch('C')], "C", A::Clean, Acts, "clean up (asks)", "clean the leftover under the cursor or the marked ones; always asks").within(View::Leftovers),
];

/// The word for the hint line while `view` is shown; empty keeps the binding off that line.
pub(crate) fn hint(binding: &Binding, view: View) -> &'static str {
    match (view, binding.action) {
        (View::Processes, A::Menu) => "details",
        (View::Processes, A::Tree) => "tree",
        (View::Processes, A::Copy) => "copy pid",
        (View::Processes, A::Signal) => "signal this process",
        (View::Processes, A::Mark | A::Columns | A::Inspect) => "",
        _ => binding.hint,
    }
}

/// The action bound to a key in a view, if any. What the view has of its own comes first.
pub(crate) fn action(press: Press, view: View) -> Option<Action> {
    let bound = |within: Option<KeyContext>| {
        let mut there = BINDINGS.iter().filter(move |b| b.within == within);
        there.find(|b| b.presses.contains(&press))
    };
    let found = bound(Some(KeyContext::View(view))).or_else(|| bound(None));
    found.map(|binding| binding.action)
}

/// The action bound to a key on the page of state and configuration.
pub(crate) fn in_inspect(press: Press) -> Option<Action> {
    let mut own = BINDINGS
        .iter()
        .filter(|b| b.within == Some(KeyContext::Inspect));
    own.find(|b| b.presses.contains(&press)).map(|b| b.action)
}

/// The keys as a Markdown table, for the manual.
pub fn markdown_table() -> String {
    let mut out = String::from("| key | does |\n|---|---|\n");
    for binding in BINDINGS {
        let keys: Vec<_> = binding
            .label
            .split(' ')
            .map(|key| format!("`{key}`"))
            .collect();
        let keys = keys.join(" ");
        let (open, close) = if binding.action.acts() {
            ("**", "**")
        } else {
            ("", "")
        };
        out.push_str(&format_row(
            &format!("{open}{keys}{close}"),
            &binding.help_with_place(),
        ));
    }
    out
}

fn format_row(keys: &str, help: &str) -> String {
    format!("| {keys} | {help} |\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_in_one_place() {
        for (at, binding) in BINDINGS.iter().enumerate() {
            let same_place = |other: &&Binding| other.within == binding.within;
            for other in BINDINGS[at + 1..].iter().filter(same_place) {
                assert!(
                    binding.presses.iter().all(|p| !other.presses.contains(p)),
                    "{} and {} share a key",
                    binding.label,
                    other.label
                );
            }
        }
    }

    #[test]
    fn what_a_view_has_of_its_own_comes_before_what_holds_elsewhere() {
        assert_eq!(action(ch('<'), View::Containers), Some(A::SortLeft));
        assert_eq!(action(ch('<'), View::Usage), Some(A::Shorter));
        assert_eq!(action(code(K::Enter), View::History), Some(A::GoTo));
        assert_eq!(action(ch('q'), View::Usage), Some(A::Quit));
    }

    #[test]
    fn only_capitals_act_on_the_host() {
        for binding in BINDINGS.iter().filter(|b| b.action.acts()) {
            for press in binding.presses {
                assert!(
                    matches!(press.code, KeyCode::Char('A'..='Z')),
                    "{}",
                    binding.label
                );
            }
        }
    }
}
