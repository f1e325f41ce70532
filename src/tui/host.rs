//! What the threads of the screen ask of the rest of ocitop, in one place.

use std::sync::Arc;

use crate::config::Config;
use crate::inventory::processes::Reader;
use crate::inventory::{Machine, Scanner, Snapshot};
use crate::kernel::LiveKernel;
use crate::lifecycle::{self, Job, Options, Preview, StepEvent, Verdict};

/// The machine, and how jobs are done on it. Each thread has its own.
#[derive(Clone)]
pub(super) struct Host {
    machine: Machine,
    options: Options,
}

impl Host {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            machine: Machine::new(&config.roots),
            options: Options::from(config),
        }
    }

    pub(super) fn scanner(&self) -> Scanner {
        Scanner::new(self.machine.clone())
    }

    pub(super) fn reader(&self) -> Reader {
        Reader::new(self.machine.clone())
    }

    pub(super) fn preview(&self, job: &Job) -> Preview {
        lifecycle::preview(&self.machine, job, &self.options)
    }

    pub(super) fn run(&self, job: &Job, report: &mut dyn FnMut(StepEvent)) -> Verdict {
        lifecycle::run(
            &LiveKernel::default(),
            &self.machine,
            job,
            &self.options,
            report,
        )
    }
}

/// One scan, ready to be sent.
pub(super) fn scan(scanner: &mut Scanner) -> Arc<Snapshot> {
    Arc::new(scanner.scan())
}
