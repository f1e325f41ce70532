//! `ocitop leftovers`: what no container owns any more, and removing it.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::args::{Leftovers, LeftoversAction, ReportFormat};
use super::{Failure, Outcome, delete, render};
use crate::config::Config;
use crate::inventory::Machine;
use crate::kernel::LiveKernel;
use crate::leftovers::{Confidence, Found, Kill, Known, Leftover, find, order};
use crate::lifecycle::{Job, Options, StepEvent, Verdict, preview, run as run_job};
use crate::text::visible_path;

pub(super) fn run(config: &Config, asked: &Leftovers) -> Outcome {
    let machine = Machine::new(&config.roots);
    let known = Known {
        within: asked.within.iter().map(|dir| plain(dir)).collect(),
        ..Known::default()
    };
    let found = find(&machine, &known);
    match asked.action {
        LeftoversAction::List => list(asked, &found),
        LeftoversAction::Clean => clean(config, &machine, asked, &found),
    }
}

/// An absolute path without `.` and trailing slashes.
pub(super) fn plain(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.components().collect()
}

fn list(asked: &Leftovers, found: &Found) -> Outcome {
    let paths: Vec<PathBuf> = asked.paths.iter().map(|path| plain(path)).collect();
    let at = |leftover: &Leftover| paths.iter().any(|path| leftover.is_at(path));
    let wanted = |leftover: &&Leftover| {
        let shown = asked.all || leftover.confidence != Confidence::Unknown;
        if paths.is_empty() {
            shown
        } else {
            at(leftover)
        }
    };
    let list: Vec<&Leftover> = found.list.iter().filter(wanted).collect();
    match asked.format {
        ReportFormat::Json => {
            let list: Vec<Value> = list.iter().map(|leftover| entry(leftover)).collect();
            let text = serde_json::to_string(&list).map_err(|error| Failure::of(&error))?;
            render::write_json(&(text + "\n"))?;
        }
        ReportFormat::Text => render::write(&table(&list))?,
    }
    let unread = found.unread.iter().map(|what| format!("not read: {what}"));
    render::warn_all(&unread.collect::<Vec<_>>());
    let remains = |leftover: &&Leftover| leftover.confidence != Confidence::Unknown;
    Ok(if list.iter().any(remains) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn age(leftover: &Leftover) -> String {
    let age = leftover.age.map(|age| age.as_secs());
    match age {
        None => "-".to_owned(),
        Some(seconds) if seconds < 60 => format!("{seconds}s"),
        Some(seconds) if seconds < 3600 => format!("{}m", seconds / 60),
        Some(seconds) if seconds < 86_400 => format!("{}h", seconds / 3600),
        Some(seconds) => format!("{}d", seconds / 86_400),
    }
}

fn table(list: &[&Leftover]) -> String {
    let heading = ["KIND", "WHERE", "OWNER", "AGE>", "WHY IT STAYS", "SURE"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(list.iter().map(|leftover| {
        vec![
            leftover.kind.as_str().to_owned(),
            leftover.place(),
            leftover.owner().to_owned(),
            age(leftover),
            leftover.reason(),
            leftover.argument(),
        ]
    }));
    render::table(&rows, 0, 2)
}

/// One leftover as JSON. Strings are as found: JSON escapes what a terminal must not see.
fn entry(leftover: &Leftover) -> Value {
    let paths = leftover.paths.iter().map(|path| path.to_string_lossy());
    json!({
        "kind": leftover.kind,
        "path": leftover.key.dir().to_string_lossy(),
        "id": leftover.id,
        "owner": leftover.producer,
        "paths": paths.collect::<Vec<_>>(),
        "hierarchies": leftover.hierarchies,
        "age_seconds": leftover.age.map(|age| age.as_secs()),
        "populated": leftover.populated,
        "processes": leftover.processes,
        "children": leftover.children,
        "dying": leftover.dying,
        "memory": leftover.memory,
        "why": leftover.why,
        "reason": leftover.reason(),
        "confidence": leftover.confidence,
        "arguments": leftover.arguments,
        "argument": leftover.argument(),
    })
}

/// What was chosen, each with its job or why there is none.
type Chosen<'a> = Vec<(&'a Leftover, Result<Job, String>)>;

fn clean(config: &Config, machine: &Machine, asked: &Leftovers, found: &Found) -> Outcome {
    if !asked.dry_run {
        super::lifecycle::check_writable(config, "clean")?;
    }
    let (chosen, mut failures) = choose(asked, found);
    if chosen.is_empty() && failures.is_empty() {
        return match asked.format {
            ReportFormat::Json => Ok(ExitCode::SUCCESS),
            ReportFormat::Text => render::print("nothing to clean\n"),
        };
    }
    let options = super::lifecycle::options(config)?;
    if asked.dry_run {
        failures.extend(dry_run(machine, asked, &options, &chosen)?);
    } else {
        if !asked.yes {
            confirm(&chosen)?;
        }
        let kernel = LiveKernel::new();
        for (leftover, job) in &chosen {
            let done = match job {
                Ok(job) => one(&kernel, machine, job, &options, asked.format),
                Err(why) => Err(why.clone()),
            };
            let place = visible_path(&leftover.key.dir());
            failures.extend(done.err().map(|why| format!("clean {place}: {why}")));
        }
    }
    // Each failure in one line; the last is the caller's to print.
    let Some(last) = failures.pop() else {
        return Ok(ExitCode::SUCCESS);
    };
    render::warn_all(&failures);
    Err(Failure::failed(last))
}

/// What is at the paths given, or all that is certain; and what at a path is no leftover.
fn choose<'a>(asked: &Leftovers, found: &'a Found) -> (Chosen<'a>, Vec<String>) {
    let kill = if asked.kill { Kill::Yes } else { Kill::No };
    let job = |leftover: &'a Leftover| {
        (
            leftover,
            order(leftover, kill).map_err(|error| error.to_string()),
        )
    };
    if asked.paths.is_empty() {
        return (found.of(Confidence::Certain).map(job).collect(), Vec::new());
    }
    let mut chosen: Chosen<'a> = Vec::new();
    let mut failures = Vec::new();
    for path in asked.paths.iter().map(|path| plain(path)) {
        let mut at = found
            .list
            .iter()
            .filter(|leftover| leftover.is_at(&path))
            .peekable();
        // What is not there any more is as it should be.
        if at.peek().is_none() && path.symlink_metadata().is_ok() {
            failures.push(format!("clean {}: not a leftover", visible_path(&path)));
        }
        for leftover in at {
            if !chosen.iter().any(|(one, _)| one.key == leftover.key) {
                chosen.push(job(leftover));
            }
        }
    }
    (chosen, failures)
}

