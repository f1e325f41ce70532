//! What the threads of the screen ask of the rest of ocitop, in one place.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Config, StateRoot};
use crate::diagnosis::Examiner;
use crate::inventory::glance::Tasks;
use crate::inventory::rdt::{self, RdtView};
use crate::inventory::{Container, Machine, Sampler, Snapshot, processes};
use crate::kernel::LiveKernel;
use crate::leftovers::{self, FoundLeftovers, KnownBefore};
use crate::lifecycle::{Claims, Engine, Job, Options, Preview, StepEvent, Verdict};
use crate::look::{self, LookDepth, Wish};
use crate::resctrl::ResctrlReader;

/// The machine, and how jobs are done on it. Each thread has its own.
#[derive(Clone)]
pub(super) struct JobHost {
    machine: Machine,
    options: Options,
    /// Leftovers are looked for below these alone.
    within: Vec<PathBuf>,
    /// What containers claimed when it was last read: hundreds of jobs follow each other closely.
    claims: RefCell<Option<(Instant, Arc<Claims>)>>,
}

/// How long a reading of the claims serves.
const CLAIMS_SERVE: Duration = Duration::from_millis(500);

impl JobHost {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            machine: Machine::new(&config.roots),
            options: Options::from(config),
            within: config.within.clone(),
            claims: RefCell::default(),
        }
    }

    /// Every container without its usage: what the first screen shows.
    pub(super) fn first_look(&self) -> Option<Snapshot> {
        let wish = Wish {
            depth: LookDepth::Status,
            tasks: Tasks::Init,
            patience: Duration::ZERO,
        };
        look::once(&self.machine, wish).ok()
    }

    pub(super) fn sampler(&self) -> io::Result<Sampler> {
        Sampler::new(self.machine.clone())
    }

    /// One that looks at this root only.
    pub(super) fn sampler_of(&self, root: StateRoot, begun: Instant) -> io::Result<Sampler> {
        Ok(Sampler::new(self.machine.only(root))?.since(begun))
    }

    pub(super) fn rdt(&self, reader: &mut ResctrlReader, containers: &[Arc<Container>]) -> RdtView {
        rdt::look(&self.machine, reader, containers.iter().map(Arc::as_ref))
    }

    pub(super) fn reader(&self) -> processes::ProcessReader {
        processes::ProcessReader::new(self.machine.clone())
    }

    /// What is known beforehand of leftovers.
    pub(super) fn known(&self) -> KnownBefore {
        KnownBefore {
            within: self.within.clone(),
            ..KnownBefore::default()
        }
    }

    pub(super) fn leftovers(&self, known: &KnownBefore) -> FoundLeftovers {
        leftovers::find(&self.machine, known)
    }

    /// What examines a container.
    pub(super) fn examiner(&self) -> Examiner {
        Examiner::new(self.machine.clone())
    }

    pub(super) fn preview(&self, job: &Job) -> Preview {
        self.engine(&self.kernel(), &self.claims()).preview(job)
    }

    pub(super) fn run(&self, job: &Job, report: &mut dyn FnMut(StepEvent)) -> Verdict {
        self.engine(&self.kernel(), &self.claims()).run(job, report)
    }

    fn kernel(&self) -> LiveKernel {
        LiveKernel::on(self.machine.host_dir.as_deref())
    }

    fn engine<'a>(&'a self, kernel: &'a LiveKernel, claims: &'a Claims) -> Engine<'a, LiveKernel> {
        Engine {
            kernel,
            machine: &self.machine,
            options: &self.options,
            claims,
        }
    }

    fn claims(&self) -> Arc<Claims> {
        let mut known = self.claims.borrow_mut();
        match &*known {
            Some((read, claims)) if read.elapsed() < CLAIMS_SERVE => Arc::clone(claims),
            _ => {
                let claims = Arc::new(Claims::read(&self.machine));
                // Its age counts from when it was complete: a large host takes a while.
                *known = Some((Instant::now(), Arc::clone(&claims)));
                claims
            }
        }
    }
}
