//! One hook, from spawn to reap: its own process group, a deadline, its output capped. Nothing that it
//! does is waited for longer than that: it may move to another group, be frozen, or hang in the kernel.

mod family;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, PidfdFlags};

use super::enter::Again;
use super::limit;
use super::poll_time::timespec;
use super::program::ExecBy;
use super::{HookCall, HookEnd, HookStatus};

/// How much of a hook's output is kept: its end, where the reason of a failure stands.
const OUTPUT_MAX: usize = 4096;
/// How much is read of it at a time: what a pipe holds, four times.
const READS_MAX: usize = 64;

/// How long a hook that is asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(1);
/// How long one that was killed may take to die.
const REAP_WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked whether ocitop was asked to leave off.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Whether this process is ocitop, and can be started again to become a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Itself {
    Ocitop,
    Other,
}

/// Why a hook's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HookOver {
    Ended,
    TimedOut,
    Interrupted,
}

/// Runs a hook to its end. It comes back whatever the hook does.
pub(super) fn run(call: &HookCall, itself: Itself) -> io::Result<HookEnd> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    // Only our end must not block: a hook expects to wait on a full pipe.
    rustix::io::ioctl_fionbio(&writer, false)?;
    let how = call.program.call()?;
    let Again {
        mut command,
        inherited,
    } = command(call, &how, itself)?;
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
    let (pid, exit) = match held(&child) {
        Ok(held) => held,
        Err(error) => {
            child.kill().ok();
            leave(child);
            return Err(error);
        }
    };
    let mut output = Vec::new();
    let over = attend(&mut child, (pid, &exit), &reader, call, &mut output);
    if !matches!(over, Ok(HookOver::Ended)) {
        family::kill(pid, &exit);
    }
    let died = has_ended(&exit, REAP_WITHIN);
    collect(&reader, &mut output);
    let over = match over {
        Ok(over) => over,
        Err(error) => {
            leave(child);
            return Err(error);
        }
    };
    let status = if died {
        status(over, child.wait()?)
    } else {
        leave(child);
        HookStatus::Unended {
            pid: pid.as_raw_nonzero().get(),
        }
    };
    Ok(HookEnd {
        status,
        output: crate::text::visible_lines(&output),
    })
}

fn held(child: &Child) -> io::Result<(Pid, OwnedFd)> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(Errno::SRCH)?;
    Ok((pid, rustix::process::pidfd_open(pid, PidfdFlags::empty())?))
}

/// Leaves a child that may not die to be reaped whenever it does: by a thread, or, where none can be
/// made, by whoever inherits it from ocitop.
fn leave(mut child: Child) {
    super::bounded::apart("hook-reaper", move || {
        child.wait().ok();
    });
}

fn status(over: HookOver, status: ExitStatus) -> HookStatus {
    match (over, status.code(), status.signal()) {
        (HookOver::TimedOut, ..) => HookStatus::TimedOut,
        (HookOver::Interrupted, ..) => HookStatus::Interrupted,
        (HookOver::Ended, Some(code), _) => HookStatus::Exited(code),
        (HookOver::Ended, None, signal) => HookStatus::Signaled(signal.unwrap_or(0)),
    }
}

/// Whether it has ended, or does so in this time.
fn has_ended(exit: &OwnedFd, within: Duration) -> bool {
    let mut fds = [PollFd::new(exit, PollFlags::IN)];
    let within = timespec(within);
    let poll = || rustix::event::poll(&mut fds, within.as_ref());
    rustix::io::retry_on_intr(poll).is_ok_and(|ready| ready > 0)
}

/// The program itself; ocitop's own, which becomes it, in another root directory or where a limit was
/// raised that is not for it.
fn command(call: &HookCall, how: &ExecBy, itself: Itself) -> io::Result<Again> {
    let raised = itself == Itself::Ocitop && limit::before().is_some();
    if call.root.is_some() || raised {
        let places = (call.root.as_deref(), call.cwd.as_deref());
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

/// When a hook has to have ended.
struct Times {
    /// A time-out beyond the clock's end is none.
    deadline: Option<Instant>,
    /// Once ocitop was asked to leave off, and has passed that on.
    asked: Option<Instant>,
}

impl Times {
    fn of(call: &HookCall) -> Self {
        let deadline = call
            .timeout
            .and_then(|limit| Instant::now().checked_add(limit));
        Self {
            deadline,
            asked: None,
        }
    }

    /// Whether its time is over; asks it to end when ocitop is.
    fn over(&mut self, call: &HookCall, hook: Pid) -> Option<HookOver> {
        let now = Instant::now();
        if self.asked.is_none() && call.cancel.is_asked() {
            self.asked = Some(now);
            rustix::process::kill_process_group(hook, rustix::process::Signal::TERM).ok();
        }
        if self.asked.is_some_and(|asked| now >= asked + GRACE) {
            return Some(HookOver::Interrupted);
        }
        self.deadline
            .is_some_and(|at| now >= at)
            .then_some(HookOver::TimedOut)
    }

    /// How long nothing has to be looked at.
    fn rest(&self) -> Duration {
        let left = self
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()));
        left.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY))
    }
}

/// Feeds stdin and collects output, all at once, until the hook ends or its time is up.
fn attend(
    child: &mut Child,
    (pid, exit): (Pid, &OwnedFd),
    reader: &OwnedFd,
    call: &HookCall,
    output: &mut Vec<u8>,
) -> io::Result<HookOver> {
    let mut stdin: Option<OwnedFd> = child.stdin.take().map(OwnedFd::from);
    if let Some(fd) = &stdin {
        rustix::io::ioctl_fionbio(fd, true)?;
    }
    let mut input = call.stdin.as_slice();
    let mut times = Times::of(call);
    let mut output_open = true;
    loop {
        if let Some(over) = times.over(call, pid) {
            return Ok(over);
        }
        let mut fds = vec![PollFd::new(exit, PollFlags::IN)];
        fds.extend(stdin.as_ref().map(|fd| PollFd::new(fd, PollFlags::OUT)));
        // Closed output would be ready for ever.
        if output_open {
            fds.push(PollFd::new(reader, PollFlags::IN));
        }
        match rustix::event::poll(&mut fds, timespec(times.rest()).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ended = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        output_open = output_open && collect(reader, output);
        if ended {
            return Ok(HookOver::Ended);
        }
        if stdin.is_some() && feed(stdin.as_ref(), &mut input) {
            stdin = None;
        }
    }
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
