//! `ocitop top --batch`: what the screen shows, pass after pass, for scripts and bug reports.

mod columns;

use std::ops::ControlFlow;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::args::{Top, TopFormat};
use super::{CommandResult, Failure, render, roots};
use crate::config::Config;
use crate::inventory::{Container, Machine, Sampler, Snapshot};
use crate::kernel::{Kernel, LiveKernel};

pub(super) fn run(config: &Config, top: &Top) -> CommandResult {
    if !top.batch {
        return Err(Failure::usage(
            "top needs --batch; without a command, ocitop shows the screen",
        ));
    }
    let interval = top.interval.unwrap_or(config.interval);
    let machine = Machine::new(&config.roots);
    let mut sampler = Sampler::new(machine.clone()).map_err(|error| Failure::of(&error))?;
    sampler.watch_all();
    let kernel = LiveKernel::new();
    let failed = roots::report(&machine, &sampler.pass());
    let mut due = kernel.now();
    let mut printed = 0_u64;
    while top.passes.is_none_or(|passes| printed < passes) {
        // A pass that took longer than the interval is followed by the next one at once.
        due = (due + interval).max(kernel.now());
        kernel.pause(due.saturating_sub(kernel.now()));
        let text = pass(&sampler.pass(), top.format, printed == 0);
        if render::pass(&text)? == ControlFlow::Break(()) {
            break;
        }
        printed += 1;
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn pass(snapshot: &Snapshot, format: TopFormat, first: bool) -> String {
    match format {
        TopFormat::Table => columns::table(snapshot, first),
        TopFormat::Json => crate::text::json(&format!("{}\n", object(snapshot))),
        TopFormat::Csv => columns::csv(snapshot, first),
    }
}

/// A pass as JSON; what is not available is `null`.
fn object(snapshot: &Snapshot) -> Value {
    let own = snapshot.own.as_ref();
    let container = |container: &Container| {
        json!({
            "id": container.key.name().to_string_lossy(),
            "runtime": container.runtime,
            "root": container.key.root().to_string_lossy(),
            "status": container.condition.as_str(),
            "pid": container.init.map(|init| init.pid),
            "attention": container.attention.as_ref().map(|some| some.told(snapshot.taken)),
            "usage": container.usage,
            "detail": container.detail.as_deref(),
        })
    };
    json!({
        "taken": snapshot.taken.to_string(),
        "host": snapshot.usage,
        "own": own.map(|own| json!({ "cpu": own.cpu, "memory": own.memory })),
        "containers": snapshot.containers.iter().map(|c| container(c)).collect::<Vec<_>>(),
    })
}
