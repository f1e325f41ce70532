//! The thread that examines the container whose page is open, again and again for as long as it is.
//! It alone waits for that.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::diagnosis::Examiner;
use crate::leftovers::Leftover;
use crate::oci::ContainerKey;
use crate::tui::event::EventKind;
use crate::tui::host::JobHost;
use crate::tui::modal::WhySubject;

use super::mailbox::{Mailbox, panic_if_asked, spawn};

/// An examination that takes long is not made more often than leaves this many times its time free.
const REST: u32 = 4;

/// What it is told: what to examine how often; nothing, when no page is open.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct DiagnosisRequest {
    pub(super) what: Option<ExaminedState>,
    pub(super) interval: Duration,
}

/// What of a subject an examination depends on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ExaminedState {
    Container(ContainerKey),
    Leftover(Arc<Leftover>),
}

impl From<WhySubject> for ExaminedState {
    fn from(subject: WhySubject) -> Self {
        match subject {
            WhySubject::Container(container) => Self::Container(container.key.clone()),
            WhySubject::Leftover(leftover) => Self::Leftover(leftover),
        }
    }
}

pub(super) fn start(mailbox: &Mailbox, host: JobHost) -> io::Result<Sender<DiagnosisRequest>> {
    let (sender, orders) = mpsc::channel();
    spawn("diagnosis", mailbox, move |mailbox| {
        examine_loop(mailbox, host.examiner(), &orders);
    })?;
    Ok(sender)
}

fn examine_loop(mailbox: &Mailbox, mut examiner: Examiner, orders: &Receiver<DiagnosisRequest>) {
    let mut order = DiagnosisRequest::default();
    loop {
        let Some(what) = order.what.clone() else {
            match orders.recv() {
                Ok(next) => order = newest(next, orders),
                Err(_) => return,
            }
            continue;
        };
        panic_if_asked("diagnosis", true);
        let began = Instant::now();
        let (key, answer) = match what {
            ExaminedState::Container(key) => (key.clone(), examiner.examine(&key)),
            ExaminedState::Leftover(left) => (left.key.clone(), examiner.examine_leftover(&left)),
        };
        let answer = match answer {
            Ok(diagnosis) => Ok(Arc::new(diagnosis)),
            Err(error) => Err(crate::text::chain(&error)),
        };
        if !mailbox.send(EventKind::Diagnosis { key, answer }) {
            return;
        }
        let pause = order.interval.max(began.elapsed() * REST);
        match orders.recv_timeout(pause) {
            Ok(next) => order = newest(next, orders),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The last order that has come by now.
fn newest(first: DiagnosisRequest, orders: &Receiver<DiagnosisRequest>) -> DiagnosisRequest {
    orders.try_iter().last().unwrap_or(first)
}
