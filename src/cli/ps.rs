//! `ocitop ps ID`: the processes of a container's cgroups, by their pids on the host.

use super::args::{Format, Ps};
use super::{Failure, Outcome, render, select};
use crate::config::Config;
use crate::inventory::Machine;
use crate::kernel::read::kernel_file;
use crate::lifecycle::Claims;
use crate::lifecycle::evidence::Evidence;

pub(super) fn run(config: &Config, ps: &Ps) -> Outcome {
    let (machine, container) = select::one(config, &ps.id)?;
    let evidence = Evidence::gather(&machine, &container.key, &Claims::default())
        .map_err(|error| Failure::of(&error))?;
    if ps.format == Format::Json {
        let text = serde_json::to_string(&evidence.pids).map_err(|error| Failure::of(&error))?;
        return render::print(&(text + "\n"));
    }
    let mut rows = vec![
        ["PID", "PPID", "STATE", "COMMAND"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(evidence.pids.iter().filter_map(|pid| row(&machine, *pid)));
    render::print(&render::table(&rows, 0, 2))
}

/// `None` for a process that ended meanwhile.
fn row(machine: &Machine, pid: i32) -> Option<Vec<String>> {
    let stat = machine.stat(pid).ok().flatten()?;
    // Reading the command line of a process in uninterruptible sleep can hang: its name must do.
    let line = if stat.state == 'D' {
        Vec::new()
    } else {
        kernel_file(&machine.pid_file(pid, "cmdline")).unwrap_or_default()
    };
    let words: Vec<_> = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .collect();
    let command = if words.is_empty() {
        format!("[{}]", crate::text::visible_bytes(&stat.comm))
    } else {
        crate::text::visible_bytes(&words.join(&b' '))
    };
    Some(vec![
        pid.to_string(),
        stat.ppid.to_string(),
        stat.state.to_string(),
        command,
    ])
}
