//! The last step of a delete: it looks again whether all is gone, and says so of nothing that it
//! could not look at.

use std::path::PathBuf;

use super::run::Context;
use super::{Outcome, Seen, StepError, drain, pin, state, unit};
use crate::kernel::Kernel;

pub(super) fn all_gone<K: Kernel>(context: &Context<'_, K>) -> Result<Outcome, StepError> {
    drain::check_gone(context)?;
    let mut unseen = unit::check_gone(context)?;
    let mut paths = left(context);
    unseen.extend(pin::look_again(context, &mut paths));
    if !paths.is_empty() {
        return Err(StepError::Left {
            paths,
            cause: "seen when looking again".to_owned(),
        });
    }
    Ok(Outcome::Done(match &unseen[..] {
        [] => Seen::Gone,
        _ => Seen::GoneUnseen(unseen),
    }))
}

/// What is still there of the container: cgroups, resctrl groups, the state directory.
fn left<K: Kernel>(context: &Context<'_, K>) -> Vec<PathBuf> {
    let evidence = &context.evidence;
    let mut paths: Vec<_> = evidence
        .cgroups(context.machine)
        .iter()
        .map(|cgroup| cgroup.dir(&context.machine.hierarchies))
        .chain(evidence.mon_group.clone())
        .chain(evidence.ctrl_group.clone())
        .filter(|dir| dir.exists())
        .collect();
    if state::is_there(context) {
        paths.push(evidence.entry.key.dir());
    }
    paths
}
