//! The dialog that asks before something is done to a container. It always shows the whole id and
//! every step; where there is not room for it all, it scrolls, and its buttons stay.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::inventory::manager::{Object, Request};
use crate::inventory::processes::Process;
use crate::lifecycle::{Force, Job, Note, OnFailure, Preview};
use crate::text::{safe, visible, visible_path};
use crate::tui::modal::{AskedAct, Confirm, Item};
use crate::tui::model::Model;

use super::layout::Panes;
use super::popup;
use super::sheet::{self, DialogSheet};

/// Lines of the body, and how many of them are on the screen.
pub(crate) fn extent(area: Rect, model: &Model, dialog: &Confirm, panes: &Panes) -> (usize, usize) {
    sheet::extent(area, &sheet(model, dialog, panes), panes)
}

pub(crate) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    dialog: &Confirm,
    panes: &Panes,
) {
    sheet::draw(frame, area, model, sheet(model, dialog, panes), panes);
}

fn sheet(model: &Model, dialog: &Confirm, panes: &Panes) -> DialogSheet {
    DialogSheet {
        title: title(dialog),
        body: body(model, dialog),
        foot: foot(dialog, panes.framed()),
        buttons: buttons(model, dialog),
        scroll: dialog.scroll,
    }
}

fn title(dialog: &Confirm) -> String {
    let what = match dialog.order {
        AskedAct::Delete if dialog.forces() => "Force delete",
        AskedAct::Delete => "Delete",
        AskedAct::Signal(signal) => return format!("Send {signal}?"),
        AskedAct::SignalProcess(process, signal) => {
            return format!("Send {signal} to pid {}?", process.pid);
        }
        AskedAct::Stop => "Stop",
        AskedAct::Pause if dialog.resumes() => "Resume",
        AskedAct::Pause => "Pause or resume",
        AskedAct::Start => "Start",
    };
    format!("{what}?")
}

fn body(model: &Model, dialog: &Confirm) -> Vec<String> {
    match dialog.items.as_slice() {
        [one] => single(model, dialog, one),
        many => several(model, dialog.order, many),
    }
}

/// Everything about the one container.
fn single(model: &Model, dialog: &Confirm, item: &Item) -> Vec<String> {
    let container = &item.container;
    let runtime = container
        .runtime
        .map_or_else(|| "unknown".to_owned(), |rt| rt.to_string());
    let manager = container
        .engine()
        .map_or_else(|| "none".to_owned(), |m| m.to_string());
    let mut lines = vec![
        format!("id       {}", container.key.label()),
        format!(
            "runtime  {runtime}   root {}",
            visible_path(container.key.root())
        ),
        format!("status   {}   owner {manager}", changed(item)),
        format!("init     {}", super::detail::init(model, container)),
    ];
    lines.extend(
        container
            .problem
            .as_ref()
            .map(|problem| format!("! {}", safe(problem))),
    );
    lines.extend(
        dialog
            .process
            .iter()
            .flat_map(|process| of_process(process)),
    );
    lines.push(String::new());
    lines.extend(outlook(dialog, item));
    lines
}

/// The one process that a signal is for, as it was when the dialog opened.
fn of_process(process: &Process) -> Vec<String> {
    let init = if process.is_init { " (init)" } else { "" };
    let mut lines = vec![
        String::new(),
        format!(
            "process  pid {}{init}, started {} ago (tick {})",
            process.who.pid,
            crate::tui::measure::age(process.age),
            process.who.start_time
        ),
        format!("command  {}", process.command),
        format!("user     {}   state {}", process.user, process.state),
    ];
    let remarks = process.remarks();
    if !remarks.is_empty() {
        lines.push(format!("! {}", remarks.join(", ")));
    }
    if process.is_stuck() {
        lines.push("! It is in D state (uninterruptible): the signal has to wait.".to_owned());
    }
    lines
}

