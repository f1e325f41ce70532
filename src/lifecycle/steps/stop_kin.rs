//! Before the kill of a container without a cgroup.

use std::collections::BTreeSet;

use crate::kernel::{Kernel, Signal};
use crate::lifecycle::context::Context;
use crate::lifecycle::kin::Births;

/// Most looks for new ones while they are stopped.
const ROUNDS: usize = 100;

/// Stops all of them, until no new one is found: what is stopped does not fork. SIGKILL ends a stopped
/// process like any other.
pub(in crate::lifecycle) fn stop<K: Kernel>(context: &mut Context<'_, K>) {
    if !context.evidence.is_by_kin() {
        return;
    }
    let mut stopped = BTreeSet::new();
    for _ in 0..ROUNDS {
        let mut fresh = false;
        for pid in context.evidence.members(context.machine).pids {
            if stopped.contains(&pid) {
                continue;
            }
            // What cannot be stopped can still be killed.
            let Ok(process) = context.kernel.open_process(pid) else {
                continue;
            };
            if context.evidence.belongs(context.machine, pid)
                && context.kernel.signal(&process, Signal::STOP).is_ok()
            {
                stopped.insert(pid);
                fresh = true;
            }
        }
        context.evidence.look_again(context.machine);
        if !fresh && context.evidence.births() == Births::None || context.left().is_zero() {
            return;
        }
    }
}
