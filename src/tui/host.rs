//! What the threads of the screen ask of the rest of ocitop, in one place.

use std::sync::Arc;

use crate::config::Config;
use crate::inventory::{Machine, Scanner, Snapshot};
use crate::lifecycle::{Job, Preview, StepEvent, Verdict};

/// The machine, and how jobs are done on it. Each thread has its own.
#[derive(Clone)]
pub(super) struct Host {
    machine: Machine,
}

impl Host {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            machine: Machine::new(&config.roots),
        }
    }

    pub(super) fn scanner(&self) -> Scanner {
        Scanner::new(self.machine.clone())
    }

    pub(super) fn preview(&self, job: &Job) -> Preview {
        Preview {
            plan: crate::lifecycle::Plan::default(),
            processes: 0,
            uninterruptible: 0,
            refused: Some(format!("no engine yet for {}", job.verb())),
            notes: Vec::new(),
        }
    }

    pub(super) fn run(&self, job: &Job, report: &mut dyn FnMut(StepEvent)) -> Verdict {
        {
            drop((job, report));
            Verdict::Refused("no engine yet".to_owned())
        }
    }
}

/// One scan, ready to be sent.
pub(super) fn scan(scanner: &mut Scanner) -> Arc<Snapshot> {
    Arc::new(scanner.scan())
}
