//! `ocitop list`: with one `--root` in runc's shape, else with runtime, engine and root.

use std::process::ExitCode;
use std::time::Duration;

use super::args::{Format, ListArgs};
use super::entry::ListedEntry;
use super::{CommandResult, Failure, render, roots};
use crate::config::Config;
use crate::inventory::glance::Tasks;
use crate::inventory::{Container, Frozen, Machine, Snapshot, Trouble};
use crate::kernel::LiveKernel;
use crate::look::{self, LookDepth, Wish};
use crate::oci::RuntimeKind;
use crate::text::visible_path;

pub(super) fn run(config: &Config, list: &ListArgs) -> CommandResult {
    let machine = Machine::new(&config.roots);
    // In runc's shape there is no usage, and nobody waits for it to be read.
    let with_usage = list.format == Format::Json && !list.quiet && config.roots.state.len() != 1;
    let snapshot = scan(config, &machine, list)?;
    let failed = roots::report(&machine, &snapshot);
    report_attention(&snapshot);
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

/// How long a root on a file system that may never answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

fn scan(config: &Config, machine: &Machine, list: &ListArgs) -> Result<Snapshot, Failure> {
    let one_root = config.roots.state.len() == 1;
    let depth = match list.format {
        Format::Json if list.quiet || one_root => LookDepth::Complete,
        Format::Json => LookDepth::Counted,
        Format::Table => LookDepth::Status,
    };
    // runc's table has no place for what needs a person, and nobody waits for it to be seen.
    let told = !list.quiet && (list.format == Format::Json || !one_root);
    let wish = Wish {
        depth,
        tasks: if told { Tasks::All } else { Tasks::None },
        patience: PATIENCE,
    };
    look::until_sure(machine, wish, &LiveKernel::new()).map_err(|error| Failure::of(&error))
}

/// What needs a person, on stderr. A pause by the container's own cgroup is its status already.
fn report_attention(snapshot: &Snapshot) {
    let said = snapshot.containers.iter().filter_map(|container| {
        let mut troubles = container.troubles().iter();
        let first = troubles.find(|one| !matches!(one, Trouble::Frozen(Frozen::Own(_))))?;
        let (id, state) = (container.key.label(), first.state());
        let reason = first.reason(snapshot.taken);
        Some(format!("container {id}: {state}: {reason}"))
    });
    render::warn_all(&said.collect::<Vec<_>>());
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
                .engine()
                .map_or("-".to_owned(), |manager| manager.to_string()),
            container.owner.clone(),
            visible_path(container.key.root()),
            bundle(container),
        ]
    }));
    render::table(&rows, 0, 2)
}

/// With one root as runc's, whose empty list is `null`; several are a list in any case.
fn json_list(snapshot: &Snapshot, machine: &Machine, with_usage: bool) -> Result<String, Failure> {
    let containers = snapshot.containers.iter();
    let list: Vec<_> = containers
        .map(|container| ListedEntry::of(container, machine, snapshot.taken, with_usage))
        .collect();
    let as_runc = list.is_empty() && snapshot.roots.len() == 1;
    let text = serde_json::to_string(&(!as_runc).then_some(list));
    let text = text.map_err(|error| Failure::of(&error))? + "\n";
    Ok(crate::text::json(&text))
}
