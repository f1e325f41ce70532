//! Why the engine does nothing: each reason is a variant with what it is about, so that a test, a
//! script and the screen can tell them apart without reading English.
//!
//! [`Refusal::words`] are runc's where runc has any: tools above the runtimes look for them; [`Refusal::code`] is for
//! programs and stays when the words get better.

mod distrust;
mod not_remembered;
mod not_signalled;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::clean::Kept;
use super::doubt::Doubt;
use super::guard::Forbidden;
use super::outer_freeze::OuterFreeze;
use crate::inventory::Condition;
use crate::inventory::sight::{CgroupsOutOfSight, OutOfSight};
use crate::oci::InvalidId;

pub use distrust::Distrust;
pub use not_remembered::NotRemembered;
pub use not_signalled::NotSignalled;

/// Why something is refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such container.
    #[error("container does not exist")]
    Absent,
    /// Its name is no id.
    #[error("{}", crate::text::chain(.0))]
    Name(InvalidId),
    /// Its record cannot be looked at: this is why, safe to print.
    #[error("{0}")]
    Unread(String),
    /// What is there is not what was confirmed.
    #[error("it is not the container that was confirmed")]
    Replaced,
    /// Whether it lives cannot be known from here.
    #[error("cannot know whether anything lives: {}; {}", .0.words(), .0.remedy())]
    OutOfSight(OutOfSight),
    /// Its cgroups cannot be looked at from here.
    #[error("cannot know whether anything lives: {}; {}", .0.words(), .0.why.remedy())]
    CgroupsOutOfSight(CgroupsOutOfSight),
    /// What tells whether anything of it lives was not read, or is ambiguous.
    #[error("cannot know whether anything lives: {0}")]
    CannotKnow(#[from] Doubt),
    /// Its cgroups or its init must not be touched.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It is not stopped, and nobody asked for force.
    #[error("{}", not_stopped(.id, *.condition))]
    NotStopped {
        /// Its id.
        id: String,
        /// What it is.
        condition: Condition,
    },
    /// It has no live init.
    #[error("container not running: {id}")]
    NotRunning {
        /// Its id.
        id: String,
    },
    /// Its init died between the plan and the step.
    #[error("container not running")]
    InitGone,
    /// It cannot be paused: it is this.
    #[error("container not running: it is {0}")]
    NotPausable(Condition),
    /// It cannot be resumed: it is this.
    #[error("container not paused: it is {0}")]
    NotPaused(Condition),
    /// It cannot be started: it is this.
    #[error("cannot start a container that is {0}, only a created one")]
    NotCreated(Condition),
    /// It has no cgroup to freeze.
    #[error("it has no cgroup to freeze")]
    NoCgroup,
    /// Another live container has its cgroup too, and would be frozen with it.
    #[error(
        "its cgroup is shared with container {with}, which is alive: its freezer would stop that one too"
    )]
    SharedFreezer {
        /// The other container.
        with: String,
    },
    /// It has cgroups, none of them with a freezer.
    #[error("its freezer cgroup does not exist")]
    NoFreezer,
    /// Its cgroup went while it was frozen or thawed.
    #[error("its cgroup is gone")]
    CgroupGone,
    /// It is frozen by a cgroup that is not its own.
    #[error("{0}")]
    FrozenOutside(OuterFreeze),
    /// Nothing says which runtime made it.
    #[error("its runtime is not known")]
    NoRuntime,
    /// A hook that would have to run is not trusted: refused before anything is changed.
    #[error("hook not run: {0}; --no-hooks goes on without its hooks")]
    Hooks(Distrust),
    /// A hook is not trusted any more, now that its turn has come.
    #[error("hook not run: {0}")]
    Hook(Distrust),
    /// What a hook needs is not found, among other mounts than the host's: it may be there.
    #[error(
        "hook not run: {path} is not found here, where {}; {}; --no-hooks goes on without its hooks",
        .why.words(), .why.remedy()
    )]
    HookOutOfSight {
        /// Its program, or the directory it runs in.
        path: String,
        /// Why that proves nothing.
        why: OutOfSight,
    },
    /// What has to remember that a poststop hook ran cannot be made.
    #[error(
        "hook not run: nothing could remember that it ran, and it must not run twice: {dir}: {why}; --no-hooks goes on without its hooks"
    )]
    NotRemembered {
        /// The state directory.
        dir: String,
        /// What keeps it from being remembered.
        why: NotRemembered,
    },
    /// A process that was to be signalled alone.
    #[error(transparent)]
    Process(#[from] NotSignalled),
    /// A leftover that stays.
    #[error(transparent)]
    Kept(#[from] Kept),
    /// What was asked for is not for a leftover.
    #[error("not a container")]
    NotAContainer,
}

fn not_stopped(id: &str, condition: Condition) -> String {
    match condition {
        Condition::Broken => {
            format!("cannot delete container {id} without --force: its state cannot be read")
        }
        condition @ (Condition::Known(_) | Condition::Freezing | Condition::Unknown(_)) => {
            format!("cannot delete container {id} that is not stopped: {condition}")
        }
    }
}

impl Refusal {
    /// The reason in words, safe to print.
    pub fn words(&self) -> String {
        self.to_string()
    }

    /// The reason as one stable word, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Name(_) => "invalid_id",
            Self::Unread(_) => "unread",
            Self::Replaced => "replaced",
            Self::OutOfSight(_) => "out_of_sight",
            Self::CgroupsOutOfSight(_) => "cgroups_out_of_sight",
            Self::CannotKnow(_) => "cannot_know",
            Self::Forbidden(why) => why.code(),
            Self::NotStopped { .. } => "not_stopped",
            Self::NotRunning { .. } | Self::InitGone | Self::NotPausable(_) => "not_running",
            Self::NotPaused(_) => "not_paused",
            Self::NotCreated(_) => "not_created",
            Self::NoCgroup => "no_cgroup",
            Self::SharedFreezer { .. } => "shared",
            Self::NoFreezer => "no_freezer",
            Self::CgroupGone => "cgroup_gone",
            Self::FrozenOutside(_) => "frozen_outside",
            Self::NoRuntime => "no_runtime",
            Self::Hooks(_) | Self::Hook(_) => "hook_not_trusted",
            Self::HookOutOfSight { .. } => "hook_out_of_sight",
            Self::NotRemembered { .. } => "hook_not_remembered",
            Self::Process(why) => why.code(),
            Self::Kept(why) => why.code(),
            Self::NotAContainer => "not_a_container",
        }
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        named("reason", Some(self), serializer)
    }
}

