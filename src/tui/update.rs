//! The one place where the model changes: an event comes in, effects go out. No I/O, no clock.

mod dialogs;
mod entries;
mod history;
mod inspect;
mod jobs;
mod keys;
mod leftovers;
mod menus;
mod mouse;
mod opened;
mod panes;
mod processes;
mod rdt;
mod sight;
mod why;

use std::sync::Arc;

use ratatui::crossterm::event::{Event as Input, KeyEventKind};
use ratatui::layout::Size;

use crate::inventory::Snapshot;
use crate::lifecycle::{Job, Preview, StepEvent, StepKind, Verdict};
use crate::oci::ContainerKey;

use super::effect::Effect;
use super::event::{Event, EventKind};
use super::keymap::Press;
use super::log_pane::Tone;
use super::modal::{AskedAct, Confirm, Modal};
use super::model::Model;

/// Takes an event in; gives back what is to be done outside.
pub fn update(model: &mut Model, event: Event) -> Vec<Effect> {
    // Answers of workers overtake each other; the clock on the screen must not go back.
    if event.at.uptime >= model.now.uptime {
        model.now = event.at;
    }
    let mut effects = take(model, event);
    effects.extend(rdt::ask(model));
    effects.extend(leftovers::search(model));
    effects
}

fn take(model: &mut Model, event: Event) -> Vec<Effect> {
    match event.kind {
        EventKind::Input(input) => take_input(model, input, event.at.uptime),
        EventKind::Snapshot(snapshot) => take_snapshot(model, snapshot),
        EventKind::Rdt(view) => {
            rdt::take(model, view);
            Vec::new()
        }
        EventKind::Leftovers(found) => {
            leftovers::take(model, found);
            Vec::new()
        }
        EventKind::Processes(listing) => {
            processes::take(model, listing);
            Vec::new()
        }
        EventKind::Diagnosis { key, answer } => {
            why::take(model, &key, answer);
            Vec::new()
        }
        EventKind::Step(step) => take_step(model, &step),
        EventKind::JobDone { key, verdict } => finish(model, &key, &verdict),
        EventKind::Preview {
            ticket,
            index,
            preview,
        } => {
            take_preview(model, ticket, index, preview);
            Vec::new()
        }
        EventKind::Inspected { ticket, lines } => {
            take_page(model, ticket, lines);
            Vec::new()
        }
        EventKind::Said { failed, text } => {
            let mark = if failed { Tone::Bad } else { Tone::None };
            model.log.say(model.now.wall, mark, text);
            Vec::new()
        }
        EventKind::ThreadLost(name) => {
            lose_thread(model, &name);
            Vec::new()
        }
        // Whoever sends a signal does not wait for a step that may wait ten seconds. Every step
        // can be repeated, so nothing is lost but the report.
        EventKind::Terminate(_) => vec![Effect::Quit],
        EventKind::Suspend => vec![Effect::Suspend],
        EventKind::Continued => vec![Effect::Reenter],
        EventKind::Drawn => {
            if let Some(open) = &mut model.open {
                open.shown.get_or_insert(event.at.uptime);
            }
            Vec::new()
        }
        EventKind::Tick => Vec::new(),
    }
}

fn take_page(model: &mut Model, ticket: u64, lines: Vec<String>) {
    if let Some(open) = model.open.as_mut().filter(|open| open.ticket == ticket)
        && let Modal::Page(page) = &mut open.modal
    {
        page.lines = lines;
        page.pending = false;
    }
}

fn lose_thread(model: &mut Model, name: &str) {
    match name {
        "rdt" => model.rdt.lost(),
        "leftovers" => model.leftovers.lost(),
        _ => {}
    }
    let text = format!("thread {name} ended unexpectedly; the log file says why");
    model.log.say(model.now.wall, Tone::Bad, text);
}

fn take_input(model: &mut Model, input: Input, at: std::time::Duration) -> Vec<Effect> {
    match input {
        Input::Key(key) if key.kind != KeyEventKind::Release => press(model, Press::from(&key), at),
        Input::Mouse(event) => mouse::point(model, event),
        Input::Resize(width, height) => {
            resize(model, Size::new(width, height));
            Vec::new()
        }
        // A paste is text, never commands: what was copied by mistake must not delete anything.
        Input::Paste(text) => {
            dialogs::paste(model, &text);
            Vec::new()
        }
        Input::FocusGained | Input::FocusLost | Input::Key(_) => Vec::new(),
    }
}

