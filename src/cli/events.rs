//! `ocitop events ID`: runc's events (its `types/events.go`), for all three runtimes: a line of
//! statistics each interval, and one whenever the OOM killer is found to have taken processes.
//! Its count is polled on v1 and v2: `cgroup.event_control` is a file to write to, and v1's count
//! since 4.13 says as much.

mod shape;
mod stats;

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use self::shape::{EventLine, EventType};
use super::args::EventsArgs;
use super::{CommandResult, Failure, render, select};
use crate::cgroup::memory::parse_oom_kills;
use crate::config::Config;
use crate::inventory::cgroups::{CgroupDir, existing, for_controller};
use crate::inventory::entry::Entry;
use crate::inventory::scan::cgroups_of;
use crate::inventory::{Container, Machine};
use crate::kernel::read::{kernel_text, open_root};
use crate::kernel::{Kernel, LiveKernel};

/// runc's default.
const INTERVAL: Duration = Duration::from_secs(5);
/// How often the OOM killer's count is looked at between two lines of statistics.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) fn run(config: &Config, events: &EventsArgs) -> CommandResult {
    let (machine, container) = select::one(config, &events.id)?;
    let id = container.key.label();
    let Some(init) = container.init else {
        return Err(Failure::failed(format!(
            "container with id {id} is not running"
        )));
    };
    let dirs = cgroups(&machine, &container)?;
    if events.stats {
        render::write(&stats_line(&machine, &id, &dirs)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let kernel = LiveKernel::new();
    // Gone since it was looked up: there is nothing to tell any more.
    let Ok(process) = kernel.open_process(init.pid) else {
        return Ok(ExitCode::SUCCESS);
    };
    let process = [process];
    let interval = events.interval.unwrap_or(INTERVAL);
    let mut kills = oom_kills(&machine, &dirs);
    let mut next = kernel.now() + interval;
    loop {
        let wait = next.saturating_sub(kernel.now()).min(LOOK_EVERY);
        kernel.wait_any(&process, wait).ok();
        let now = oom_kills(&machine, &dirs);
        let mut text = String::new();
        if kills.zip(now).is_some_and(|(before, now)| now > before) {
            text.push_str(&line(EventType::Oom, &id, None)?);
        }
        kills = now;
        let stat = machine.stat(init.pid).ok().flatten();
        let alive = stat.is_some_and(|stat| stat.start_time == init.start_time && !stat.is_dead());
        if alive && kernel.now() >= next {
            text.push_str(&stats_line(&machine, &id, &dirs)?);
            next = kernel.now() + interval;
        }
        let read = text.is_empty() || render::pass(&text)? == ControlFlow::Continue(());
        if !alive || !read {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn cgroups(machine: &Machine, container: &Container) -> Result<Vec<CgroupDir>, Failure> {
    let root = open_root(container.key.root()).map_err(|error| Failure::of(&error))?;
    let entry = Entry::open(&root, &container.key).map_err(|error| Failure::of(&error))?;
    Ok(existing(&cgroups_of(machine, &entry), &machine.hierarchies))
}

fn stats_line(machine: &Machine, id: &str, dirs: &[CgroupDir]) -> Result<String, Failure> {
    line(EventType::Stats, id, Some(stats::of(machine, dirs)))
}

fn line(kind: EventType, id: &str, data: Option<shape::Stats>) -> Result<String, Failure> {
    let event = EventLine { kind, id, data };
    let text = serde_json::to_string(&event).map_err(|error| Failure::of(&error))?;
    Ok(text + "\n")
}

fn oom_kills(machine: &Machine, dirs: &[CgroupDir]) -> Option<u64> {
    let hierarchies = &machine.hierarchies;
    let (cgroup, version) = for_controller(dirs, "memory", hierarchies)?;
    let file = match version {
        crate::cgroup::Version::V1 => "memory.oom_control",
        crate::cgroup::Version::V2 => "memory.events",
    };
    parse_oom_kills(&kernel_text(&cgroup.dir(hierarchies).join(file)).ok()??)
}
