//! `ocitop diagnose ID`: why a container, or what is left of one, is as it is.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::{Diagnose, ReportFormat};
use super::select::{IdLookup, Sought};
use super::{CommandResult, Failure, render};
use crate::config::Config;
use crate::diagnosis::{Check, Diagnosis, Examiner, Finding};
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::leftovers::{self, KnownBefore, Leftover};
use crate::lifecycle::Claims;
use crate::look::probe::Probe;
use crate::oci::ContainerKey;
use crate::text::{visible, visible_path};

/// How long roots that may never answer may take.
const WITHIN: Duration = Duration::from_secs(2);

pub(super) fn run(config: &Config, diagnose: &Diagnose) -> CommandResult {
    let machine = Machine::new(&config.roots);
    let subject = subject(&machine, &diagnose.id)?;
    let mut examiner = Examiner::new(machine);
    let diagnosis = match &subject {
        DiagnosedSubject::Container(key) => examiner.examine(key),
        DiagnosedSubject::Leftover(leftover) => examiner.examine_leftover(leftover),
    };
    let diagnosis = diagnosis.map_err(|error| Failure::of(&error))?;
    match diagnose.format {
        ReportFormat::Text => render::write(&text(&diagnosis))?,
        ReportFormat::Json => {
            let json = json(&diagnosis).map_err(|error| Failure::of(&error))?;
            render::write_json(&json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is asked about.
enum DiagnosedSubject {
    Container(ContainerKey),
    Leftover(Box<Leftover>),
}

/// A container by its id, or what is left of one by its id or path.
fn subject(machine: &Machine, text: &str) -> Result<DiagnosedSubject, Failure> {
    if text.starts_with('/') {
        return at(machine, &super::leftovers::plain(Path::new(text)));
    }
    let sought: Sought = text.parse()?;
    let container = match find(machine, &sought, text)? {
        IdLookup::One(container) => container,
        IdLookup::Absent(absent) => {
            let list = leftovers::find(machine, &KnownBefore::default()).list;
            let named = |one: &Leftover| one.id.as_deref() == Some(text) || one.key.name() == text;
            return only(list.into_iter().filter(named).collect(), text)
                .unwrap_or_else(|| Err(absent.failure()));
        }
    };
    let key = container.key.clone();
    // What lives is nobody's leftover, and the search would take longer than the diagnosis.
    if container.init.is_some() {
        return Ok(DiagnosedSubject::Container(key));
    }
    let list = leftovers::find(machine, &KnownBefore::default()).list;
    let left = list.into_iter().find(|one| one.key == key);
    Ok(left.map_or(DiagnosedSubject::Container(key), |left| {
        DiagnosedSubject::Leftover(Box::new(left))
    }))
}

/// The one leftover of a name; `None` if there is none.
fn only(found: Vec<Leftover>, text: &str) -> Option<Result<DiagnosedSubject, Failure>> {
    let places: Vec<String> = found.iter().map(Leftover::place).collect();
    let mut found = found.into_iter();
    let first = found.next()?;
    if found.next().is_none() {
        return Some(Ok(DiagnosedSubject::Leftover(Box::new(first))));
    }
    Some(Err(Failure::failed(format!(
        "several leftovers are named {}: {}; say which by its path",
        visible(text),
        places.join(", ")
    ))))
}

/// What is left at a path, or the container whose state directory it is or whose cgroup.
fn at(machine: &Machine, path: &Path) -> Result<DiagnosedSubject, Failure> {
    let list = leftovers::find(machine, &KnownBefore::default()).list;
    if let Some(left) = list.into_iter().find(|one| one.is_at(path)) {
        return Ok(DiagnosedSubject::Leftover(Box::new(left)));
    }
    let roots = machine.state_roots();
    let root = roots.iter().find(|root| Some(&*root.path) == path.parent());
    if let (Some(root), Some(name)) = (root, path.file_name()) {
        return Ok(DiagnosedSubject::Container(ContainerKey::new(
            std::sync::Arc::clone(&root.path),
            name,
        )));
    }
    let cgroup = CgroupDir::at(path, &machine.hierarchies);
    if let Some(cgroup) = cgroup
        && let Some(key) = Claims::read(machine).around(&cgroup)
    {
        return Ok(DiagnosedSubject::Container(key.clone()));
    }
    let why = match path.symlink_metadata() {
        Ok(_) => "neither a leftover nor the state directory or a cgroup of a container",
        Err(_) => "no such file or directory",
    };
    Err(Failure::failed(format!(
        "diagnose {}: {why}",
        visible_path(path)
    )))
}

/// The container, in roots that are sure to answer or else in the others.
fn find(machine: &Machine, sought: &Sought, text: &str) -> Result<IdLookup, Failure> {
    let parted = machine.parted(machine.state_roots());
    let near = sought.search(machine, &parted.near)?;
    if parted.apart.is_empty() || !near.found.is_empty() {
        return sought.only(near);
    }
    for root in &parted.apart {
        // A thread of this process that waits there would keep it from ending.
        if !matches!(
            Probe::new(root.path.to_path_buf()).answers(WITHIN),
            Ok(true)
        ) {
            let root = visible_path(&root.path);
            return Err(Failure::failed(format!(
                "look for {}: state root {root} does not answer",
                visible(text)
            )));
        }
    }
    let mut all = sought.search(machine, &parted.apart)?;
    all.unread.extend(near.unread);
    sought.only(all)
}

/// As the page on the screen.
fn text(diagnosis: &Diagnosis) -> String {
    let mut out = format!("{}: {}\n", diagnosis.key.label(), diagnosis.verdict());
    for (at, finding) in diagnosis.findings.iter().enumerate() {
        if at == 1 {
            out.push_str("also\n");
        }
        if at > 0 {
            writeln!(out, "  {}", finding.cause.words()).ok();
        }
        let indent = if at == 0 { "  " } else { "    " };
        section(&mut out, indent, "seen", &finding.evidence);
        section(&mut out, indent, "do", &remedies(finding, diagnosis));
        section(&mut out, indent, "not", &futile(finding));
    }
    out.push_str("checks\n");
    let row = |check: &Check| {
        let about = check.about.words().to_owned();
        let verdict = check.verdict.as_str().to_owned();
        vec![format!("  {verdict}"), about, check.found.clone()]
    };
    let rows: Vec<Vec<String>> = diagnosis.checks.iter().map(row).collect();
    out.push_str(&render::table(&rows, 0, 2));
    out
}

/// Lines, the first with a word before it.
fn section(out: &mut String, indent: &str, word: &str, lines: &[String]) {
    for (at, line) in lines.iter().enumerate() {
        let word = if at == 0 { word } else { "" };
        writeln!(out, "{indent}{word:<5} {line}").ok();
    }
}

fn remedies(finding: &Finding, diagnosis: &Diagnosis) -> Vec<String> {
    let line = |remedy: &crate::diagnosis::Remedy| match diagnosis.command(remedy) {
        Some(command) => format!("{}: {command}", remedy.words()),
        None => remedy.words(),
    };
    finding.remedies.iter().map(line).collect()
}

fn futile(finding: &Finding) -> Vec<String> {
    finding.futile.iter().map(|futile| futile.words()).collect()
}

fn json(diagnosis: &Diagnosis) -> serde_json::Result<String> {
    let mut findings = Vec::new();
    for finding in &diagnosis.findings {
        let mut value = serde_json::to_value(finding)?;
        let remedies = finding.remedies.iter().map(|remedy| {
            let mut value = serde_json::to_value(remedy)?;
            if let Some(fields) = value.as_object_mut() {
                fields.insert("text".to_owned(), remedy.words().into());
                fields.insert("command".to_owned(), diagnosis.command(remedy).into());
            }
            Ok(value)
        });
        let remedies: Vec<Value> = remedies.collect::<serde_json::Result<_>>()?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("text".to_owned(), finding.cause.words().into());
            fields.insert("would_not_help".to_owned(), futile(finding).into());
            fields.insert("remedies".to_owned(), remedies.into());
        }
        findings.push(value);
    }
    let checks = diagnosis.checks.iter().map(|check| {
        json!({
            "check": check.about,
            "text": check.about.words(),
            "verdict": check.verdict,
            "found": check.found,
            "proof": check.proof,
        })
    });
    let whole = json!({
        "id": diagnosis.key.label(),
        "root": diagnosis.key.root(),
        "verdict": diagnosis.verdict(),
        "processes": diagnosis.processes,
        "cgroups": diagnosis.cgroups,
        "findings": findings,
        "checks": checks.collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}
