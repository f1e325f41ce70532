//! From a wish to the engine: dialogs that ask, one job per container.

use std::sync::Arc;

use crate::inventory::Container;
use crate::lifecycle::{Job, Verdict};
use crate::oci::ContainerKey;
use crate::tui::deeds::{Act, Deed, Ending};
use crate::tui::effect::Effect;
use crate::tui::log_pane::Tone;
use crate::tui::modal::{AskedAct, Button, Confirm, Modal};
use crate::tui::model::{Model, Running};
use crate::tui::place::View;

use super::opened::open;

/// A key that acts was pressed.
pub(super) fn order(model: &mut Model, order: AskedAct) -> Vec<Effect> {
    let targets = model.targets();
    if targets.is_empty() {
        model.log.say(
            model.now.wall,
            Tone::None,
            "no container to act on".to_owned(),
        );
        return Vec::new();
    }
    let gentle = matches!(order, AskedAct::Pause | AskedAct::Start);
    match targets.as_slice() {
        [one] if gentle => direct(model, order, one),
        _ => ask(model, order, targets),
    }
}

/// Pausing and starting can be undone, so one container needs no question.
fn direct(model: &mut Model, order: AskedAct, container: &Container) -> Vec<Effect> {
    match order.job(container) {
        Ok(job) => submit(model, job).into_iter().collect(),
        Err(why) => {
            let text = format!("{}: {why}", order.word());
            let subject = Some(container.key.clone());
            model
                .log
                .say_about(model.now.wall, subject, Tone::Warning, text);
            not_begun(
                model,
                &container.key,
                Act::ordered(order),
                Ending::Unfit(why),
            );
            Vec::new()
        }
    }
}

/// Opens the dialog, and has worked out what would be done.
pub(super) fn ask(model: &mut Model, order: AskedAct, targets: Vec<Arc<Container>>) -> Vec<Effect> {
    let free = without_busy(model, order, targets);
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
fn without_busy(
    model: &mut Model,
    order: AskedAct,
    targets: Vec<Arc<Container>>,
) -> Vec<Arc<Container>> {
    let (busy, free): (Vec<_>, Vec<_>) = targets
        .into_iter()
        .partition(|container| model.jobs.contains_key(&container.key));
    for container in busy {
        refuse_busy(model, &container.key, Act::ordered(order));
    }
    free
}

fn refuse_busy(model: &mut Model, key: &ContainerKey, act: Act) {
    let Some(running) = model.jobs.get(key) else {
        return;
    };
    let verb = running.job.verb();
    let text = format!("not now: {verb} is under way");
    model
        .log
        .say_about(model.now.wall, Some(key.clone()), Tone::Warning, text);
    not_begun(model, key, act, Ending::Busy(verb));
}

/// The history tells of what was asked for and not begun, too.
pub(super) fn not_begun(model: &mut Model, key: &ContainerKey, act: Act, ending: Ending) {
    model.deeds.over(Deed {
        at: model.now.wall,
        took: None,
        key: key.clone(),
        state_dir: None,
        act,
        ending,
    });
}

/// A job is over: what the engine says of it is kept.
pub(super) fn over(model: &mut Model, running: &Running, verdict: &Verdict) {
    let target = running.job.target();
    model.deeds.over(Deed {
        at: model.now.wall,
        took: Some(model.now.uptime.saturating_sub(running.since.uptime)),
        key: target.key.clone(),
        state_dir: Some(target.state_dir),
        act: Act::of(&running.job),
        ending: Ending::Ended(verdict.clone()),
    });
    if verdict.is_clean() {
        // What failed stays marked: that is what is left to do.
        model.list.selection.unmark(&target.key);
        model.leftovers.unmark(&target.key);
    }
    model.arrange();
}

/// The operator knows what failed here.
pub(super) fn put_away(model: &mut Model) {
    let keys: Vec<ContainerKey> = if model.view == View::Leftovers {
        let targets = model.leftovers.targets().into_iter().map(|one| one.key);
        targets
            .filter(|key| model.deeds.put_away_key(key))
            .collect()
    } else {
        let targets = model.targets().into_iter();
        let known = targets.filter(|one| model.deeds.put_away(one));
        known.map(|one| one.key.clone()).collect()
    };
    let text = if keys.is_empty() {
        "nothing failed here that could be put away"
    } else {
        "put away: what failed here is known"
    };
    let subject = keys.first().filter(|_| keys.len() == 1).cloned();
    model
        .log
        .say_about(model.now.wall, subject, Tone::None, text.to_owned());
    model.arrange();
}

/// Hands a job to the engine, unless its container has one.
pub(super) fn submit(model: &mut Model, job: Job) -> Option<Effect> {
    let key = job.target().key.clone();
    if model.jobs.contains_key(&key) {
        refuse_busy(model, &key, Act::of(&job));
        return None;
    }
    if model.leaving {
        let text = "not now: ocitop is about to end".to_owned();
        not_begun(model, &key, Act::of(&job), Ending::Leaving);
        model
            .log
            .say_about(model.now.wall, Some(key), Tone::Warning, text);
        return None;
    }
    let text = match &job {
        Job::Kill(_, signal) => format!("{} {signal} asked", job.verb()),
        Job::SignalOne(_, process, signal) => {
            format!("{} {signal} to pid {} asked", job.verb(), process.pid)
        }
        Job::Delete(..)
        | Job::KillAll(..)
        | Job::Stop(_)
        | Job::Pause(_)
        | Job::Resume(_)
        | Job::Start(_)
        | Job::Clean(..) => format!("{} asked", job.verb()),
    };
    model
        .log
        .say_about(model.now.wall, Some(key.clone()), Tone::None, text);
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
    model.list.selection.end_range();
    let mut effects = Vec::new();
    for item in &confirm.items {
        if let Some(job) = item.ready() {
            effects.extend(submit(model, job.clone()));
            continue;
        }
        let act = match &item.job {
            Ok(job) => Act::of(job),
            Err(_) => Act::ordered(confirm.order),
        };
        not_begun(
            model,
            &item.container.key,
            act,
            Ending::Refused(item.refusal()),
        );
    }
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
    model.log.say(model.now.wall, Tone::None, text);
    let mut effects = vec![Effect::HoldJobs];
    effects.extend(leave_if_idle(model));
    effects
}

/// Leaves when that was asked for and no step runs.
pub(super) fn leave_if_idle(model: &Model) -> Vec<Effect> {
    if model.leaving && model.jobs.values().all(Running::may_be_left) {
        return vec![Effect::Quit];
    }
    Vec::new()
}
