//! How a command ends.

use std::process::ExitCode;

/// Why a command ends with another status than 0, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// 1 or 2.
    pub code: u8,
    /// Safe to print.
    pub message: String,
}

impl Failure {
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
        }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }

    pub(super) fn of(error: &dyn std::error::Error) -> Self {
        Self::failed(crate::text::chain(error))
    }
}

/// How a command ends.
pub(super) type CommandResult = Result<ExitCode, Failure>;
