//! From a wish to the engine: dialogs that ask, one job per container.

use std::sync::Arc;

use crate::inventory::Container;
use crate::lifecycle::Job;
use crate::tui::effect::Effect;
use crate::tui::log_pane::Mark;
use crate::tui::modal::{Button, Confirm, Modal, Order};
use crate::tui::model::{Model, Running};

use super::dialogs::open;

/// A key that acts was pressed.
pub(super) fn order(model: &mut Model, order: Order) -> Vec<Effect> {
    let targets = model.targets();
    if targets.is_empty() {
        model.log.say(
            model.now.wall,
            Mark::None,
            "no container to act on".to_owned(),
        );
        return Vec::new();
    }
    let gentle = matches!(order, Order::Pause | Order::Start);
    match targets.as_slice() {
        [one] if gentle => direct(model, order, one),
        _ => ask(model, order, targets),
    }
}

/// Pausing and starting can be undone, so one container needs no question.
fn direct(model: &mut Model, order: Order, container: &Container) -> Vec<Effect> {
    match order.job(container) {
        Ok(job) => submit(model, job).into_iter().collect(),
        Err(why) => {
            let text = format!("{}: {why}", order.word());
            let subject = Some(container.key.clone());
            model
                .log
                .say_about(model.now.wall, subject, Mark::Warning, text);
            Vec::new()
        }
    }
}

/// Opens the dialog, and has worked out what would be done.
pub(super) fn ask(model: &mut Model, order: Order, targets: Vec<Arc<Container>>) -> Vec<Effect> {
    let free = without_busy(model, targets);
    if free.is_empty() {
        return Vec::new();
    }
    let confirm = Confirm::new(order, free);
    let jobs = confirm.items.iter().enumerate();
    let jobs = jobs
        .filter_map(|(at, item)| Some((at, item.job.clone().ok()?)))
        .collect();
    let ticket = open(model, Modal::Confirm(confirm));
    vec![Effect::Preview { ticket, jobs }]
}

/// Leaves out, and says, what has a job already.
fn without_busy(model: &mut Model, targets: Vec<Arc<Container>>) -> Vec<Arc<Container>> {
    let (busy, free): (Vec<_>, Vec<_>) = targets
        .into_iter()
        .partition(|container| model.jobs.contains_key(&container.key));
    for container in busy {
        refuse_busy(model, &container.key);
    }
    free
}

fn refuse_busy(model: &mut Model, key: &crate::oci::ContainerKey) {
    let Some(running) = model.jobs.get(key) else {
        return;
    };
    let text = format!("not now: {} is under way", running.job.verb());
    model
        .log
        .say_about(model.now.wall, Some(key.clone()), Mark::Warning, text);
}

/// Hands a job to the engine, unless its container has one.
pub(super) fn submit(model: &mut Model, job: Job) -> Option<Effect> {
    let key = job.target().key.clone();
    if model.jobs.contains_key(&key) {
        refuse_busy(model, &key);
        return None;
    }
    if model.leaving {
        let text = "not now: ocitop is about to end".to_owned();
        model
            .log
            .say_about(model.now.wall, Some(key), Mark::Warning, text);
        return None;
    }
    let text = match &job {
        Job::Kill(_, signal) => format!("{} {signal} asked", job.verb()),
        Job::SignalOne(_, process, signal) => {
            format!("{} {signal} to pid {} asked", job.verb(), process.pid)
        }
        _ => format!("{} asked", job.verb()),
    };
    model
        .log
        .say_about(model.now.wall, Some(key.clone()), Mark::None, text);
    let running = Running {
        job: job.clone(),
        since: model.now,
        step: None,
        total: 0,
        held: false,
    };
    model.jobs.insert(key, running);
    Some(Effect::Submit(job))
}

/// The operator said yes.
pub(super) fn confirmed(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Confirm(confirm)) = model.open.take().map(|open| open.modal) else {
        return Vec::new();
    };
    let jobs: Vec<Job> = confirm
        .items
        .iter()
        .filter_map(|item| item.ready().cloned())
        .collect();
    let effects = jobs
        .into_iter()
        .filter_map(|job| submit(model, job))
        .collect();
    model.list.selection.clear();
    effects
}

/// Leaves, or asks first while the engine works.
pub(super) fn quit(model: &mut Model) -> Vec<Effect> {
    if model.jobs.is_empty() || model.leaving {
        return vec![Effect::Quit];
    }
    open(model, Modal::Leave(Button::Cancel));
    Vec::new()
}

/// Leaves when the running steps are over.
pub(super) fn leave(model: &mut Model) -> Vec<Effect> {
    model.open = None;
    model.leaving = true;
    let text = "leaving after the present step; q again leaves at once".to_owned();
    model.log.say(model.now.wall, Mark::None, text);
    let mut effects = vec![Effect::HoldJobs];
    effects.extend(super::leave_if_idle(model));
    effects
}
