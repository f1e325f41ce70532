//! `ocitop delete`: the plan, each step with its time, and the verdict.

mod absent;

use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;
use std::time::Duration;

use super::args::{Delete, ReportFormat};
use super::select::{IdLookup, find};
use super::{CommandResult, Failure, render, select};
use crate::config::Config;
use crate::inventory::{Container, Machine};
use crate::kernel::LiveKernel;
use crate::leftovers::Carriers;
use crate::lifecycle::{
    Claims, Engine, Force, Job, Options, Preview, StepEvent, StepKind, Survivor, Verdict,
};
use crate::oci::ContainerId;
use absent::NotGone;

/// Deletes side by side: each mostly waits for the kernel.
const WORKERS: usize = 8;

pub(super) fn run(config: &Config, delete: &Delete) -> CommandResult {
    if !delete.dry_run {
        super::lifecycle::check_writable(config, "delete")?;
    }
    let machine = Machine::new(&config.roots);
    let claims = Claims::read(&machine);
    let order = Deletes {
        machine,
        claims,
        options: super::lifecycle::options(config)?,
        delete,
        kernel: LiveKernel::on(config.roots.host.as_deref()),
        carriers: OnceLock::new(),
    };
    let mut failures = order.all();
    // Each failure in one line; the last is the caller's to print.
    let Some(last) = failures.pop() else {
        return Ok(ExitCode::SUCCESS);
    };
    for failure in failures {
        render::warn(&failure.message);
    }
    Err(last)
}

/// What all deletes of one command share.
struct Deletes<'a> {
    machine: Machine,
    claims: Claims,
    options: Options,
    delete: &'a Delete,
    kernel: LiveKernel,
    /// What is left of ids without a record, looked for once and only if one is asked for.
    carriers: OnceLock<Carriers>,
}

impl Deletes<'_> {
    /// Every id once, several at a time.
    fn all(&self) -> Vec<Failure> {
        let mut seen = HashSet::new();
        let ids: Vec<_> = self
            .delete
            .ids
            .iter()
            .filter(|id| seen.insert(id.as_str()))
            .collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut failures = Vec::new();
            while let Some(id) = ids.get(next.fetch_add(1, Ordering::SeqCst)) {
                failures.extend(self.one(id).err());
            }
            failures
        };
        if ids.len() == 1 || self.delete.dry_run {
            return work();
        }
        std::thread::scope(|scope| {
            // This thread takes part: where no other can be made, it does them all.
            let count = WORKERS.min(ids.len()).saturating_sub(1);
            let start = |_| Builder::new().spawn_scoped(scope, work);
            let workers: Vec<_> = (0..count).map_while(|index| start(index).ok()).collect();
            let mut failures = work();
            let lost = |_| vec![Failure::failed("a worker was lost; run it again")];
            let ends = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(lost));
            failures.extend(ends.flatten());
            failures
        })
    }

    fn one(&self, id: &str) -> Result<(), Failure> {
        let container = match find(&self.machine, id)? {
            IdLookup::Absent(absent) if self.delete.force && absent.unread.is_empty() => {
                return self.absent(&absent.id);
            }
            IdLookup::Absent(absent) => return Err(absent.failure()),
            IdLookup::One(container) => container,
        };
        let force = if self.delete.force {
            Force::Yes
        } else {
            Force::No
        };
        let job = Job::Delete(select::target(&container)?, force);
        if self.delete.dry_run {
            let format = self.delete.format;
            return dry_run(&self.engine().preview(&job), &job, format, &container);
        }
        self.tear_down(&job, &container)
    }

    /// No record has this id. That it is gone is said only if nothing else carries it; who named the
    /// root expects success as of its runtime, and is told.
    fn absent(&self, id: &ContainerId) -> Result<(), Failure> {
        let carriers = self.carriers.get_or_init(|| Carriers::read(&self.machine));
        match NotGone::of(id, carriers.of(id.as_str())) {
            Some(NotGone::Unseen(..)) if self.machine.roots_are_given() => Ok(()),
            Some(carried) if self.machine.roots_are_given() => {
                render::warn(&carried.to_string());
                Ok(())
            }
            Some(not_gone) => Err(not_gone.failure()),
            None if self.delete.dry_run && self.delete.format == ReportFormat::Text => {
                render::write(&format!("{id}: does not exist, nothing to do (dry run)\n"))
            }
            None => Ok(()),
        }
    }

    fn engine(&self) -> Engine<'_, LiveKernel> {
        Engine {
            kernel: &self.kernel,
            machine: &self.machine,
            options: &self.options,
            claims: &self.claims,
        }
    }

    fn tear_down(&self, job: &Job, container: &Container) -> Result<(), Failure> {
        let mut lost = None;
        let mut report = |event: StepEvent| {
            super::lifecycle::log(&event);
            let text = match self.delete.format {
                ReportFormat::Json => json_line(&event),
                ReportFormat::Text => text_line(&event, "deleted"),
            };
            if let Err(failure) = render::write(&text) {
                lost = Some(failure);
            }
        };
        let verdict = self.engine().run(job, &mut report);
        // The exit code tells what became of the container, whoever reads the steps.
        if let Some(failure) = lost {
            render::warn(&failure.message);
        }
        match verdict {
            Verdict::Clean => Ok(()),
            // runc's wording stands alone, for those who look for it.
            Verdict::Refused(why) => Err(Failure::failed(why.words())),
            verdict @ (Verdict::Leftovers(_) | Verdict::Failed(_)) => {
                let id = container.key.label();
                Err(Failure::failed(format!("delete {id}: {}", verdict.words())))
            }
        }
    }
}

