//! The last step of a delete: it looks again whether all is gone. A cgroup, a group or a record that it
//! cannot look at fails it; of what may stand beside them, a unit and a pin, it says so.

use std::path::PathBuf;

use super::{drain, pin, scope, state};
use crate::kernel::Kernel;
use crate::kernel::read::is_there;
use crate::lifecycle::context::Context;
use crate::lifecycle::outcome::io_error;
use crate::lifecycle::{Outcome, Seen, StepError};

pub(in crate::lifecycle) fn all_gone<K: Kernel>(
    context: &Context<'_, K>,
) -> Result<Outcome, StepError> {
    drain::check_gone(context)?;
    let mut unseen = scope::check_gone(context)?;
    let mut left = Vec::new();
    // What a delete is about is looked at, or it is not done.
    let mut keep = |dir: PathBuf, looked: std::io::Result<bool>| {
        if looked.map_err(|error| io_error("look at", &dir, &error))? {
            left.push(dir);
        }
        Ok(())
    };
    for dir in directories(context) {
        let looked = is_there(&dir);
        keep(dir, looked)?;
    }
    keep(context.evidence.entry.key.dir(), state::is_there(context))?;
    unseen.extend(pin::look_again(context, &mut left));
    if !left.is_empty() {
        return Err(StepError::Left {
            paths: left,
            cause: "seen when looking again".to_owned(),
        });
    }
    Ok(Outcome::Done(match &unseen[..] {
        [] => Seen::Gone,
        _ => Seen::GoneUnseen(unseen),
    }))
}

/// The cgroups that are still its own, and its resctrl groups.
fn directories<K: Kernel>(context: &Context<'_, K>) -> Vec<PathBuf> {
    let evidence = &context.evidence;
    let cgroups = evidence.cgroups(context.machine).into_iter();
    let dirs = cgroups.map(|cgroup| cgroup.dir(&context.machine.hierarchies));
    dirs.chain(evidence.mon_group.clone())
        .chain(evidence.ctrl_group.clone())
        .collect()
}
