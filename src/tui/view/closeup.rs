//! What is known of the selected process: its state and how long it lasts, where in the kernel it
//! is and on which file, signals that wait, and what all that means for a kill.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::inventory::processes::{Closeup, Process, Source};
use crate::tui::measure::{self, cut, wrap};
use crate::tui::model::Model;

/// The lower part of the view.
pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let process = model.processes.selected();
    let title = process.map_or_else(
        || "process".to_owned(),
        |process| format!("pid {}", process.who.pid),
    );
    let block = model.look.pane(&title, false);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let Some(process) = process else {
        return;
    };
    let columns = usize::from(inside.width);
    // Where there are three rows each line has to do with one.
    let text: Vec<String> = if inside.height < 5 {
        let lines = short(model, process).into_iter();
        lines.map(|line| cut(&line, columns)).collect()
    } else {
        let lines = lines(model, process).into_iter();
        lines.flat_map(|line| wrap(&line, columns)).collect()
    };
    let lines: Vec<Line<'_>> = text.into_iter().map(Line::raw).collect();
    frame.render_widget(Paragraph::new(lines), inside);
}

fn closeup<'a>(model: &'a Model, process: &Process) -> Option<&'a Closeup> {
    let closeup = model.processes.listing.as_ref()?.closeup.as_ref();
    closeup.filter(|closeup| closeup.who == process.who)
}

/// Everything, a line each.
pub(crate) fn lines(model: &Model, process: &Process) -> Vec<String> {
    let closeup = closeup(model, process);
    let mut out = vec![
        state(process),
        format!(
            "user {}  parent {}  started {} ago (tick {})  rss {}  cpu time {}",
            process.user,
            process.parent,
            measure::age(process.age),
            process.who.start_time,
            process
                .resident
                .map_or_else(|| "-".to_owned(), measure::bytes),
            cpu_time(model, process),
        ),
    ];
    let inside = process
        .inside
        .map(|pid| format!("pid {pid} in its own pid namespace"));
    let place = process.is_init.then(|| "the container's init".to_owned());
    let more: Vec<_> = place
        .into_iter()
        .chain(inside)
        .chain(process.remarks())
        .collect();
    if !more.is_empty() {
        out.push(more.join(", "));
    }
    out.push(format!("wchan {}", process.wchan.as_deref().unwrap_or("-")));
    if let Some(closeup) = closeup {
        out.push(format!("syscall {}", syscall(closeup)));
        out.push(stack(closeup));
    }
    out.extend(reading(process, closeup));
    out.push(format!("command {}", process.command));
    out
}

/// The same in three lines.
fn short(model: &Model, process: &Process) -> Vec<String> {
    let closeup = closeup(model, process);
    let mut place = format!("wchan {}", process.wchan.as_deref().unwrap_or("-"));
    if let Some(closeup) = closeup {
        place = format!("syscall {}", syscall(closeup));
        if !closeup.stack.is_empty() {
            write!(place, "  {}", closeup.stack.join(" < ")).ok();
        }
    }
    let last = reading(process, closeup).unwrap_or_else(|| process.command.clone());
    vec![state(process), place, last]
}

/// The state, how long it lasts, and the signals that wait.
fn state(process: &Process) -> String {
    let held = &process.held;
    let mut text = format!("pid {}  {}", process.who.pid, process.state);
    if held.looks > 1 {
        let age = measure::age(held.time);
        write!(text, " at all {} looks for {age}", held.looks).ok();
        match held.switches {
            Some(0) => text.push_str(", no context switch since"),
            Some(count) => write!(text, ", {count} context switches").unwrap_or_default(),
            None => {}
        }
    }
    let pending: Vec<String> = process.pending.iter().map(|s| s.to_string()).collect();
    if !pending.is_empty() && !process.is_zombie() {
        write!(text, "   pending {}", pending.join(" ")).ok();
    }
    text
}

fn cpu_time(model: &Model, process: &Process) -> String {
    let ticks = model.snapshot().map_or(100, |snapshot| snapshot.host.ticks);
    let seconds = process.ticks as f64 / ticks.max(1) as f64;
    format!("{seconds:.2} s")
}

fn syscall(closeup: &Closeup) -> String {
    let mut text = match (&closeup.syscall, closeup.silent) {
        (Some(syscall), _) => syscall.to_string(),
        (None, Some(time)) => format!("- (not answering for {} s)", time.as_secs()),
        (None, None) => "-".to_owned(),
    };
    if let Some(file) = &closeup.file {
        write!(text, " on {file}").ok();
    }
    text
}

fn stack(closeup: &Closeup) -> String {
    match closeup.stack.as_slice() {
        [] => "stack -".to_owned(),
        frames => format!("stack {}", frames.join(" < ")),
    }
}

/// What that means for whoever wants to end it.
fn reading(process: &Process, closeup: Option<&Closeup>) -> Option<String> {
    let meaning = if process.is_zombie() {
        format!(
            "dead; no signal does anything: its parent, pid {}, has to reap it",
            process.parent
        )
    } else if process.is_stuck() {
        let file = closeup.and_then(|closeup| closeup.file.as_ref());
        let on = file.map(|file| format!(" on {file}")).unwrap_or_default();
        format!("waits in the kernel{on}: a signal takes effect when that ends")
    } else if process.frozen {
        "frozen with its cgroup: signals may wait until it is resumed".to_owned()
    } else if matches!(process.source, Source::Silent(_)) {
        "its memory is locked: who holds it, waits for something in the kernel".to_owned()
    } else {
        return None;
    };
    Some(format!("reading {meaning}"))
}
