//! How the container is, when nothing is wrong with it.

use crate::cgroup::freezer::Freezer;
use crate::diagnosis::cause::StateCause;
use crate::diagnosis::evidence::{Evidence, InitSeen, Level};
use crate::diagnosis::finding::find;
use crate::diagnosis::remedy::Advice;
use crate::diagnosis::{Finding, Remedy, Weight, checks, words};
use crate::inventory::Condition;
use crate::oci::Status;

pub(super) fn judge(evidence: &Evidence, out: &mut Vec<Finding>) {
    let pid = match &evidence.init {
        InitSeen::Alive(init) | InitSeen::Zombie(init, _) => Some(init.pid),
        InitSeen::Gone(pid) => Some(*pid),
        InitSeen::Unknown | InitSeen::Recycled(_) | InitSeen::OutOfSight(_) => None,
    };
    let left = evidence
        .tasks
        .iter()
        .filter(|task| !task.process.is_zombie())
        .count();
    let processes = evidence.tasks.len() + evidence.more;
    let said = out.iter().any(|finding| finding.weight < Weight::State);
    let (cause, remedies) = match evidence.condition {
        // What is wrong has been said: of a broken one its record, of a freezing one its freezer.
        Condition::Known(Status::Running) | Condition::Broken | Condition::Freezing if said => {
            return;
        }
        Condition::Known(Status::Running) => (
            StateCause::Running {
                pid: pid.unwrap_or(0),
                processes,
            },
            Vec::new(),
        ),
        Condition::Known(Status::Created) => (
            StateCause::Created {
                pid: pid.unwrap_or(0),
            },
            vec![Remedy::Start, Remedy::Delete],
        ),
        Condition::Known(Status::Creating) => (StateCause::Creating, vec![Remedy::ForceDelete]),
        Condition::Known(Status::Paused) => match plain_pause(evidence) {
            Some(cgroup) => (StateCause::Paused { cgroup }, vec![Remedy::Resume]),
            // Said already, as a freeze of another kind.
            None => return,
        },
        Condition::Known(Status::Stopped) => {
            // That none was found says something only where all was looked at.
            let left = (left > 0 || checks::tasks(evidence).is_ok()).then_some(left);
            let delete = if left > Some(0) {
                Remedy::ForceDelete
            } else {
                Remedy::Delete
            };
            (StateCause::Stopped { pid, left }, vec![delete])
        }
        Condition::Unknown(why) => {
            let advice = Advice::See(why);
            (
                StateCause::OutOfSight { why },
                vec![Remedy::Advice { advice }],
            )
        }
        condition @ (Condition::Freezing | Condition::Broken) => {
            (StateCause::Unknown { condition }, vec![Remedy::ForceDelete])
        }
    };
    out.push(
        find(Weight::State, cause)
            .seen(words::of_init(evidence))
            .by(remedies),
    );
}

/// The container's own freezer, if it was set as `pause` sets it: the record knows of it, and
/// nothing waits for the thaw.
pub(super) fn plain_pause(evidence: &Evidence) -> Option<std::path::PathBuf> {
    let frozen = |level| {
        let hit = evidence
            .cgroups
            .iter()
            .find(|cgroup| cgroup.level == level && cgroup.freezer == Some(Freezer::Frozen));
        hit.map(|cgroup| cgroup.dir.clone())
    };
    let killed = evidence
        .tasks
        .iter()
        .any(|task| task.process.kill_pending());
    let plain = !evidence.record.stored_running && !killed;
    frozen(Level::Own).filter(|_| plain)
}
