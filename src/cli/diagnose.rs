//! `ocitop diagnose ID`: why a container is as it is.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::{Diagnose, ReportFormat};
use super::select::Sought;
use super::{Failure, Outcome, render};
use crate::config::Config;
use crate::diagnosis::{Check, Diagnosis, Examiner, Finding};
use crate::inventory::Machine;
use crate::kernel::bounded::Bounded;
use crate::oci::ContainerKey;

/// How long roots that may never answer may take.
const WITHIN: Duration = Duration::from_secs(2);

pub(super) fn run(config: &Config, diagnose: &Diagnose) -> Outcome {
    let machine = Machine::new(&config.roots);
    let key = find(&machine, &diagnose.id)?;
    let diagnosis = Examiner::new(machine)
        .examine(&key)
        .map_err(|error| Failure::of(&error))?;
    match diagnose.format {
        ReportFormat::Text => render::write(&text(&diagnosis))?,
        ReportFormat::Json => {
            let json = json(&diagnosis).map_err(|error| Failure::of(&error))?;
            render::write_json(&json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The container, in roots that are sure to answer or else in the others.
fn find(machine: &Machine, text: &str) -> Result<ContainerKey, Failure> {
    let sought: Sought = text.parse()?;
    let parted = machine.parted(machine.state_roots());
    let found = sought.keys_in(machine, &parted.near)?;
    if parted.apart.is_empty() || !found.is_empty() {
        return sought.one(&found);
    }
    let (machine, elsewhere) = (machine.clone(), sought.clone());
    let names: Vec<String> = parted
        .apart
        .iter()
        .map(|root| crate::text::visible_path(&root.path))
        .collect();
    let asked = Bounded::reads().ask(WITHIN, move || elsewhere.keys_in(&machine, &parted.apart));
    let Ok(found) = asked else {
        let roots = names.join(", ");
        return Err(Failure::failed(format!(
            "look for {text}: state root {roots} does not answer"
        )));
    };
    sought.one(&found?)
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
        section(&mut out, indent, "do", &remedies(finding, &diagnosis.key));
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

fn remedies(finding: &Finding, key: &ContainerKey) -> Vec<String> {
    let line = |remedy: &crate::diagnosis::Remedy| match remedy.command(key) {
        Some(command) => format!("{}: {command}", remedy.words()),
        None => remedy.words(),
    };
    finding.remedies.iter().map(line).collect()
}

fn json(diagnosis: &Diagnosis) -> serde_json::Result<String> {
    let mut findings = Vec::new();
    for finding in &diagnosis.findings {
        let mut value = serde_json::to_value(finding)?;
        let remedies = finding.remedies.iter().map(|remedy| {
            let mut value = serde_json::to_value(remedy)?;
            if let Some(fields) = value.as_object_mut() {
                fields.insert("text".to_owned(), remedy.words().into());
                fields.insert("command".to_owned(), remedy.command(&diagnosis.key).into());
            }
            Ok(value)
        });
        let remedies: Vec<Value> = remedies.collect::<serde_json::Result<_>>()?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("text".to_owned(), finding.cause.words().into());
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