fn dry_run(
    machine: &Machine,
    asked: &Leftovers,
    options: &Options,
    chosen: &Chosen<'_>,
) -> Result<Vec<String>, Failure> {
    let mut failures = Vec::new();
    let mut plans = Vec::new();
    let mut text = String::new();
    for (leftover, job) in chosen {
        let place = leftover.place();
        let preview = match job {
            Ok(job) => preview(machine, job, options),
            Err(why) => {
                failures.push(format!("clean {place}: {why}"));
                continue;
            }
        };
        text.extend([&place, ": clean (dry run)\n  ", &leftover.argument(), "\n"]);
        for (index, planned) in preview.plan.0.iter().enumerate() {
            text.push_str(&format_step(index + 1, &planned.step.intent()));
        }
        let refused = preview.refused.as_ref();
        failures.extend(refused.map(|why| format!("clean {place}: {why}")));
        let mut plan = json!(preview);
        if let Some(fields) = plan.as_object_mut() {
            fields.insert(
                "path".to_owned(),
                json!(leftover.key.dir().to_string_lossy()),
            );
        }
        plans.push(plan);
    }
    match asked.format {
        ReportFormat::Text => render::write(&text)?,
        ReportFormat::Json => {
            let mut lines = String::new();
            for plan in &plans {
                lines.extend([plan.to_string().as_str(), "\n"]);
            }
            render::write_json(&lines)?;
        }
    }
    Ok(failures)
}

fn format_step(number: usize, intent: &str) -> String {
    format!("  {number}  {intent}\n")
}

/// Shows what is to be cleaned and waits for a yes; without a terminal there is nobody to ask.
fn confirm(chosen: &Chosen<'_>) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::failed("clean refused: nobody to ask; say --yes"));
    }
    let list: Vec<&Leftover> = chosen.iter().map(|(leftover, _)| *leftover).collect();
    let mut text = table(&list);
    for leftover in &list {
        for path in &leftover.paths {
            text.extend(["  ", &visible_path(path), "\n"]);
        }
    }
    let mut out = io::stderr().lock();
    let asked = write!(out, "{text}Remove these {}? Type yes: ", list.len());
    let mut line = String::new();
    let read = asked
        .and_then(|()| out.flush())
        .and_then(|()| io::stdin().lock().read_line(&mut line));
    read.map_err(|error| Failure::failed(format!("ask on the terminal: {error}")))?;
    match line.trim() {
        "yes" => Ok(()),
        _ => Err(Failure::failed("clean refused: not confirmed")),
    }
}

/// Cleans one, telling every step.
fn one(
    kernel: &LiveKernel,
    machine: &Machine,
    job: &Job,
    options: &Options,
    format: ReportFormat,
) -> Result<(), String> {
    let mut lost = None;
    let mut report = |event: StepEvent| {
        super::lifecycle::log(&event);
        let text = match format {
            ReportFormat::Json => delete::json_line(&event),
            ReportFormat::Text => delete::text_line(&event, "cleaned"),
        };
        if let Err(failure) = render::write(&text) {
            lost = Some(failure.message);
        }
    };
    match (run_job(kernel, machine, job, options, &mut report), lost) {
        (Verdict::Clean, None) => Ok(()),
        (Verdict::Clean, Some(lost)) => Err(lost),
        (verdict, _) => Err(verdict.words()),
    }
}
