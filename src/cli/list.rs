//! `ocitop list`: with one `--root` in runc's shape, else with runtime, engine and root.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::args::{Format, List};
use super::{Failure, Outcome, render};
use crate::config::Config;
use crate::inventory::{Container, Machine, RootOrigin, RootState, Scanner, Snapshot};
use crate::oci::RuntimeKind;
use crate::text::visible_path;

pub(super) fn run(config: &Config, list: &List) -> Outcome {
    let machine = Machine::new(&config.roots);
    // In runc's shape there is no usage, and nobody waits for it to be read.
    let with_usage = list.format == Format::Json && !list.quiet && config.roots.state.len() != 1;
    let snapshot = scan(&machine, list.format, with_usage)?;
    let failed = report_roots(&snapshot);
    let text = match (list.quiet, list.format) {
        (true, _) => snapshot
            .containers
            .iter()
            .map(|c| c.key.label() + "\n")
            .collect(),
        (_, Format::Json) => json_list(&snapshot, &machine, with_usage)?,
        _ if config.roots.state.len() == 1 => one_root(&snapshot),
        _ => many_roots(&snapshot),
    };
    render::write(&text)?;
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Most threads that read side by side: the kernel's part of it does not scale further.
const PARTS: usize = 4;

/// One pass, each processor reading a part of every root.
fn scan(machine: &Machine, format: Format, with_usage: bool) -> Result<Snapshot, Failure> {
    let parts = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(PARTS);
    let part = |index| {
        let scanner = match format {
            Format::Json if with_usage => Scanner::complete(machine.clone()).with_counters(),
            Format::Json => Scanner::complete(machine.clone()),
            Format::Table => Scanner::status_only(machine.clone()),
        };
        scanner.part(index, parts).scan()
    };
    let snapshots = std::thread::scope(|scope| {
        let others: Vec<_> = (1..parts)
            .map(|index| scope.spawn(move || part(index)))
            .collect();
        let mut snapshots = vec![Ok(part(0))];
        snapshots.extend(others.into_iter().map(std::thread::ScopedJoinHandle::join));
        snapshots
    });
    let lost = |_| Failure::failed("a reading thread was lost");
    let mut snapshots = snapshots.into_iter();
    let mut whole = snapshots
        .next()
        .transpose()
        .map_err(lost)?
        .ok_or_else(|| lost(Box::new(())))?;
    for other in snapshots {
        whole.merge(other.map_err(lost)?);
    }
    Ok(whole)
}

/// Roots and entries that could not be read, on stderr. A root that was named and cannot be read
/// is a failure; a known one that belongs to somebody else is not.
pub(super) fn report_roots(snapshot: &Snapshot) -> bool {
    let mut failed = false;
    let mut said = Vec::new();
    for root in &snapshot.roots {
        let path = visible_path(&root.path);
        match (&root.state, root.origin) {
            (RootState::Failed(why), origin) => {
                said.push(format!("read state root {path}: {why}"));
                failed |= origin == RootOrigin::Given;
            }
            (RootState::Absent, RootOrigin::Given) if snapshot.roots.len() > 1 => {
                said.push(format!("state root {path} does not exist"));
            }
            _ => {}
        }
    }
    for container in &snapshot.containers {
        if let Some(problem) = &container.problem {
            said.push(format!(
                "load container {}: {problem}",
                container.key.label()
            ));
        }
    }
    render::warn_all(&said);
    failed
}

fn pid(container: &Container) -> i32 {
    container.init.map_or(0, |init| init.pid)
}

fn bundle(container: &Container) -> String {
    container
        .bundle
        .as_deref()
        .map(visible_path)
        .unwrap_or_default()
}

fn created(container: &Container) -> String {
    container
        .created
        .as_ref()
        .map(|created| crate::text::visible(&created.0))
        .unwrap_or_default()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// runc's table.
fn one_root(snapshot: &Snapshot) -> String {
    let mut rows = vec![words(&[
        "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER",
    ])];
    rows.extend(snapshot.containers.iter().map(|container| {
        vec![
            container.key.label(),
            pid(container).to_string(),
            container.condition.to_string(),
            bundle(container),
            created(container),
            container.owner.clone(),
        ]
    }));
    render::table(&rows, 12, 3)
}

fn many_roots(snapshot: &Snapshot) -> String {
    let header = [
        "ID", "RUNTIME", "STATUS", "PID", "MANAGER", "OWNER", "ROOT", "BUNDLE",
    ];
    let mut rows = vec![words(&header)];
    rows.extend(snapshot.containers.iter().map(|container| {
        vec![
            container.key.label(),
            container
                .runtime
                .map_or("?", RuntimeKind::as_str)
                .to_owned(),
            container.condition.to_string(),
            pid(container).to_string(),
            container
                .manager
                .map_or("-".to_owned(), |manager| manager.to_string()),
            container.owner.clone(),
            visible_path(container.key.root()),
            bundle(container),
        ]
    }));
    render::table(&rows, 0, 2)
}

fn json_list(snapshot: &Snapshot, machine: &Machine, with_usage: bool) -> Result<String, Failure> {
    let one = |container: &Container| {
        let mut value = entry(container, machine);
        if let (true, Some(fields)) = (with_usage, value.as_object_mut()) {
            fields.insert("usage".to_owned(), usage(container));
        }
        value
    };
    let list: Vec<Value> = snapshot.containers.iter().map(|c| one(c)).collect();
    let mut text = serde_json::to_string(&list).map_err(|error| Failure::of(&error))?;
    text.push('\n');
    Ok(crate::text::json(&text))
}

/// Gauges, counters and limits; `null` is "not available".
fn usage(container: &Container) -> Value {
    let usage = container.usage;
    json!({
        "cpu_seconds": container.detail.as_ref().and_then(|detail| detail.cpu.total),
        "cpu_limit": usage.cpu_limit,
        "memory": usage.memory,
        "memory_limit": usage.memory_limit,
        "pids": usage.pids,
        "pids_limit": usage.pids_limit,
    })
}

/// One container as JSON. Strings are as found: JSON escapes what a terminal must not see.
pub(super) fn entry(container: &Container, machine: &Machine) -> Value {
    let cgroups = container.cgroups_named(machine);
    let mut value = json!({
        "ociVersion": container.oci_version.as_deref().unwrap_or_default(),
        "id": container.key.name().to_string_lossy(),
        "runtime": container.runtime,
        "root": container.key.root().to_string_lossy(),
        "status": container.condition.as_str(),
        "pid": pid(container),
        "bundle": container.bundle.as_ref().map(|path| path.to_string_lossy()),
        "rootfs": container.rootfs.as_ref().map(|path| path.to_string_lossy()),
        "created": container.created,
        "owner": container.owner,
        "manager": container.manager,
        "cgroup": cgroups,
        "rdt": container.rdt,
    });
    if let Some(fields) = value.as_object_mut() {
        if !container.annotations.is_empty() {
            fields.insert("annotations".to_owned(), json!(container.annotations));
        }
        if let Some(problem) = &container.problem {
            fields.insert("problem".to_owned(), json!(problem));
        }
    }
    value
}
