//! Signals to a container, as `kill` sends them, and to one process of it.

use crate::inventory::Machine;
use crate::inventory::members::{pid_namespace, private_pid_namespace};
use crate::kernel::read::is_gone;
use crate::kernel::{Kernel, Signal};
use crate::lifecycle::context::Context;
use crate::lifecycle::evidence::TeardownEvidence;
use crate::lifecycle::refusal::NotSignalled;
use crate::lifecycle::{Outcome, OuterFreeze, Reason, Refusal, Seen, StepError};
use crate::process::InitProcess;

fn failed(pid: i32, error: &std::io::Error) -> StepError {
    StepError::Io {
        action: "signal",
        object: format!("pid {pid}"),
        cause: error.to_string(),
    }
}

/// Sends a signal to init.
pub(in crate::lifecycle) fn init<K: Kernel>(
    context: &mut Context<'_, K>,
    signal: Signal,
) -> Result<Outcome, StepError> {
    let not_running = || StepError::Refused(Refusal::InitGone);
    let init = context.evidence.identity.alive().ok_or_else(not_running)?;
    if !send(context, init.pid, signal)? {
        // It ended since it was looked up: whoever asks by a signal has to hear of that.
        return Err(not_running());
    }
    sent(context, signal, 1)
}

/// A signal that was sent, unless it waits for a thaw that is not ocitop's: then that is told.
fn sent<K: Kernel>(
    context: &Context<'_, K>,
    signal: Signal,
    count: usize,
) -> Result<Outcome, StepError> {
    let waits = |held: &&OuterFreeze| held.kills_wait || signal != Signal::KILL;
    let held = context.evidence.held.as_ref().filter(waits);
    match held {
        Some(held) if signal != Signal::NULL => Err(StepError::Pending(held.clone())),
        _ => Ok(Outcome::Done(Seen::Signalled(count))),
    }
}

/// Sends a signal to every process.
pub(in crate::lifecycle) fn all<K: Kernel>(
    context: &mut Context<'_, K>,
    signal: Signal,
) -> Result<Outcome, StepError> {
    let members = context.evidence.members(context.machine);
    if members.pids.is_empty() && members.unseen.is_none() {
        return Ok(Outcome::Skipped(Reason::NothingAlive));
    }
    let mut count = 0;
    for pid in members.pids {
        count += usize::from(send(context, pid, signal)?);
    }
    match members.unseen {
        Some(what) => Err(StepError::Unread { what }),
        None => sent(context, signal, count),
    }
}

/// True if it was sent; false if the process is gone or no longer the container's.
fn send<K: Kernel>(context: &Context<'_, K>, pid: i32, signal: Signal) -> Result<bool, StepError> {
    let process = match context.kernel.open_process(pid) {
        Ok(process) => process,
        Err(error) if is_gone(&error) => return Ok(false),
        Err(error) => return Err(failed(pid, &error)),
    };
    if !context.evidence.belongs(context.machine, pid) {
        return Ok(false);
    }
    match context.kernel.signal(&process, signal) {
        Ok(()) => Ok(true),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(failed(pid, &error)),
    }
}

/// Sends a signal to one process, and to no other. A frozen one is not thawed for it: that would
/// wake the whole container.
pub(in crate::lifecycle) fn one<K: Kernel>(
    context: &mut Context<'_, K>,
    process: InitProcess,
    signal: Signal,
) -> Result<Outcome, StepError> {
    let pid = process.pid;
    if pid < 2 {
        return Err(StepError::Refused(NotSignalled::Never(pid).into()));
    }
    let opened = match context.kernel.open_process(pid) {
        Ok(opened) => opened,
        Err(error) if is_gone(&error) => return Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => return Err(failed(pid, &error)),
    };
    // Now that the descriptor pins it: what passes here gets the signal.
    match check(context.machine, &context.evidence, process) {
        Ok(()) => {}
        Err(NotSignalled::Gone(_)) => return Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(why) => return Err(StepError::Refused(why.into())),
    }
    match context.kernel.signal(&opened, signal) {
        Ok(()) => Ok(Outcome::Done(Seen::Signalled(1))),
        Err(error) if is_gone(&error) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => Err(failed(pid, &error)),
    }
}

/// Whether a process may get a signal: it is the one that was shown, and the container's now: as
/// every other signal would have it, or in init's private pid namespace.
pub(in crate::lifecycle) fn check(
    machine: &Machine,
    evidence: &TeardownEvidence,
    process: InitProcess,
) -> Result<(), NotSignalled> {
    let pid = process.pid;
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    if pid < 2 || pid == own {
        return Err(NotSignalled::Never(pid));
    }
    // One that cannot be read is not known to be the one.
    let stat = machine
        .stat(pid)
        .map_err(|_unreadable| NotSignalled::Foreign(pid))?;
    let stat = stat.ok_or(NotSignalled::Gone(pid))?;
    if stat.start_time != process.start_time {
        return Err(NotSignalled::Recycled(pid));
    }
    if stat.is_kernel_thread() {
        return Err(NotSignalled::Never(pid));
    }
    if stat.is_dead() {
        let parent = stat.ppid;
        return Err(NotSignalled::Zombie { pid, parent });
    }
    if evidence.belongs(machine, pid) || shares_namespace(machine, evidence, pid) {
        return Ok(());
    }
    Err(NotSignalled::Foreign(pid))
}

/// Whether a process is in the pid namespace that is this container's alone.
fn shares_namespace(machine: &Machine, evidence: &TeardownEvidence, pid: i32) -> bool {
    let init = evidence.identity.alive();
    let private = init.and_then(|init| private_pid_namespace(machine, init.pid));
    private.is_some() && pid_namespace(machine, pid) == private
}
