//! The dialog that asks before something is done to containers.

use super::button::{Button, MANY};
use super::ready::{ready, refusal};
use crate::inventory::processes::Process;
use crate::inventory::{Condition, Container};
use crate::kernel::Signal;
use crate::lifecycle::{Force, Job, Preview, Target};
use crate::oci::Status;
use crate::process::InitProcess;
use std::sync::Arc;

/// What is asked to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskedAct {
    Delete,
    Signal(Signal),
    /// To one process of the container.
    SignalProcess(InitProcess, Signal),
    Stop,
    /// Pause what runs, resume what is paused.
    Pause,
    Start,
}

impl AskedAct {
    /// The engine's job for a container, or why there is none.
    pub(crate) fn job(self, container: &Container) -> Result<Job, String> {
        let target = Target::of(container).map_err(|error| crate::text::chain(&error))?;
        let condition = container.condition;
        match self {
            Self::Delete => Ok(Job::Delete(target, force(condition))),
            Self::Signal(signal) => Ok(Job::Kill(target, signal)),
            Self::SignalProcess(process, signal) => Ok(Job::SignalOne(target, process, signal)),
            Self::Stop => match condition {
                Condition::Known(Status::Stopped) => Err("it is stopped already".to_owned()),
                Condition::Known(_)
                | Condition::Freezing
                | Condition::Broken
                | Condition::Unknown(_) => Ok(Job::Stop(target)),
            },
            Self::Pause => match condition {
                Condition::Known(Status::Paused) | Condition::Freezing => Ok(Job::Resume(target)),
                Condition::Known(Status::Running | Status::Created) => Ok(Job::Pause(target)),
                other @ (Condition::Known(_) | Condition::Broken | Condition::Unknown(_)) => {
                    Err(format!("it is {other}: nothing to pause or resume"))
                }
            },
            Self::Start => match condition {
                Condition::Known(Status::Created) => Ok(Job::Start(target)),
                other @ (Condition::Known(_)
                | Condition::Freezing
                | Condition::Broken
                | Condition::Unknown(_)) => {
                    Err(format!("it is {other}: only a created one can be started"))
                }
            },
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Signal(_) | Self::SignalProcess(..) => "signal",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::Start => "start",
        }
    }
}

/// What is not known to be down has to be forced; what is down must not be.
pub(super) fn force(condition: Condition) -> Force {
    match condition {
        Condition::Known(Status::Stopped | Status::Created) => Force::No,
        Condition::Known(Status::Creating | Status::Running | Status::Paused)
        | Condition::Freezing
        | Condition::Broken
        | Condition::Unknown(_) => Force::Yes,
    }
}

/// Asks before something is done to containers. They are pinned as they were when it opened.
#[derive(Debug)]
pub(crate) struct Confirm {
    pub(crate) order: AskedAct,
    pub(crate) items: Vec<Item>,
    /// The process that a signal to one is for, as it was when it opened.
    pub(crate) process: Option<Arc<Process>>,
    pub(crate) button: Button,
    /// What was typed to arm it.
    pub(crate) typed: String,
    pub(crate) scroll: usize,
}

#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) container: Arc<Container>,
    pub(crate) job: Result<Job, String>,
    pub(crate) preview: Option<Preview>,
    /// It vanished, or another one took its place, since the dialog opened.
    pub(crate) gone: bool,
    /// Its status by now.
    pub(crate) now: Condition,
}

impl Item {
    pub(crate) fn new(order: AskedAct, container: Arc<Container>) -> Self {
        Self {
            job: order.job(&container),
            now: container.condition,
            preview: None,
            gone: false,
            container,
        }
    }

    fn is_pending(&self) -> bool {
        self.job.is_ok() && !self.gone && self.preview.is_none()
    }

    /// Its job, if nothing stands against it.
    pub(crate) fn ready(&self) -> Option<&Job> {
        ready(&self.job, self.preview.as_ref()).filter(|_| !self.gone)
    }

    /// Why it is not ready; safe to print.
    pub(crate) fn refusal(&self) -> String {
        refusal(
            &self.job,
            self.preview.as_ref(),
            "it is gone, or another one by now",
        )
    }
}

impl Confirm {
    pub(crate) fn new(
        order: AskedAct,
        containers: impl IntoIterator<Item = Arc<Container>>,
    ) -> Self {
        Self {
            order,
            items: containers
                .into_iter()
                .map(|c| Item::new(order, c))
                .collect(),
            process: None,
            button: Button::Cancel,
            typed: String::new(),
            scroll: 0,
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.items.iter().any(Item::is_pending)
    }

    /// Why a word must be typed, if it must.
    pub(crate) fn caution(&self) -> Option<&'static str> {
        let uninterruptible =
            |item: &Item| item.preview.as_ref().is_some_and(|p| p.uninterruptible > 0);
        if self.items.len() > MANY {
            return Some("More than three marked");
        }
        if self.order != AskedAct::Delete {
            return None;
        }
        if self
            .items
            .iter()
            .any(|item| item.container.manager.is_some())
        {
            return Some("Owned by another manager");
        }
        self.items
            .iter()
            .any(uninterruptible)
            .then_some("A process is in D state")
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.caution().is_none() || self.typed == self.order.word()
    }

    /// Whether nothing is left that could be done.
    pub(crate) fn is_void(&self) -> bool {
        !self.is_pending() && self.items.iter().all(|item| item.ready().is_none())
    }

    pub(crate) fn can_go(&self) -> bool {
        self.is_armed() && !self.is_pending() && !self.is_void()
    }

    /// Whether all that is paused or resumed is resumed.
    pub(crate) fn resumes(&self) -> bool {
        let resumed = |item: &Item| matches!(item.job, Ok(Job::Resume(_)));
        self.items.iter().all(resumed)
    }

    /// Whether any of the deletes kills.
    pub(crate) fn forces(&self) -> bool {
        let forced = |item: &Item| matches!(item.job, Ok(Job::Delete(_, Force::Yes)));
        self.items.iter().any(forced)
    }
}
