//! From an id on the command line to one container of this host.

use std::path::Path;
use std::sync::Arc;

use super::Failure;
use crate::config::{Config, StateRoot};
use crate::inventory::scan::look_up;
use crate::inventory::{Container, Machine};
use crate::kernel::read::{is_gone, open_root, stat_beneath};
use crate::lifecycle::{NotATarget, Target};
use crate::oci::{ContainerId, ContainerKey, RuntimeKind};
use crate::text::visible_path;

/// What came of looking for an id.
pub(super) enum Found {
    /// This one.
    One(Box<Container>),
    /// None: no root has it.
    Absent(ContainerId),
}

/// `id`, or `runtime:id`.
fn split(text: &str) -> Result<(Option<RuntimeKind>, ContainerId), Failure> {
    let runtime = |word| match word {
        "youki" => Some(RuntimeKind::Youki),
        "runc" => Some(RuntimeKind::Runc),
        "crun" => Some(RuntimeKind::Crun),
        _ => None,
    };
    let (kind, id) = match text.split_once(':') {
        Some((word, id)) => match runtime(word) {
            Some(kind) => (Some(kind), id),
            None => (None, text),
        },
        None => (None, text),
    };
    Ok((kind, id.parse().map_err(|error| Failure::of(&error))?))
}

/// Looks in every root.
pub(super) fn find(machine: &Machine, text: &str) -> Result<Found, Failure> {
    let (runtime, id) = split(text)?;
    let mut found = Vec::new();
    for root in machine.state_roots() {
        let container = look_in(machine, &root.path, &id)?;
        let wanted = |container: &Container| runtime.is_none() || container.runtime == runtime;
        found.extend(container.filter(wanted));
    }
    match found.len() {
        0 => Ok(Found::Absent(id)),
        1 => Ok(found
            .pop()
            .map_or(Found::Absent(id), |one| Found::One(Box::new(one)))),
        _ => Err(several(&id, &found)),
    }
}

/// Looks in one root.
fn look_in(
    machine: &Machine,
    root: &Arc<Path>,
    id: &ContainerId,
) -> Result<Option<Container>, Failure> {
    let here = match open_root(root) {
        Ok(dir) => stat_beneath(&dir, id.as_str().as_ref()),
        Err(error) if is_gone(&error) => return Ok(None),
        // Only an unreadable root that was asked for can hide the container asked for.
        Err(_) if !machine.roots_are_given() => return Ok(None),
        Err(error) => Err(error),
    };
    let here = here.map_err(|error| {
        Failure::failed(format!("open state root {}: {error}", visible_path(root)))
    })?;
    if here.is_none() {
        return Ok(None);
    }
    let key = ContainerKey::new(Arc::clone(root), id.as_str());
    look_up(machine, &key)
        .map_err(|error| Failure::failed(format!("read {}: {error}", visible_path(&key.dir()))))
}

fn several(id: &ContainerId, found: &[Container]) -> Failure {
    let places: Vec<String> = found
        .iter()
        .map(|container| {
            let runtime = container.runtime.map_or("?", RuntimeKind::as_str);
            format!("{} ({runtime})", visible_path(container.key.root()))
        })
        .collect();
    Failure::failed(format!(
        "container {id} exists in several roots: {}; say which with --root or runtime:id",
        places.join(", ")
    ))
}

/// An id as it was given, to be looked for by its directory alone: what is in there may be broken.
#[derive(Debug, Clone)]
pub(super) struct Sought {
    runtime: Option<RuntimeKind>,
    id: ContainerId,
}

impl std::str::FromStr for Sought {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let (runtime, id) = split(text)?;
        Ok(Self { runtime, id })
    }
}

impl Sought {
    /// Where it is, among these roots.
    pub(super) fn keys_in(
        &self,
        machine: &Machine,
        roots: &[StateRoot],
    ) -> Result<Vec<Container>, Failure> {
        let mut found = Vec::new();
        for root in roots {
            found.extend(
                look_in(machine, &root.path, &self.id)?.filter(|container| {
                    self.runtime.is_none() || container.runtime == self.runtime
                }),
            );
        }
        Ok(found)
    }

    /// The only one of these, if there is any.
    pub(super) fn at_most_one(
        &self,
        mut found: Vec<Container>,
    ) -> Result<Option<Container>, Failure> {
        match found.len() {
            0 | 1 => Ok(found.pop()),
            _ => Err(self::several(&self.id, &found)),
        }
    }

    /// That there is none.
    pub(super) fn absent(&self) -> Failure {
        absent(&self.id)
    }
}

/// The one container, or an error in the words tools look for.
pub(super) fn one(config: &Config, text: &str) -> Result<(Machine, Container), Failure> {
    let machine = Machine::new(&config.roots);
    match find(&machine, text)? {
        Found::One(container) => Ok((machine, *container)),
        Found::Absent(id) => Err(absent(&id)),
    }
}

pub(super) fn absent(id: &ContainerId) -> Failure {
    Failure::failed(format!("container {id} does not exist"))
}

/// The container as a target.
pub(super) fn target(container: &Container) -> Result<Target, Failure> {
    Target::of(container).map_err(|error| match (&error, &container.problem) {
        (NotATarget::NoDirectory(name), Some(problem)) => {
            Failure::failed(format!("{name}: {problem}"))
        }
        _ => Failure::of(&error),
    })
}
