//! The help, from the same list as the keys.

use crate::tui::keymap::{BINDINGS, KeyContext, Topic};
use crate::tui::measure::left;
use crate::tui::model::Model;
use crate::tui::place::{Pane, View};

/// The lines of the help: what concerns the pane in focus comes first.
pub(crate) fn lines(model: &Model) -> Vec<String> {
    let order = match model.focus {
        Pane::Log => [
            Topic::Log,
            Topic::General,
            Topic::List,
            Topic::Look,
            Topic::Acts,
        ],
        Pane::List => [
            Topic::Acts,
            Topic::List,
            Topic::Look,
            Topic::Log,
            Topic::General,
        ],
        Pane::View | Pane::Details | Pane::Usage => [
            Topic::Look,
            Topic::General,
            Topic::Acts,
            Topic::List,
            Topic::Log,
        ],
    };
    let mut lines = vec!["lower case looks, UPPER CASE acts on the host".to_owned()];
    lines.extend(own_keys(KeyContext::View(model.view)));
    for topic in order {
        let dead = topic == Topic::Acts && model.read_only;
        let note = if dead {
            " (read-only: these keys are dead)"
        } else {
            ""
        };
        lines.push(String::new());
        lines.push(format!("{}{note}", topic.title()));
        let of_topic = BINDINGS
            .iter()
            .filter(|binding| binding.topic == topic && binding.within.is_none());
        lines.extend(of_topic.map(|b| format!("  {} {}", left(b.label, 10), b.help)));
    }
    lines.extend(own_keys(KeyContext::Inspect));
    for view in View::ALL.into_iter().filter(|view| *view != model.view) {
        lines.extend(own_keys(KeyContext::View(view)));
    }
    lines.push(String::new());
    lines.push("Filter".to_owned());
    lines.extend(FILTER.iter().map(|line| format!("  {line}")));
    lines
}

/// The keys that mean something of their own in a place.
fn own_keys(place: KeyContext) -> Vec<String> {
    let own = BINDINGS.iter().filter(|b| b.within == Some(place));
    let mut lines: Vec<String> = own
        .map(|b| format!("  {} {}", left(b.label, 10), b.help))
        .collect();
    if !lines.is_empty() {
        let title = match place {
            KeyContext::View(view) => format!("Only in view {}, {}", view.key(), view.title(true)),
            KeyContext::Inspect => "Only in inspect, i".to_owned(),
        };
        lines.splice(0..0, [String::new(), title]);
    }
    lines
}

const FILTER: [&str; 5] = [
    "web 1          both words, in id, state, runtime or owner",
    "!docker        not this word",
    "state:paused   also rt: owner: root: id:",
    "cpu>50         also mem pids io thr oom, with < <= > >=",
    "mem>80%        of the limit; mem>512M in bytes",
];
