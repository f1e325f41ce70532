//! The help, from the same list as the keys.

use crate::tui::keymap::{BINDINGS, Topic};
use crate::tui::measure::left;
use crate::tui::model::{Model, Pane};

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
    for topic in order {
        let dead = topic == Topic::Acts && model.read_only;
        let note = if dead {
            " (read-only: these keys are dead)"
        } else {
            ""
        };
        lines.push(String::new());
        lines.push(format!("{}{note}", topic.title()));
        let of_topic = BINDINGS.iter().filter(|binding| binding.topic == topic);
        lines.extend(of_topic.map(|b| format!("  {} {}", left(b.label, 10), b.help)));
    }
    lines.push(String::new());
    lines.push("Filter".to_owned());
    lines.extend(FILTER.iter().map(|line| format!("  {line}")));
    lines
}

const FILTER: [&str; 5] = [
    "web 1          both words, in id, state, runtime or owner",
    "!docker        not this word",
    "state:paused   also rt: owner: root: id:",
    "cpu>50         also mem pids io, with < <= > >=",
    "mem>80%        of the limit; mem>512M in bytes",
];