/// The status as pinned, and by now if that is another one.
fn changed(item: &Item) -> String {
    let (then, now) = (item.container.condition, item.now);
    if then == now {
        then.to_string()
    } else {
        format!("{then} when this opened, {now} now")
    }
}

/// What would happen to it.
fn outlook(dialog: &Confirm, item: &Item) -> Vec<String> {
    if item.gone {
        return vec![
            "! It is gone, or another one took its place. Nothing will be done.".to_owned(),
        ];
    }
    if let Err(why) = &item.job {
        return vec![format!("! Not possible: {}", safe(why))];
    }
    let Some(preview) = &item.preview else {
        return vec!["looking what this would do ...".to_owned()];
    };
    if let Some(why) = &preview.refused {
        return vec![format!("! Refused: {}", safe(&why.words()))];
    }
    let mut lines = vec![toll(dialog, item)];
    lines.extend(preview.plan.0.iter().enumerate().map(|(at, planned)| {
        let stops = planned.on_failure == OnFailure::Stop;
        let note = if stops { "" } else { " (if it fails: go on)" };
        format!("  {} {}{note}", at + 1, planned.step.intent())
    }));
    lines.extend(warnings(dialog.order, item));
    lines
}

/// How many processes die.
fn toll(dialog: &Confirm, item: &Item) -> String {
    let processes = item.preview.as_ref().map_or(0, |preview| preview.processes);
    match (dialog.order, processes) {
        (AskedAct::Delete, 0) => "No process is alive. In order:".to_owned(),
        (AskedAct::Delete, 1) => "1 process dies. In order:".to_owned(),
        (AskedAct::Delete, count) => format!("{count} processes die. In order:"),
        _ => "In order:".to_owned(),
    }
}

fn warnings(order: AskedAct, item: &Item) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(preview) = &item.preview else {
        return lines;
    };
    if preview.uninterruptible > 0 {
        let count = preview.uninterruptible;
        lines.push(format!(
            "! {count} in D state (uninterruptible): the kill may not work."
        ));
    }
    if let Some(managed) = &item.container.manager {
        lines.push(format!(
            "! {} manages it{}.",
            managed.engine,
            what_then(order)
        ));
        let told = request(item, order).map(|request| managed.commands(request));
        for (at, told) in told.unwrap_or_default().into_iter().enumerate() {
            let start = if at == 0 { "The clean way is" } else { "or" };
            let pod = if told.object == Object::Pod {
                ", of its pod"
            } else {
                ""
            };
            lines.push(format!("  {start}{pod}: {}", told.command));
        }
    }
    let notes = preview.notes.iter().filter(|note| !is_said(item, note));
    lines.extend(notes.map(|note| format!("! {}", safe(&note.words()))));
    lines
}

/// What an engine does of which something is done behind its back.
fn what_then(order: AskedAct) -> &'static str {
    match order {
        AskedAct::Pause => ", and does not learn of this",
        AskedAct::Delete
        | AskedAct::Signal(_)
        | AskedAct::SignalProcess(..)
        | AskedAct::Stop
        | AskedAct::Start => " and may start it again",
    }
}

/// What the engine itself would be told to do the same; `None` if it has no such thing.
fn request(item: &Item, order: AskedAct) -> Option<Request> {
    match order {
        AskedAct::Delete => Some(Request::Remove),
        AskedAct::Stop => Some(Request::Stop),
        AskedAct::Signal(signal) => Some(Request::Signal(signal)),
        AskedAct::Pause => Some(match item.job {
            Ok(Job::Resume(_)) => Request::Resume,
            _ => Request::Pause,
        }),
        AskedAct::SignalProcess(..) | AskedAct::Start => None,
    }
}

/// Whether the dialog says what is in a note elsewhere already.
fn is_said(item: &Item, note: &Note) -> bool {
    match note {
        Note::Managed { engine, .. } => item.container.engine() == Some(*engine),
        Note::Record(problem) => item.container.problem.as_ref() == Some(problem),
        Note::Emptied
        | Note::Recycled(_)
        | Note::NoCgroup
        | Note::CgroupByName(_)
        | Note::FrozenOutside(_)
        | Note::PidsWereShared
        | Note::CgroupShared { .. }
        | Note::CgroupsSpared(_)
        | Note::ResctrlSpared { .. }
        | Note::PinSpared(_) => false,
    }
}