fn dry_run(
    preview: &Preview,
    job: &Job,
    format: ReportFormat,
    container: &Container,
) -> Result<(), Failure> {
    if format == ReportFormat::Json {
        let text = serde_json::to_string(preview).map_err(|error| Failure::of(&error))?;
        render::write_json(&(text + "\n"))?;
    } else {
        let mut text = format!("{}: {} (dry run)\n", container.key.label(), job.verb());
        for (index, planned) in preview.plan.0.iter().enumerate() {
            let line = format!("  {}  {}\n", index + 1, planned.step.intent());
            text.push_str(&line);
        }
        for note in &preview.notes {
            text.extend(["  note: ", &note.words(), "\n"]);
        }
        render::write(&text)?;
    }
    let refused = preview.refused.as_ref();
    refused.map_or(Ok(()), |why| Err(Failure::failed(why.words())))
}

pub(super) fn json_line(event: &StepEvent) -> String {
    crate::text::json(&serde_json::to_string(event).unwrap_or_default()) + "\n"
}

/// `web  3/9 kill  3 processes signalled  ok  16 ms`; `done` is what it is in the end.
pub(super) fn text_line(event: &StepEvent, done: &str) -> String {
    let id = event.key.label();
    match &event.kind {
        StepKind::Planned { .. } | StepKind::Started { .. } => String::new(),
        StepKind::Noted { notes } => {
            let lines = notes.iter().map(|note| format!("{id}  note: {note}\n"));
            lines.collect()
        }
        StepKind::Waiting {
            number,
            step,
            survivors,
        } => {
            let shown: Vec<_> = survivors.iter().take(3).map(Survivor::words).collect();
            format!(
                "{id}  {number:>2} {:<9} waiting for {}\n",
                step.word(),
                shown.join("; ")
            )
        }
        StepKind::Ended {
            number,
            step,
            outcome,
            took,
        } => format!(
            "{id}  {number:>2} {:<9} {:<4}  {:>9}  {}\n",
            step.word(),
            outcome.word(),
            time(*took),
            outcome.detail(),
        ),
        StepKind::Finished { verdict } => match verdict {
            Verdict::Clean => format!("{id}  {done}\n"),
            // Said on stderr, once.
            Verdict::Refused(_) => String::new(),
            verdict @ (Verdict::Leftovers(_) | Verdict::Failed(_)) => {
                format!("{id}  {}\n", verdict.words())
            }
        },
    }
}

fn time(took: Duration) -> String {
    match took {
        took if took < Duration::from_millis(10) => format!("{:.1} ms", took.as_secs_f64() * 1e3),
        took if took < Duration::from_secs(1) => format!("{} ms", took.as_millis()),
        took => format!("{:.2} s", took.as_secs_f64()),
    }
}
