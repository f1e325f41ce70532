//! The engine as tests call it: what other containers claim is read afresh each time.

use ocitop::inventory::Machine;
use ocitop::kernel::{Kernel, LiveKernel};
use ocitop::lifecycle::{Claims, Engine, Job, Options, Preview, StepEvent, Verdict};

/// What a job would do.
pub(crate) fn preview(machine: &Machine, job: &Job, options: &Options) -> Preview {
    let engine = Engine {
        kernel: &LiveKernel::default(),
        machine,
        options,
        claims: &Claims::read(machine),
    };
    engine.preview(job)
}

/// Runs a job.
pub(crate) fn run<K: Kernel>(
    kernel: &K,
    machine: &Machine,
    job: &Job,
    options: &Options,
    report: &mut dyn FnMut(StepEvent),
) -> Verdict {
    let engine = Engine {
        kernel,
        machine,
        options,
        claims: &Claims::read(machine),
    };
    engine.run(job, report)
}
