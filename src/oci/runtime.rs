//! Which runtime wrote a container directory.

use std::fmt;

use serde::Serialize;

/// The three low-level runtimes whose state directories ocitop reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeKind {
    /// youki: `state.json` and `youki_config.json`.
    Youki,
    /// runc: `state.json` with `init_process_pid`.
    Runc,
    /// crun: `status` and a copy of `config.json`.
    Crun,
}

impl RuntimeKind {
    /// The runtime's own name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Youki => "youki",
            Self::Runc => "runc",
            Self::Crun => "crun",
        }
    }
}

impl fmt::Display for RuntimeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
