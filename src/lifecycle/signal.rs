//! Signals to a container, as `kill` sends them.

use super::drain::is_target;
use super::run::Context;
use super::{Outcome, Reason, Seen, StepError, freeze};
use crate::kernel::read::is_gone;
use crate::kernel::{Kernel, Signal};

fn failed(pid: i32, error: &std::io::Error) -> StepError {
    StepError::Io {
        action: "signal",
        object: format!("pid {pid}"),
        cause: error.to_string(),
    }
}

/// Sends a signal to init. A SIGKILL to a frozen one is followed by the thaw without which it
/// would stay pending.
pub(super) fn init<K: Kernel>(
    context: &mut Context<'_, K>,
    signal: Signal,
) -> Result<Outcome, StepError> {
    let Some(init) = context.evidence.identity.alive() else {
        return Err(StepError::Refused {
            reason: "container not running".to_owned(),
        });
    };
    send(context, init.pid, signal)?;
    if signal == Signal::KILL {
        freeze::thaw_tree(context);
    }
    Ok(Outcome::Done(Seen::Signalled(1)))
}

/// Sends a signal to every process.
pub(super) fn all<K: Kernel>(
    context: &mut Context<'_, K>,
    signal: Signal,
) -> Result<Outcome, StepError> {
    let pids = context.evidence.members(context.machine);
    if pids.is_empty() {
        return Ok(Outcome::Skipped(Reason::NothingAlive));
    }
    let mut sent = 0;
    for pid in pids {
        sent += usize::from(send(context, pid, signal)?);
    }
    if signal == Signal::KILL {
        freeze::thaw_tree(context);
    }
    Ok(Outcome::Done(Seen::Signalled(sent)))
}

/// True if it was sent; false if the process is gone or no longer the container's.
fn send<K: Kernel>(context: &Context<'_, K>, pid: i32, signal: Signal) -> Result<bool, StepError> {
    let process = match context.kernel.open_process(pid) {
        Ok(process) => process,
        Err(error) if is_gone(&error) => return Ok(false),
        Err(error) => return Err(failed(pid, &error)),
    };
    if !is_target(context, pid) {
        return Ok(false);
    }
    match context.kernel.signal(&process, signal) {
        Ok(()) => Ok(true),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(failed(pid, &error)),
    }
}
