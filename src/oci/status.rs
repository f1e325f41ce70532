//! Container status (runtime-spec, "State"), plus `paused`, which the three runtimes share.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status words of the runtime-spec and `paused`.
///
/// ```
/// use ocitop::oci::Status;
/// assert_eq!(Status::Running.to_string(), "running");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The runtime is still making it.
    Creating,
    /// Made, its program not started yet.
    Created,
    /// Its program runs.
    Running,
    /// Every process is frozen.
    Paused,
    /// Its init is gone.
    Stopped,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Creating,
        Self::Created,
        Self::Running,
        Self::Paused,
        Self::Stopped,
    ];

    /// The runtime-spec's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
