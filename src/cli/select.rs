//! From an id on the command line to one container of this host.

use std::path::Path;
use std::sync::Arc;

use super::Failure;
use super::roots::elsewhere;
use crate::config::{Config, StateRoot};
use crate::inventory::scan::look_up;
use crate::inventory::{Container, Machine};
use crate::kernel::read::{is_gone, open_root, stat_beneath};
use crate::lifecycle::{NotATarget, Target};
use crate::oci::{ContainerId, ContainerKey, RuntimeKind};
use crate::text::visible_path;

/// What came of looking for an id.
pub(super) enum IdLookup {
    /// This one.
    One(Box<Container>),
    /// None: no root that could be read has it.
    Absent(Absent),
}

/// An id that no root has that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Absent {
    /// The id.
    pub(super) id: ContainerId,
    /// The roots that could not be read, with the reason, safe to print. With any of these it may
    /// exist all the same.
    pub(super) unread: Vec<String>,
}

/// Most roots that are named in one message.
const NAMED: usize = 3;

impl Absent {
    /// In words that tools look for, where it is sure.
    pub(super) fn failure(&self) -> Failure {
        let id = &self.id;
        if self.unread.is_empty() && !id.is_portable() {
            return Failure::of(&id.invalid());
        }
        if self.unread.is_empty() {
            return Failure::failed(format!("container {id} does not exist"));
        }
        let named: Vec<&str> = self.unread.iter().take(NAMED).map(String::as_str).collect();
        let more = match self.unread.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Failure::failed(format!(
            "container {id}: not found in the roots that could be read; not read: {}{more}",
            named.join(", ")
        ))
    }
}

/// `runtime:id`.
fn split(text: &str) -> Option<(RuntimeKind, &str)> {
    let (word, id) = text.split_once(':')?;
    let runtime = match word {
        "youki" => RuntimeKind::Youki,
        "runc" => RuntimeKind::Runc,
        "crun" => RuntimeKind::Crun,
        _ => return None,
    };
    Some((runtime, id))
}

/// What a look for an id in several roots came to.
#[derive(Debug, Default)]
pub(super) struct IdSearch {
    /// Where it is.
    pub(super) found: Vec<Container>,
    /// What could not be read, with the reason, safe to print: it may be there.
    pub(super) unread: Vec<String>,
}

/// Looks in every root.
pub(super) fn find(machine: &Machine, text: &str) -> Result<IdLookup, Failure> {
    let sought: Sought = text.parse()?;
    sought.only(sought.search(machine, &machine.state_roots())?)
}

/// What one root has of an id.
enum InRoot {
    /// This.
    Here(Box<Container>),
    /// Nothing.
    Nothing,
    /// There is no such root.
    NoRoot,
}

/// Looks in one root.
fn look_in(machine: &Machine, root: &Arc<Path>, id: &ContainerId) -> std::io::Result<InRoot> {
    let dir = match open_root(root) {
        Ok(dir) => dir,
        Err(error) if is_gone(&error) => return Ok(InRoot::NoRoot),
        Err(error) => return Err(error),
    };
    if stat_beneath(&dir, id.as_str().as_ref())?.is_none() {
        return Ok(InRoot::Nothing);
    }
    let key = ContainerKey::new(Arc::clone(root), id.as_str());
    let found = look_up(machine, &key)?;
    Ok(found.map_or(InRoot::Nothing, |one| InRoot::Here(Box::new(one))))
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

/// A name that a container may have, and whose it then has to be.
type NameOfRuntime = (Option<RuntimeKind>, ContainerId);

/// An id as it was given, to be looked for by its directory alone: what is in there may be broken.
#[derive(Debug, Clone)]
pub(super) struct Sought {
    /// A container of that very name, colon or not.
    first: NameOfRuntime,
    /// What else it may mean: one of a runtime.
    then: Option<NameOfRuntime>,
}

impl std::str::FromStr for Sought {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let of = split(text).and_then(|(runtime, id)| Some((Some(runtime), id.parse().ok()?)));
        match (text.parse::<ContainerId>(), of) {
            (Ok(id), then) => Ok(Self {
                first: (None, id),
                then,
            }),
            (Err(_), Some(first)) => Ok(Self { first, then: None }),
            (Err(error), None) => Err(Failure::of(&error)),
        }
    }
}

impl Sought {
    /// Where it is, among these roots. A root that was named and cannot be read is a failure: nobody
    /// can answer for it.
    pub(super) fn search(
        &self,
        machine: &Machine,
        roots: &[StateRoot],
    ) -> Result<IdSearch, Failure> {
        let search = search_for(&self.first, machine, roots)?;
        match &self.then {
            Some(name) if search.found.is_empty() => search_for(name, machine, roots),
            _ => Ok(search),
        }
    }

    /// What it is called where there is none.
    fn id(&self) -> &ContainerId {
        let (_, id) = self.then.as_ref().unwrap_or(&self.first);
        id
    }

    /// The only one of these.
    pub(super) fn only(&self, mut search: IdSearch) -> Result<IdLookup, Failure> {
        match search.found.len() {
            0 | 1 => Ok(match search.found.pop() {
                Some(one) => IdLookup::One(Box::new(one)),
                None => IdLookup::Absent(Absent {
                    id: self.id().clone(),
                    unread: search.unread,
                }),
            }),
            _ => Err(several(self.id(), &search.found)),
        }
    }
}

/// Where a container of this name is, among these roots.
fn search_for(
    (runtime, id): &NameOfRuntime,
    machine: &Machine,
    roots: &[StateRoot],
) -> Result<IdSearch, Failure> {
    let mut search = IdSearch::default();
    let mut read = 0;
    for root in roots {
        match look_in(machine, &root.path, id) {
            Ok(InRoot::Here(one)) => {
                read += 1;
                if runtime.is_none() || one.runtime == *runtime {
                    search.found.push(*one);
                }
            }
            Ok(InRoot::Nothing) => read += 1,
            Ok(InRoot::NoRoot) => {}
            Err(error) if machine.roots_are_given() => {
                let path = visible_path(&root.path);
                return Err(Failure::failed(format!("open state root {path}: {error}")));
            }
            Err(error) => {
                let path = visible_path(&root.path);
                search.unread.push(format!("{path}: {error}"));
            }
        }
    }
    // Where the host's directories are not, neither are its state roots.
    let nothing = read == 0 && search.unread.is_empty();
    if let Some(why) = elsewhere(machine).filter(|_| nothing) {
        let unread = format!("any: none is found here ({})", why.words());
        search.unread.push(unread);
    }
    Ok(search)
}

/// The one container, or an error in the words tools look for.
pub(super) fn one(config: &Config, text: &str) -> Result<(Machine, Container), Failure> {
    let machine = Machine::new(&config.roots);
    match find(&machine, text)? {
        IdLookup::One(container) => Ok((machine, *container)),
        IdLookup::Absent(absent) => Err(absent.failure()),
    }
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
