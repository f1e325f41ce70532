//! Why a hook could run twice.

use std::fmt;

/// Why nothing can be remembered in a state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRemembered {
    /// Its file system is read-only.
    ReadOnly,
    /// Its file system is full.
    Full {
        /// No byte is free.
        bytes: bool,
        /// No inode is free.
        inodes: bool,
    },
    /// Another reason, in the system's words.
    Other(String),
}

impl fmt::Display for NotRemembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "read-only file system",
            Self::Full {
                bytes: false,
                inodes: true,
            } => "no inode left",
            Self::Full {
                bytes: true,
                inodes: true,
            } => "no space and no inode left",
            Self::Full {
                bytes: true,
                inodes: false,
            } => "no space left (bytes)",
            Self::Full {
                bytes: false,
                inodes: false,
            } => "no space left",
            Self::Other(cause) => cause,
        })
    }
}
