//! One hook, from spawn to reap: its own process group, a deadline, its output capped.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, PidfdFlags};

use super::enter::Again;
use super::live::timespec;
use super::program::Call;
use super::{HookCall, HookEnd, HookStatus};

/// How much of a hook's output is kept: its end, where the reason of a failure stands.
const OUTPUT_MAX: usize = 4096;
/// How much is read of it at a time: what a pipe holds, four times.
const READS_MAX: usize = 64;

/// Runs a hook to its end.
pub(super) fn run(call: &HookCall) -> io::Result<HookEnd> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    // Only our end must not block: a hook expects to wait on a full pipe.
    rustix::io::ioctl_fionbio(&writer, false)?;
    let how = call.program.call()?;
    let Again {
        mut command,
        inherited,
    } = command(call, &how)?;
    if let Some(env) = &call.env {
        command
            .env_clear()
            .envs(env.iter().map(|(key, value)| (key, value)));
    }
    command
        .stdin(Stdio::piped())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    // A group of its own, so that a time-out takes its children too.
    let mut child = command.process_group(0).spawn()?;
    // Drops the write ends that `command` holds, so that the pipe ends with the hook.
    drop((command, inherited, how));
    let end = attend(&mut child, &reader, call);
    if end.is_err() {
        child.kill().ok();
        child.wait().ok();
    }
    end
}

/// The program itself; in another root directory ocitop's own, which goes there first.
fn command(call: &HookCall, how: &Call) -> io::Result<Again> {
    if let Some(root) = &call.root {
        let places = (Some(root.as_path()), call.cwd.as_deref());
        return Again::to_run(&call.program, how, &call.args, places);
    }
    let mut command = Command::new(how.path(&call.program));
    match call.args.split_first() {
        Some((name, arguments)) => command.arg0(name).args(arguments),
        None => command.arg0(call.program.path()),
    };
    if let Some(cwd) = &call.cwd {
        command.current_dir(cwd);
    }
    Ok(Again {
        command,
        inherited: None,
    })
}

/// Feeds stdin, collects output and waits, all at once, until the hook ends or its time is up.
fn attend(child: &mut Child, reader: &OwnedFd, call: &HookCall) -> io::Result<HookEnd> {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(Errno::SRCH)?;
    let exit = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    let mut stdin: Option<OwnedFd> = child.stdin.take().map(OwnedFd::from);
    if let Some(fd) = &stdin {
        rustix::io::ioctl_fionbio(fd, true)?;
    }
    let mut input = call.stdin.as_slice();
    let mut output = Vec::new();
    // A time-out beyond the clock's end is none.
    let deadline = call
        .timeout
        .and_then(|limit| Instant::now().checked_add(limit));
    let mut output_open = true;
    let timed_out = loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            break true;
        }
        let mut fds = vec![PollFd::new(&exit, PollFlags::IN)];
        fds.extend(stdin.as_ref().map(|fd| PollFd::new(fd, PollFlags::OUT)));
        // Closed output would be ready for ever.
        if output_open {
            fds.push(PollFd::new(reader, PollFlags::IN));
        }
        match rustix::event::poll(&mut fds, left.and_then(timespec).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ended = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        output_open = output_open && collect(reader, &mut output);
        if ended {
            break false;
        }
        if stdin.is_some() && feed(stdin.as_ref(), &mut input) {
            stdin = None;
        }
    };
    if timed_out {
        rustix::process::kill_process_group(pid, rustix::process::Signal::KILL).ok();
    }
    let status = child.wait()?;
    collect(reader, &mut output);
    Ok(HookEnd {
        status: match (timed_out, status.code(), status.signal()) {
            (true, ..) => HookStatus::TimedOut,
            (_, Some(code), _) => HookStatus::Exited(code),
            (_, None, signal) => HookStatus::Signaled(signal.unwrap_or(0)),
        },
        output: crate::text::visible_lines(&output),
    })
}

/// Writes what fits; true when all is written or nobody reads (a hook need not read its state).
fn feed(stdin: Option<&OwnedFd>, input: &mut &[u8]) -> bool {
    let Some(fd) = stdin else { return true };
    match rustix::io::write(fd, input) {
        Ok(count) => *input = input.get(count..).unwrap_or_default(),
        Err(Errno::AGAIN | Errno::INTR) => return false,
        Err(_) => return true,
    }
    input.is_empty()
}

/// Reads what is there, keeping the end; false when every writer closed. Not for ever: a hook may
/// write faster than this reads.
fn collect(reader: &OwnedFd, output: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    for _ in 0..READS_MAX {
        match rustix::io::read(reader, &mut buffer) {
            Ok(0) => return false,
            Ok(count) => {
                output.extend_from_slice(buffer.get(..count).unwrap_or_default());
                let surplus = output.len().saturating_sub(OUTPUT_MAX);
                output.drain(..surplus);
            }
            Err(Errno::INTR) => {}
            Err(_) => return true,
        }
    }
    true
}