/// Every container, one after the other.
fn several(model: &Model, order: AskedAct, items: &[Item]) -> Vec<String> {
    let ready = items.iter().filter(|item| item.ready().is_some()).count();
    let processes: usize = items
        .iter()
        .filter_map(|item| item.preview.as_ref())
        .map(|preview| preview.processes)
        .sum();
    let mut lines = vec![format!(
        "{} containers, {ready} ready, {processes} processes in all:",
        items.len()
    )];
    for item in items {
        let container = &item.container;
        let runtime = container
            .runtime
            .map_or_else(|| "unknown".to_owned(), |rt| rt.to_string());
        lines.push(container.key.label());
        let root = visible_path(container.key.root());
        lines.push(format!(
            "    {runtime} {root}  {}  init {}",
            changed(item),
            super::detail::init(model, container)
        ));
        let problem = container.problem.as_ref();
        lines.extend(problem.map(|problem| format!("    ! {}", safe(problem))));
        lines.push(format!("    {}", summary(item)));
        lines.extend(
            warnings(order, item)
                .into_iter()
                .map(|line| format!("    {line}")),
        );
    }
    lines
}

fn summary(item: &Item) -> String {
    match (&item.job, &item.preview) {
        _ if item.gone => "! gone: nothing will be done to it".to_owned(),
        (Err(why), _) => format!("! not possible: {}", safe(why)),
        (Ok(_), None) => "looking ...".to_owned(),
        (Ok(job), Some(preview)) => foreseen(job, preview),
    }
}

fn foreseen(job: &Job, preview: &Preview) -> String {
    if let Some(why) = &preview.refused {
        return format!("! refused: {}", safe(&why.words()));
    }
    let steps = preview.plan.0.iter();
    let words: Vec<&str> = steps.map(|planned| planned.step.word()).collect();
    let force = if matches!(job, Job::Delete(_, Force::Yes)) {
        "force: "
    } else {
        ""
    };
    let count = preview.processes;
    let noun = if count == 1 { "process" } else { "processes" };
    format!("{force}{} ({count} {noun})", words.join(", "))
}

/// What must be done before it can be confirmed.
fn foot(dialog: &Confirm, airy: bool) -> Vec<String> {
    let Some(why) = dialog.caution().filter(|_| !dialog.is_void()) else {
        return Vec::new();
    };
    let (typed, word) = (visible(&dialog.typed), dialog.order.word());
    let air = airy.then(String::new);
    let line = format!("{why}: type {word} to arm: [{typed}_]");
    air.into_iter().chain([line]).collect()
}

fn buttons(model: &Model, dialog: &Confirm) -> Line<'static> {
    if dialog.is_void() {
        return popup::buttons(
            model,
            crate::tui::modal::Button::Cancel,
            "Close",
            "-",
            false,
        );
    }
    let verb = match dialog.order {
        AskedAct::Delete if dialog.forces() => "Force delete",
        AskedAct::Delete => "Delete",
        AskedAct::Signal(_) | AskedAct::SignalProcess(..) => "Send",
        AskedAct::Stop => "Stop",
        AskedAct::Pause if dialog.resumes() => "Resume",
        AskedAct::Pause => "Pause",
        AskedAct::Start => "Start",
    };
    let go = match (dialog.is_pending(), dialog.caution(), dialog.is_armed()) {
        (true, _, _) => format!("{verb} (looking)"),
        (_, None, _) => format!("y {verb}"),
        (_, Some(_), true) => format!("{verb} (armed)"),
        (_, Some(_), false) => format!("{verb} (not armed)"),
    };
    popup::buttons(model, dialog.button, "Cancel", &go, dialog.can_go())
}
