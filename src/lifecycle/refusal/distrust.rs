//! Why a hook is not run.

use crate::kernel::way::Foreign;

/// Why a hook is not trusted: who else can have written it. Paths are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Where its program is depends on who runs it.
    #[error("{0} is not an absolute path")]
    Relative(String),
    /// Something on the way to it, or the state directory, could not be looked at.
    #[error("{0} cannot be read")]
    Unread(String),
    /// Another user could have written something on the way to it.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// It is not there, and others can make names on the way to it.
    #[error("{program} is not there, and others can make files in {dir}")]
    Missing {
        /// The program of the hook.
        program: String,
        /// The directory in which others can make it.
        dir: String,
    },
    /// The state directory is not the one whose files named it.
    #[error("{0} is not the directory that names it any more")]
    Replaced(String),
}