/// The refusal of a preview, as two fields of it.
#[expect(clippy::ref_option, reason = "serde gives the field as it is")]
pub(super) fn of_preview<S: Serializer>(
    refusal: &Option<Refusal>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    named("refused", refusal.as_ref(), serializer)
}

/// The words under `name`, and the code beside them.
fn named<S: Serializer>(
    name: &'static str,
    refusal: Option<&Refusal>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry(name, &refusal.map(Refusal::words))?;
    map.serialize_entry("code", &refusal.map(Refusal::code))?;
    map.end()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Preview, StepError, Verdict};
    use super::*;

    #[test]
    fn json_has_the_code_beside_the_words() {
        let why = || Refusal::NotRunning {
            id: "web".to_owned(),
        };
        let (words, code) = ("container not running: web", "not_running");
        assert_eq!(
            json!(Verdict::Refused(why())),
            json!({"verdict": "refused", "detail": words, "code": code})
        );
        assert_eq!(
            json!(StepError::Refused(why())),
            json!({"error": "refused", "reason": words, "code": code})
        );
        let preview = |refused| {
            json!(Preview {
                plan: crate::lifecycle::Plan::default(),
                processes: 0,
                uninterruptible: 0,
                refused,
                notes: Vec::new(),
            })
        };
        let said = preview(Some(why()));
        assert_eq!(
            (&said["refused"], &said["code"]),
            (&words.into(), &code.into())
        );
        assert!(preview(None)["refused"].is_null());
    }
}
