//! `ocitop leftovers`: what no container owns any more, and removing it.

mod choose;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::args::{LeftoversAction, LeftoversArgs, ReportFormat};
use super::{CommandResult, Failure, delete, render};
use crate::config::Config;
use crate::inventory::Machine;
use crate::kernel::LiveKernel;
use crate::leftovers::{Confidence, FoundLeftovers, KnownBefore, Leftover, find};
use crate::lifecycle::{Claims, Engine, Job, Options, StepEvent, Verdict};
use crate::text::visible_path;
use choose::{Chosen, NotJudged, choose};

pub(super) fn run(config: &Config, asked: &LeftoversArgs) -> CommandResult {
    let machine = Machine::new(&config.roots);
    let known = KnownBefore {
        within: asked.within.iter().map(|dir| plain(dir)).collect(),
        ..KnownBefore::default()
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

fn list(asked: &LeftoversArgs, found: &FoundLeftovers) -> CommandResult {
    let shown = |leftover: &&Leftover| asked.all || leftover.confidence != Confidence::Unknown;
    let (list, misses) = if asked.paths.is_empty() {
        (found.list.iter().filter(shown).collect(), Vec::new())
    } else {
        choose::named(&asked.paths, found)
    };
    match asked.format {
        ReportFormat::Json => {
            let list: Vec<Value> = list.iter().map(|leftover| entry(leftover)).collect();
            let text = serde_json::to_string(&list).map_err(|error| Failure::of(&error))?;
            render::write_json(&(text + "\n"))?;
        }
        ReportFormat::Text => render::write(&table(&list))?,
    }
    let misses = misses.iter().map(|miss| format!("leftovers {miss}"));
    let unread = found.unread.iter().map(|what| format!("not read: {what}"));
    let lines: Vec<String> = misses.chain(unread).collect();
    render::warn_all(&lines);
    // What was not read may hold leftovers, or be why none is more than unknown.
    let remains = |leftover: &&Leftover| leftover.confidence != Confidence::Unknown;
    Ok(if list.iter().any(remains) || !lines.is_empty() {
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

fn clean(
    config: &Config,
    machine: &Machine,
    asked: &LeftoversArgs,
    found: &FoundLeftovers,
) -> CommandResult {
    if !asked.dry_run {
        super::lifecycle::check_writable(config, "clean")?;
    }
    let (chosen, misses) = choose(asked, found);
    let mut failures: Vec<String> = misses.iter().map(|miss| format!("clean {miss}")).collect();
    // Who names what is to go has been told what was not read; who does not wants all that is certain.
    let not_judged = NotJudged::of(found).filter(|_| asked.paths.is_empty());
    if chosen.is_empty() && failures.is_empty() && not_judged.is_none() {
        return match asked.format {
            ReportFormat::Json => Ok(ExitCode::SUCCESS),
            ReportFormat::Text => render::print("nothing to clean\n"),
        };
    }
    if !chosen.is_empty() {
        let options = super::lifecycle::options(config)?;
        failures.extend(if asked.dry_run {
            dry_run(machine, asked, &options, &chosen)?
        } else {
            clean_all(machine, asked, &options, &chosen)?
        });
    }
    failures.extend(not_judged.iter().map(ToString::to_string));
    // Each failure in one line; the last is the caller's to print.
    let Some(last) = failures.pop() else {
        return Ok(ExitCode::SUCCESS);
    };
    render::warn_all(&failures);
    Err(Failure::failed(last))
}

/// Cleans what was chosen, after a yes; what did not go.
fn clean_all(
    machine: &Machine,
    asked: &LeftoversArgs,
    options: &Options,
    chosen: &Chosen<'_>,
) -> Result<Vec<String>, Failure> {
    if !asked.yes {
        confirm(chosen)?;
    }
    let kernel = LiveKernel::on(machine.host_dir.as_deref());
    let mut failures = Vec::new();
    for (leftover, job) in chosen {
        let done = match job {
            Ok(job) => one(&kernel, machine, job, options, asked.format),
            Err(why) => Err(why.to_string()),
        };
        let place = visible_path(&leftover.key.dir());
        failures.extend(done.err().map(|why| format!("clean {place}: {why}")));
    }
    Ok(failures)
}

fn dry_run(
    machine: &Machine,
    asked: &LeftoversArgs,
    options: &Options,
    chosen: &Chosen<'_>,
) -> Result<Vec<String>, Failure> {
    let mut failures = Vec::new();
    let mut plans = Vec::new();
    let mut text = String::new();
    let engine = Engine {
        kernel: &LiveKernel::on(machine.host_dir.as_deref()),
        machine,
        options,
        claims: &Claims::read(machine),
    };
    for (leftover, job) in chosen {
        let place = leftover.place();
        let preview = match job {
            Ok(job) => engine.preview(job),
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
    let engine = Engine {
        kernel,
        machine,
        options,
        // What it was before the last one went may have changed.
        claims: &Claims::read(machine),
    };
    let verdict = engine.run(job, &mut report);
    // The exit code tells what became of the leftover, whoever reads the steps.
    if let Some(lost) = lost {
        render::warn(&lost);
    }
    match verdict {
        Verdict::Clean => Ok(()),
        verdict @ (Verdict::Leftovers(_) | Verdict::Refused(_) | Verdict::Failed(_)) => {
            Err(verdict.words())
        }
    }
}