/// A key was pressed: for the dialog that is open, or for what is behind it.
fn press(model: &mut Model, press: Press, at: std::time::Duration) -> Vec<Effect> {
    if model.open.is_some() {
        dialogs::press(model, press, at)
    } else {
        keys::press(model, press)
    }
}

/// The screen has another size.
fn resize(model: &mut Model, size: Size) {
    model.size = size;
    panes::settle_focus(model);
    model.follow();
    processes::settle(model);
}

fn take_snapshot(model: &mut Model, snapshot: Arc<Snapshot>) -> Vec<Effect> {
    model.list.selection.forget_gone(&snapshot.containers);
    model.deeds.forget_gone(&snapshot.containers);
    if let Some(Modal::Confirm(confirm)) = model.open.as_mut().map(|open| &mut open.modal) {
        check_pinned(confirm, &snapshot);
    }
    model.latest = Some(snapshot);
    model.arrange();
    Vec::new()
}

/// The dialog's targets are pinned; it says what has become of them since.
fn check_pinned(confirm: &mut Confirm, snapshot: &Snapshot) {
    for item in &mut confirm.items {
        let found = snapshot
            .containers
            .iter()
            .find(|c| c.key == item.container.key);
        match found {
            Some(container) if container.state_dir == item.container.state_dir => {
                item.now = container.condition;
            }
            // Once gone it stays gone: what has its name now is another container.
            _ => item.gone = true,
        }
    }
}

fn take_preview(model: &mut Model, ticket: u64, index: usize, preview: Preview) {
    let Some(open) = model.open.as_mut().filter(|open| open.ticket == ticket) else {
        return;
    };
    let place = match &mut open.modal {
        Modal::Confirm(confirm) => confirm.items.get_mut(index).map(|item| &mut item.preview),
        Modal::Clean(dialog) => dialog.items.get_mut(index).map(|item| &mut item.preview),
        Modal::Prompt(_) | Modal::Menu(_) | Modal::Leave(_) | Modal::Page(_) | Modal::Why(_) => {
            None
        }
    };
    if let Some(place) = place {
        *place = Some(preview);
        // What can be confirmed has only now become visible: the guard begins again.
        open.shown = None;
    }
}

fn take_step(model: &mut Model, event: &StepEvent) -> Vec<Effect> {
    let mut total = 0;
    if let Some(running) = model.jobs.get_mut(&event.key) {
        match &event.kind {
            StepKind::Planned { plan } => running.total = plan.0.len(),
            StepKind::Started { number, step } | StepKind::Waiting { number, step, .. } => {
                running.step = Some((*number, step.word()));
            }
            StepKind::Ended { .. } => running.held = model.leaving,
            StepKind::Noted { .. } | StepKind::Finished { .. } => {}
        }
        total = running.total;
    }
    model.log.step(event, total);
    jobs::leave_if_idle(model)
}

fn finish(model: &mut Model, key: &ContainerKey, verdict: &Verdict) -> Vec<Effect> {
    let Some(running) = model.jobs.remove(key) else {
        return Vec::new();
    };
    model
        .log
        .verdict(model.now.wall, key, running.job.verb(), verdict);
    jobs::over(model, &running, verdict);
    if matches!(running.job, Job::Stop(_)) && !verdict.is_clean() {
        let mut effects = ask_to_kill(model, key);
        effects.push(Effect::Rescan);
        return effects;
    }
    // What is left, or left no more, is looked for again.
    model.leftovers.forget_time();
    let mut effects = vec![Effect::Rescan];
    effects.extend(jobs::leave_if_idle(model));
    effects
}

/// It did not end on SIGTERM: the next step is the operator's.
fn ask_to_kill(model: &mut Model, key: &ContainerKey) -> Vec<Effect> {
    let container = model.latest.as_ref().and_then(|snapshot| {
        let found = snapshot.containers.iter().find(|c| c.key == *key);
        found.cloned()
    });
    if let Some(container) = container
        && model.open.is_none()
        && !model.leaving
    {
        return jobs::ask(
            model,
            AskedAct::Signal(crate::kernel::Signal::KILL),
            vec![container],
        );
    }
    let text = "it did not end on SIGTERM; K sends SIGKILL".to_owned();
    model
        .log
        .say_about(model.now.wall, Some(key.clone()), Tone::Warning, text);
    Vec::new()
}
