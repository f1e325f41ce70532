//! What an action is aimed at, as it was shown when the operator confirmed it.

use serde::Serialize;

use crate::inventory::{Container, Inode};
use crate::oci::{ContainerKey, InvalidId};
use crate::process::InitProcess;

/// A container as it was when the operator said yes. The engine looks again before its first
/// change and refuses if it has become another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    /// Where it is.
    pub key: ContainerKey,
    /// Its state directory itself: a new container of the same id has another inode.
    pub state_dir: Inode,
    /// Its live init, if there was one.
    pub init: Option<InitProcess>,
}

/// Why a row cannot be a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATarget {
    /// Its name is no container id.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// It is not a directory that could be opened.
    #[error("{0} is not a directory ocitop can open")]
    NoDirectory(String),
}

impl Target {
    /// The target for the row shown.
    pub fn of(container: &Container) -> Result<Self, NotATarget> {
        container.key.id()?;
        let state_dir = container
            .state_dir
            .ok_or_else(|| NotATarget::NoDirectory(container.key.label()))?;
        Ok(Self {
            key: container.key.clone(),
            state_dir,
            init: container.init,
        })
    }
}
