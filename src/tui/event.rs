//! What can happen to the screen. Every event carries its time, so `update` needs no clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::Event as Input;

use crate::diagnosis::Diagnosis;
use crate::inventory::Snapshot;
use crate::inventory::processes::Listing;
use crate::inventory::rdt::RdtView;
use crate::leftovers::FoundLeftovers;
use crate::lifecycle::{Preview, StepEvent, Verdict};
use crate::oci::ContainerKey;

/// A moment on both clocks: one that never jumps, one that people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Time since the screen started.
    pub uptime: Duration,
    /// Wall clock.
    pub wall: jiff::Timestamp,
}

impl Moment {
    /// Now, counted from `start`.
    pub fn now(start: Instant) -> Self {
        Self {
            uptime: start.elapsed(),
            wall: jiff::Timestamp::now(),
        }
    }
}

/// Something that happened, and when.
#[derive(Debug, Clone)]
pub struct Event {
    /// When it was noticed, which may be long before it is dealt with.
    pub at: Moment,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum EventKind {
    /// A key, the mouse, a paste or a new size.
    Input(Input),
    /// A scan is over.
    Snapshot(Arc<Snapshot>),
    /// resctrl was read.
    Rdt(Arc<RdtView>),
    /// The processes of a container were read.
    Processes(Arc<Listing>),
    /// Leftovers were looked for.
    Leftovers(Arc<FoundLeftovers>),
    /// A container was examined.
    Diagnosis {
        /// Which.
        key: ContainerKey,
        /// What was found, or why it could not be; safe to print.
        answer: Result<Arc<Diagnosis>, String>,
    },
    /// The engine reports.
    Step(StepEvent),
    /// The engine is done with a container, whichever way; its row is free again.
    JobDone {
        /// Which container.
        key: ContainerKey,
        /// How it ended.
        verdict: Verdict,
    },
    /// What a dialog asked for.
    Preview {
        /// The dialog's number.
        ticket: u64,
        /// Which of its containers.
        index: usize,
        /// The answer.
        preview: Preview,
    },
    /// State and configuration as read.
    Inspected {
        /// The dialog's number.
        ticket: u64,
        /// Its lines, safe to print.
        lines: Vec<String>,
    },
    /// A line for the log pane.
    Said {
        /// Whether it reports a failure.
        failed: bool,
        /// The line, safe to print.
        text: String,
    },
    /// A thread ended that should not have.
    ThreadLost(String),
    /// A signal asks ocitop to end.
    Terminate(&'static str),
    /// A signal asks ocitop to stop (SIGTSTP).
    Suspend,
    /// ocitop goes on after it was stopped (SIGCONT).
    Continued,
    /// The screen has been drawn since the last event.
    Drawn,
    /// Time has passed without anything else.
    Tick,
}
