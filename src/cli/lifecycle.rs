//! `kill`, `pause`, `resume`, `start`: silent when done, as the runtimes' own.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::args::KillArgs;
use super::{CommandResult, Failure, select};
use crate::config::Config;
use crate::kernel::LiveKernel;
use crate::lifecycle::{
    Cancel, Claims, Engine, Job, Options, StepEvent, StepKind, Target, Verdict,
};

pub(super) fn kill(config: &Config, kill: &KillArgs) -> CommandResult {
    act(config, &kill.id, |target| {
        if kill.all {
            Job::KillAll(target, kill.signal)
        } else {
            Job::Kill(target, kill.signal)
        }
    })
}

pub(super) fn pause(config: &Config, id: &str) -> CommandResult {
    act(config, id, Job::Pause)
}

pub(super) fn resume(config: &Config, id: &str) -> CommandResult {
    act(config, id, Job::Resume)
}

pub(super) fn start(config: &Config, id: &str) -> CommandResult {
    act(config, id, Job::Start)
}

/// Refuses where nothing may be changed.
pub(super) fn check_writable(config: &Config, verb: &str) -> Result<(), Failure> {
    if config.read_only {
        return Err(Failure::failed(format!("{verb} refused: --read-only")));
    }
    Ok(())
}

/// How jobs are done here: a signal to ocitop makes them leave off where nothing is frozen.
pub(super) fn options(config: &Config) -> Result<Options, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::clone(&flag))
            .map_err(|error| Failure::failed(format!("register a signal handler: {error}")))?;
    }
    Ok(Options {
        cancel: Cancel::by(flag),
        ..Options::from(config)
    })
}

fn act(config: &Config, id: &str, job: impl FnOnce(Target) -> Job) -> CommandResult {
    let (machine, container) = select::one(config, id)?;
    let job = job(select::target(&container)?);
    check_writable(config, job.verb())?;
    let options = options(config)?;
    let mut warnings = Vec::new();
    let mut report = |event: StepEvent| {
        log(&event);
        if let StepKind::Ended {
            step,
            outcome: crate::lifecycle::Outcome::Warned(why),
            ..
        } = event.kind
        {
            warnings.push(format!("{}: {}", step.word(), why.words()));
        }
    };
    let engine = Engine {
        kernel: &LiveKernel::on(config.roots.host.as_deref()),
        machine: &machine,
        options: &options,
        claims: &Claims::read(&machine),
    };
    let verdict = engine.run(&job, &mut report);
    for warning in warnings {
        super::render::warn(&warning);
    }
    let id = container.key.label();
    let failed = |why: &str| Failure::failed(format!("{} {id}: {why}", job.verb()));
    match verdict {
        Verdict::Clean => Ok(ExitCode::SUCCESS),
        Verdict::Refused(why) => Err(failed(&why.words())),
        Verdict::Failed(why) => Err(failed(&why)),
        Verdict::Leftovers(_) => Err(Failure::failed(verdict.words())),
    }
}

/// A step in the log file.
pub(super) fn log(event: &StepEvent) {
    let container = event.key.label();
    match &event.kind {
        StepKind::Ended { step, outcome, .. } => {
            tracing::info!(
                container,
                step = step.word(),
                outcome = outcome.word(),
                detail = outcome.detail()
            );
        }
        StepKind::Finished { verdict } => tracing::info!(container, verdict = verdict.words()),
        StepKind::Noted { notes } => {
            for note in notes {
                tracing::info!(container, note = note.words());
            }
        }
        StepKind::Planned { .. } | StepKind::Started { .. } | StepKind::Waiting { .. } => {}
    }
}
