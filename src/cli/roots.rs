//! What could not be read, or cannot be seen from here: said on stderr beside a list of containers, so
//! that an empty table is not taken for an empty host.

use super::render;
use crate::inventory::{Condition, Machine, OutOfSight, RootOrigin, RootState, Snapshot};
use crate::text::visible_path;

/// Says it; whether the list is worth nothing: a root that was named cannot be read, or none could be.
pub(super) fn report(machine: &Machine, snapshot: &Snapshot) -> bool {
    let mut said: Vec<String> = Vec::new();
    if !machine.sight.is_whole() {
        let doubts = machine.sight.doubts().into_iter();
        said.extend(doubts.map(|why| format!("{}: {}", why.words(), why.remedy())));
    }
    let mut failed = false;
    for root in &snapshot.roots {
        let path = visible_path(&root.path);
        match (&root.state, root.origin) {
            (RootState::Failed(why), origin) => {
                said.push(format!("read state root {path}: {why}"));
                failed |= origin == RootOrigin::Given;
            }
            (RootState::Absent, RootOrigin::Given) => {
                said.push(format!("state root {path} does not exist"));
            }
            (RootState::Absent, RootOrigin::Known) | (RootState::Read(_), _) => {}
        }
    }
    let read = snapshot
        .roots
        .iter()
        .any(|root| matches!(root.state, RootState::Read(_)));
    if !read {
        failed |= snapshot.roots.iter().any(|root| {
            matches!(root.state, RootState::Failed(_)) || root.origin == RootOrigin::Given
        });
        if let Some(why) = elsewhere(machine) {
            failed = true;
            let (why, remedy) = (why.words(), why.remedy());
            said.push(format!(
                "no state root is found here, which proves nothing: {why}; {remedy}"
            ));
        }
    }
    for container in &snapshot.containers {
        if let Some(problem) = &container.problem {
            // The record of one that is not broken was read: what is said is of the container.
            let load = match container.condition {
                Condition::Broken => "load ",
                Condition::Known(_) | Condition::Freezing | Condition::Unknown(_) => "",
            };
            let id = container.key.label();
            said.push(format!("{load}container {id}: {problem}"));
        }
    }
    render::warn_all(&said);
    failed
}

/// Why the known roots of the host may be somewhere else. An ordinary user sees the host's own
/// directories and cannot prove it: that is no reason.
pub(super) fn elsewhere(machine: &Machine) -> Option<OutOfSight> {
    let mounts = machine.sight.mounts();
    mounts.filter(|why| *why == OutOfSight::MountNamespace && !machine.roots_are_given())
}
