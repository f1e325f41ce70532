//! What the threads of the screen ask of the rest of ocitop, in one place.

use std::io;

use crate::config::{Config, StateRoot};
use crate::inventory::{Machine, Sampler, Snapshot};
use crate::kernel::LiveKernel;
use crate::lifecycle::{self, Job, Options, Preview, StepEvent, Verdict};
use crate::look::{self, Depth};

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

    /// Every container without its usage: what the first screen shows.
    pub(super) fn first_look(&self) -> Option<Snapshot> {
        let patience = std::time::Duration::ZERO;
        look::once(&self.machine, Depth::Status, patience).ok()
    }

    pub(super) fn sampler(&self) -> io::Result<Sampler> {
        Sampler::new(self.machine.clone())
    }

    /// One that looks at this root only.
    pub(super) fn sampler_of(&self, root: StateRoot) -> io::Result<Sampler> {
        Sampler::new(self.machine.only(root))
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
