//! Having systemd stop a container's scope.

use std::path::PathBuf;
use std::time::Duration;

use crate::inventory::units;
use crate::kernel::Kernel;
use crate::kernel::read::is_gone;
use crate::lifecycle::context::Context;
use crate::lifecycle::outcome::{Outcome, Reason, Seen, StepError};
use crate::lifecycle::removable::Removable;

/// Least and most time systemd gets to stop a scope in which nothing lives any more.
const AT_LEAST: Duration = Duration::from_secs(2);
const AT_MOST: Duration = Duration::from_secs(30);

/// Between two looks whether systemd has let go of one.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Has systemd stop the scope and forget its failure. What remains of its cgroup is removed next.
pub(in crate::lifecycle) fn stop<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
) -> Result<Outcome, StepError> {
    let Some(scope) = context.evidence.scope() else {
        return Ok(Outcome::Skipped(Reason::None));
    };
    let limit = context.left().clamp(AT_LEAST, AT_MOST);
    match context.kernel.stop_scope(scope, limit) {
        Ok(()) => Ok(Outcome::Done(Seen::Gone)),
        Err(error) if is_gone(&error) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => Err(StepError::Io {
            action: "stop",
            object: crate::text::visible(&scope.name),
            cause: error.to_string(),
        }),
    }
}

/// Whether systemd has let go of the scope, as the last look asks it; a moment after its last process
/// is gone it does of itself. What could not be looked at for it.
pub(in crate::lifecycle) fn check_gone<K: Kernel>(
    context: &Context<'_, K>,
) -> Result<Vec<PathBuf>, StepError> {
    let Some(scope) = context.evidence.scope() else {
        return Ok(Vec::new());
    };
    let deadline = context.kernel.now() + AT_LEAST;
    let mut wait = FIRST_WAIT;
    loop {
        match units::state(context.machine, scope) {
            Ok(state) if !state.active => return Ok(Vec::new()),
            Ok(_) if context.kernel.now() >= deadline => {
                let unit = scope.name.clone();
                return Err(StepError::UnitActive { unit });
            }
            Ok(_) => {}
            Err(_) => return Ok(vec![units::home_of(context.machine, &scope.cgroup)]),
        }
        context.kernel.pause(wait);
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
