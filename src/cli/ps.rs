//! `ocitop ps ID`: the processes of a container's cgroups, by their pids on the host.

use std::path::Path;
use std::process::{Command, Stdio};

use super::args::{Format, Ps};
use super::{CommandResult, Failure, render, select};
use crate::config::Config;
use crate::inventory::Machine;
use crate::kernel::read::kernel_file;
use crate::lifecycle::Claims;
use crate::lifecycle::evidence::TeardownEvidence;

pub(super) fn run(config: &Config, ps: &Ps) -> CommandResult {
    let (machine, container) = select::one(config, &ps.id)?;
    let evidence = TeardownEvidence::gather(&machine, &container.key, &Claims::default())
        .map_err(|error| Failure::of(&error))?;
    if ps.format == Format::Json {
        // runc's word for none is `null`.
        let pids = Some(&evidence.pids).filter(|pids| !pids.is_empty());
        let text = serde_json::to_string(&pids).map_err(|error| Failure::of(&error))?;
        return render::print(&(text + "\n"));
    }
    if let Some(text) = by_ps(&ps.ps, &evidence.pids)? {
        return render::print(&text);
    }
    let mut rows = vec![
        ["PID", "PPID", "STATE", "COMMAND"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(evidence.pids.iter().filter_map(|pid| row(&machine, *pid)));
    render::print(&render::table(&rows, 0, 2))
}

/// Where ps(1) is; not looked for in the caller's PATH, ocitop may run as root.
const PS: [&str; 2] = ["/usr/bin/ps", "/bin/ps"];

/// The lines of ps(1) whose process is in the container, as runc prints them; `None` without a ps.
fn by_ps(args: &[String], pids: &[i32]) -> Result<Option<String>, Failure> {
    let Some(program) = PS.into_iter().find(|path| Path::new(path).exists()) else {
        return Ok(None);
    };
    let default = ["-ef".to_owned()];
    let args = if args.is_empty() {
        default.as_slice()
    } else {
        args
    };
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::failed(format!("run {program}: {error}")))?;
    if !output.status.success() {
        let said = crate::text::visible_lines(&output.stderr);
        return Err(Failure::failed(format!("{program}: {said}")));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let column = header
        .split_ascii_whitespace()
        .position(|title| title == "PID");
    let Some(column) = column else {
        return Err(Failure::failed("ps prints no PID column"));
    };
    let is_ours = |line: &&str| {
        let pid = line
            .split_ascii_whitespace()
            .nth(column)
            .and_then(|word| word.parse().ok());
        pid.is_some_and(|pid: i32| pids.contains(&pid))
    };
    let mut out = format!("{header}\n");
    for line in lines.filter(is_ours) {
        out.push_str(&crate::text::visible(line));
        out.push('\n');
    }
    Ok(Some(out))
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
