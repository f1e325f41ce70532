//! The engine's threads: each does one job at a time.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use crate::lifecycle::{Job, StepEvent, StepKind, Verdict};
use crate::oci::ContainerKey;
use crate::tui::event::EventKind;
use crate::tui::host::JobHost;

use super::mailbox::{Mailbox, panic_if_asked, spawn};

/// Whether jobs stop at the end of their present step, for the operator to leave.
pub(super) static HOLD: AtomicBool = AtomicBool::new(false);

/// Tells the screen that a job is over, whichever way: a panic must not leave its row locked.
struct JobGuard<'a> {
    mailbox: &'a Mailbox,
    key: ContainerKey,
    verdict: Option<Verdict>,
}

impl Drop for JobGuard<'_> {
    fn drop(&mut self) {
        let panicked =
            || Verdict::Failed("ocitop itself failed; do it again to continue".to_owned());
        let key = self.key.clone();
        let verdict = self.verdict.take().unwrap_or_else(panicked);
        let _told: bool = self.mailbox.send(EventKind::JobDone { key, verdict });
    }
}

pub(super) fn start_worker(
    mailbox: &Mailbox,
    host: JobHost,
    number: usize,
) -> io::Result<Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    spawn(&worker_name(number), mailbox, move |mailbox| {
        while let Ok(job) = jobs.recv() {
            let mut guard = JobGuard {
                mailbox,
                key: job.target().key.clone(),
                verdict: None,
            };
            panic_if_asked("worker", true);
            let verdict = host.run(&job, &mut |event| {
                let step_over = matches!(event.kind, StepKind::Ended { .. });
                log(&event);
                let _told: bool = mailbox.send(EventKind::Step(event));
                while step_over && HOLD.load(Ordering::SeqCst) {
                    // The operator is leaving: the next step must not begin.
                    thread::park();
                }
            });
            guard.verdict = Some(verdict);
        }
    })?;
    Ok(sender)
}

/// The log file has every step.
fn log(event: &StepEvent) {
    let container = event.key.label();
    match &event.kind {
        StepKind::Ended {
            number,
            step,
            outcome,
            took,
        } => tracing::info!(
            container, number, step = step.word(), outcome = outcome.word(), took = ?took,
            "{}", outcome.detail()
        ),
        StepKind::Finished { verdict } => tracing::info!(container, "{}", verdict.words()),
        StepKind::Noted { notes } => {
            for note in notes {
                tracing::info!(container, "note: {note}");
            }
        }
        StepKind::Planned { plan } => tracing::info!(container, steps = plan.0.len(), "planned"),
        StepKind::Started { .. } | StepKind::Waiting { .. } => {}
    }
}

/// The name of one.
pub(super) fn worker_name(number: usize) -> String {
    format!("engine-{number}")
}
