//! `ocitop delete`: the plan, each step with its time, and the verdict.

use std::process::ExitCode;
use std::time::Duration;

use super::args::{Delete, ReportFormat};
use super::select::{Found, find};
use super::{Failure, Outcome, render, select};
use crate::config::Config;
use crate::inventory::{Container, Machine};
use crate::kernel::LiveKernel;
use crate::lifecycle::{
    Claims, Force, Job, Options, StepEvent, StepKind, Survivor, Verdict, preview, run_among,
};

pub(super) fn run(config: &Config, delete: &Delete) -> Outcome {
    if !delete.dry_run {
        super::lifecycle::check_writable(config, "delete")?;
    }
    let machine = Machine::new(&config.roots);
    let claims = if delete.dry_run {
        Claims::default()
    } else {
        Claims::read(&machine)
    };
    let mut failures = Vec::new();
    for id in &delete.ids {
        let result = match find(&machine, id) {
            Ok(Found::Absent(_)) if delete.force => Ok(()),
            Ok(Found::Absent(id)) => Err(select::absent(&id)),
            Ok(Found::One(container)) => one(&machine, config, delete, &claims, &container),
            Err(failure) => Err(failure),
        };
        failures.extend(result.err());
    }
    // Each failure in one line; the last is the caller's to print.
    let Some(last) = failures.pop() else {
        return Ok(ExitCode::SUCCESS);
    };
    for failure in failures {
        render::warn(&failure.message);
    }
    Err(last)
}

fn one(
    machine: &Machine,
    config: &Config,
    delete: &Delete,
    claims: &Claims,
    container: &Container,
) -> Result<(), Failure> {
    let force = if delete.force { Force::Yes } else { Force::No };
    let job = Job::Delete(select::target(container)?, force);
    let options = Options::from(config);
    if delete.dry_run {
        return dry_run(machine, &job, &options, delete.format, container);
    }
    let mut lost = None;
    let mut report = |event: StepEvent| {
        super::lifecycle::log(&event);
        let text = match delete.format {
            ReportFormat::Json => json_line(&event),
            ReportFormat::Text => text_line(&event),
        };
        if let Err(failure) = render::write(&text) {
            lost = Some(failure);
        }
    };
    let verdict = run_among(
        &LiveKernel::new(),
        machine,
        &job,
        &options,
        claims,
        &mut report,
    );
    match (verdict, lost) {
        (Verdict::Clean, None) => Ok(()),
        (Verdict::Clean, Some(failure)) => Err(failure),
        // runc's wording stands alone, for those who look for it.
        (Verdict::Refused(why), _) => Err(Failure::failed(why)),
        (verdict, _) => Err(Failure::failed(format!(
            "delete {}: {}",
            container.key.label(),
            verdict.words()
        ))),
    }
}

fn dry_run(
    machine: &Machine,
    job: &Job,
    options: &Options,
    format: ReportFormat,
    container: &Container,
) -> Result<(), Failure> {
    let preview = preview(machine, job, options);
    if format == ReportFormat::Json {
        let text = serde_json::to_string(&preview).map_err(|error| Failure::of(&error))?;
        render::write_json(&(text + "\n"))?;
    } else {
        let mut text = format!("{}: {} (dry run)\n", container.key.label(), job.verb());
        for (index, planned) in preview.plan.0.iter().enumerate() {
            let line = format!("  {}  {}\n", index + 1, planned.step.intent());
            text.push_str(&line);
        }
        for note in &preview.notes {
            text.extend(["  note: ", note, "\n"]);
        }
        render::write(&text)?;
    }
    preview
        .refused
        .map_or(Ok(()), |why| Err(Failure::failed(why)))
}

fn json_line(event: &StepEvent) -> String {
    crate::text::json(&serde_json::to_string(event).unwrap_or_default()) + "\n"
}

/// `web  3/9 kill  3 processes signalled  ok  16 ms`.
fn text_line(event: &StepEvent) -> String {
    let id = event.key.label();
    match &event.kind {
        StepKind::Planned { .. } | StepKind::Started { .. } => String::new(),
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
            Verdict::Clean => format!("{id}  deleted\n"),
            // Said on stderr, once.
            Verdict::Refused(_) => String::new(),
            verdict => format!("{id}  {}\n", verdict.words()),
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
