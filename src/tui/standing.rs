//! What a row says of its container first: what failed, what needs a person, or its status.

use jiff::Timestamp;

use crate::inventory::{Condition, Container, Frozen, Trouble};
use crate::oci::Status;

use super::deeds::{Deed, Deeds};

/// One thing that needs a person.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Issue<'a> {
    /// An action failed.
    Failed(&'a Deed),
    /// Something is wrong with it.
    Trouble(&'a Trouble),
}

/// From here on nothing needs a person.
const FINE: u8 = 20;

impl Issue<'_> {
    /// The word for the column of states.
    pub(crate) fn state(self) -> String {
        match self {
            Self::Failed(deed) => deed.state().to_owned(),
            Self::Trouble(trouble) => trouble.state(),
        }
    }

    /// Why, in a few words.
    pub(crate) fn reason(self, now: Timestamp) -> String {
        match self {
            Self::Failed(deed) => deed.reason(now),
            Self::Trouble(trouble) => trouble.reason(now),
        }
    }

    /// Whether it says more of the container than what that uses.
    pub(crate) fn holds(self) -> bool {
        match self {
            Self::Failed(_) => true,
            Self::Trouble(trouble) => trouble.holds() && !is_paused(trouble),
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Failed(deed) if deed.is_failed_delete() => 0,
            Self::Failed(_) => 9,
            Self::Trouble(trouble) if is_paused(trouble) => 14,
            Self::Trouble(trouble) if trouble.holds() => 2 + trouble.rank(),
            // Behind what is wrong with its files.
            Self::Trouble(trouble) => 5 + trouble.rank(),
        }
    }
}

/// Frozen by its own cgroup: its status says so.
fn is_paused(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Frozen(Frozen::Own(_)))
}

/// What needs a person, the gravest first.
pub(crate) fn issues<'a>(container: &'a Container, deeds: &'a Deeds) -> Vec<Issue<'a>> {
    let failed = deeds.failed(&container.key).map(Issue::Failed);
    let known = deeds.known_oom_kills(&container.key);
    let is_news = |trouble: &&Trouble| match trouble {
        Trouble::OomKilled { kills, .. } => *kills > known,
        Trouble::Tasks { .. }
        | Trouble::NoMemory { .. }
        | Trouble::Unreaped { .. }
        | Trouble::Frozen(_)
        | Trouble::AtLimit { .. }
        | Trouble::Throttled { .. } => true,
    };
    let troubles = container.troubles().iter().filter(is_news);
    let mut all: Vec<_> = failed.chain(troubles.map(Issue::Trouble)).collect();
    all.sort_by_key(|issue| issue.rank());
    all
}

/// What stands in the column of states in place of the status, and why.
pub(crate) fn headline<'a>(container: &'a Container, deeds: &'a Deeds) -> Option<Issue<'a>> {
    let first = issues(container, deeds).into_iter().next()?;
    let shown = match first {
        // Its status says it.
        Issue::Trouble(trouble) => !is_paused(trouble),
        Issue::Failed(_) => true,
    };
    let broken = container.condition == Condition::Broken;
    (shown && (!broken || first.rank() == 0)).then_some(first)
}

/// How much a container needs a person; the least number first.
pub(crate) fn gravity(container: &Container, deeds: &Deeds) -> u8 {
    let issue = issues(container, deeds).first().map(|issue| issue.rank());
    let own = match container.condition {
        Condition::Broken | Condition::Unknown(_) => 1,
        Condition::Freezing => 3,
        _ if container.problem.is_some() || container.silent.is_some() => 10,
        Condition::Known(Status::Running) => FINE,
        Condition::Known(Status::Paused) => FINE + 1,
        Condition::Known(Status::Creating | Status::Created) => FINE + 2,
        Condition::Known(Status::Stopped) => FINE + 3,
    };
    issue.map_or(own, |rank| rank.min(own))
}

/// Whether it needs a person.
pub(crate) fn needs_attention(container: &Container, deeds: &Deeds) -> bool {
    gravity(container, deeds) < FINE
}
