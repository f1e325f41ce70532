//! The cgroups that other containers of this host claim: what a teardown must not touch.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::cgroup::{CgroupPath, Membership};
use crate::inventory::author::{Author, Whose};
use crate::inventory::budget::RootBudget;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::entry::{Depth, Entry, Lead};
use crate::inventory::identity::{Identity, Recorded, Rigour, identify, is_member};
use crate::inventory::scan::{cgroups_of, entry_names};
use crate::inventory::unread::{Place, WhyUnread};
use crate::inventory::{Machine, Problem, Unread, pins, rdt};
use crate::kernel::read::{ReadError, is_gone, open_root};
use crate::oci::ContainerKey;
use crate::process::InitProcess;

/// Every container found in any state root, with the cgroups its record names.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    list: Vec<Claim>,
    /// The live ones by hierarchy and cgroup, the first of each: every process of the host is asked of.
    live_at: Vec<HashMap<PathBuf, usize>>,
    by_key: HashMap<ContainerKey, usize>,
    /// The state roots, and the records in them, that could not be read. What is in them claims
    /// nothing, so nobody can be sure that nobody claims it.
    pub unread: Vec<Unread>,
    /// How many were read.
    pub roots: usize,
}

#[derive(Debug, Clone)]
struct Claim {
    key: ContainerKey,
    /// Whose word it is.
    author: Author,
    /// Those for which that counts.
    cgroups: Vec<CgroupDir>,
    /// Whether its init lives, or may.
    alive: bool,
    /// Its init, if that is seen alive.
    init: Option<InitProcess>,
    rdt: Vec<PathBuf>,
}

impl Claim {
    fn of(machine: &Machine, key: ContainerKey, entry: &Entry<'_>) -> Self {
        let cgroups = cgroups_of(machine, entry);
        let record = entry.record.as_ref().ok();
        let identity = record.map(|record| {
            let recorded = Recorded::at(&key, record, &cgroups);
            identify(machine, recorded, Rigour::Signalled)
        });
        let groups = record.map(|record| rdt::groups(&record.rdt, machine.resctrl.as_deref()));
        let claim = Self {
            key,
            author: entry.author(),
            cgroups,
            // One that may live claims as a live one does.
            alive: identity.is_some_and(Identity::may_live),
            init: identity.and_then(Identity::alive),
            rdt: groups.unwrap_or_default(),
        };
        match claim.author {
            Author::Trusted => claim,
            Author::User(_) => claim.of_user(machine),
        }
    }

    /// A user can name any cgroup and any process in a record: what counts is what is that user's own,
    /// with the init in it. Root's alone are resctrl groups.
    fn of_user(mut self, machine: &Machine) -> Self {
        let author = self.author;
        self.rdt.clear();
        let speaks_for = |cgroup: &CgroupDir| match Whose::at(&cgroup.dir(&machine.hierarchies)) {
            Ok(whose) => author.speaks_for(whose),
            // What is there and cannot be looked at may be the user's.
            Err(error) => !is_gone(&error),
        };
        self.cgroups.retain(speaks_for);
        let Some(init) = self.init else {
            return self;
        };
        let membership = machine.membership(init.pid).unwrap_or_default();
        let inside =
            |cgroup: &CgroupDir| is_member(machine, &membership, std::slice::from_ref(cgroup));
        self.cgroups.retain(inside);
        // A container's own users may be subordinate ones, and never root.
        let is_roots = || Author::of_process(machine, init.pid) == Some(Author::Trusted);
        if self.cgroups.is_empty() && is_roots() {
            (self.init, self.alive) = (None, false);
        }
        self
    }
}

/// Another container has its processes in a cgroup of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Which container.
    pub with: ContainerKey,
    /// Its init; `None` if it may live and cannot be identified.
    pub init: Option<InitProcess>,
    /// Which cgroup, the first of them.
    pub cgroup: CgroupDir,
    /// All of them.
    pub all: Vec<CgroupDir>,
    /// One of its cgroups lies below, and is not the very same.
    pub is_below: bool,
}

impl Claims {
    /// Reads every state root on this machine: the ones the operator named and the known ones. What cannot be read
    /// claims nothing.
    pub fn read(machine: &Machine) -> Self {
        let mut claims = Vec::new();
        let (mut unread, mut roots) = (Vec::new(), 0);
        // One that may never answer claims nothing either.
        let parted = machine.parted(machine.every_root());
        for root in parted.apart {
            unread.push(Unread::dir(&root.path, WhyUnread::MayNeverAnswer));
        }
        for root in parted.near {
            let opened = open_root(&root.path);
            let listed = opened.and_then(|dir| entry_names(&dir).map(|names| (dir, names)));
            let (dir, names) = match listed {
                Ok(found) => found,
                Err(error) if is_gone(&error) => continue,
                Err(error) => {
                    unread.push(Unread::root(&root.path, &error));
                    continue;
                }
            };
            roots += 1;
            let budget = RootBudget::of(&dir);
            let mut mute = Mute::default();
            for name in names {
                let key = ContainerKey::new(std::sync::Arc::clone(&root.path), name);
                let lead = Lead {
                    key: &key,
                    depth: Depth::State,
                    hint: None,
                    budget: Some(&budget),
                };
                let entry = match Entry::read(dir.as_fd(), lead) {
                    Ok(entry) => entry,
                    Err(problem) => {
                        mute.count(&problem);
                        continue;
                    }
                };
                if let Err(problem) = &entry.record {
                    mute.count(problem);
                }
                claims.push(Claim::of(machine, key.clone(), &entry));
            }
            unread.extend(mute.of(&root.path));
        }
        Self {
            live_at: live_at(&claims),
            by_key: by_key(&claims),
            list: claims,
            unread,
            roots,
        }
    }

    /// A container that has a cgroup in, at or above `cgroup`, and whether it is alive: a live one
    /// rather than a dead one.
    pub fn holder(&self, cgroup: &CgroupDir) -> Option<(&ContainerKey, bool)> {
        let touches = |claim: &&Claim| {
            claim.cgroups.iter().any(|theirs| {
                theirs.hierarchy == cgroup.hierarchy
                    && (cgroup.path.contains(&theirs.path) || theirs.path.contains(&cgroup.path))
            })
        };
        let holders = self.list.iter().filter(touches);
        let found = holders.max_by_key(|claim| claim.alive)?;
        Some((&found.key, found.alive))
    }

    /// The cgroups of live containers in one hierarchy.
    pub fn live_in(&self, hierarchy: usize) -> impl Iterator<Item = &CgroupPath> {
        let live = self.list.iter().filter(|claim| claim.alive);
        let cgroups = live.flat_map(|claim| &claim.cgroups);
        let here = cgroups.filter(move |cgroup| cgroup.hierarchy == hierarchy);
        here.map(|cgroup| &cgroup.path)
    }

    /// The container that has a cgroup, or one that it lies in: a live one rather than a dead one.
    pub fn around(&self, cgroup: &CgroupDir) -> Option<&ContainerKey> {
        let has = |claim: &&Claim| {
            let mut own = claim.cgroups.iter();
            own.any(|own| own.hierarchy == cgroup.hierarchy && own.path.contains(&cgroup.path))
        };
        let found = self
            .list
            .iter()
            .filter(has)
            .max_by_key(|claim| claim.alive)?;
        Some(&found.key)
    }

    /// The live container that a process is of, by the cgroups it is in.
    pub fn live_around(&self, machine: &Machine, of: &Membership) -> Option<&ContainerKey> {
        let first_at = |(own, at): (&HashMap<PathBuf, usize>, _)| {
            let path = of.path(at)?;
            let above = path.relative().ancestors();
            above.filter_map(|cgroup| own.get(cgroup).copied()).min()
        };
        let each = self.live_at.iter().zip(machine.hierarchies.iter());
        let first = each.filter_map(first_at).min()?;
        self.list.get(first).map(|claim| &claim.key)
    }

    /// Whether the init of this container was seen alive.
    pub fn has_live_init(&self, key: &ContainerKey) -> bool {
        let at = self.by_key.get(key);
        at.and_then(|at| self.list.get(*at))
            .is_some_and(|claim| claim.init.is_some())
    }

    /// Every live container with its init.
    pub fn live_inits(&self) -> impl Iterator<Item = (&ContainerKey, i32)> {
        let inits = self.list.iter();
        inits.filter_map(|claim| Some((&claim.key, claim.init?.pid)))
    }

    /// Whether a container's record names a resctrl group, which only root can make.
    pub fn names_rdt(&self, dir: &Path) -> bool {
        self.list
            .iter()
            .any(|claim| claim.rdt.iter().any(|own| own == dir))
    }

    /// The container whose scope crun's pin of this name is for, dead or alive.
    pub fn of_pin(&self, pin: &str) -> Option<&ContainerKey> {
        self.pinned(pin).next()
    }

    /// As [`Self::of_pin`], of the others than `key`.
    pub fn of_pin_beside(&self, key: &ContainerKey, pin: &str) -> Option<&ContainerKey> {
        self.pinned(pin).find(|other| !same_place(other, key))
    }

    fn pinned(&self, pin: &str) -> impl Iterator<Item = &ContainerKey> {
        let is_its = move |cgroup: &CgroupDir| {
            let mut names = cgroup
                .path
                .relative()
                .iter()
                .filter_map(|name| name.to_str());
            names.any(|name| pins::is_scope(name) && pins::name_of(name) == pin)
        };
        // Only root pins.
        let named = move |claim: &&Claim| {
            claim.author == Author::Trusted && claim.cgroups.iter().any(is_its)
        };
        self.list.iter().filter(named).map(|claim| &claim.key)
    }

    /// A container of this id that may have what is at these places, and whether it is alive: a live one
    /// rather than a dead one.
    pub fn of_id(&self, id: &str, places: &[Whose]) -> Option<(&ContainerKey, bool)> {
        let named = self
            .list
            .iter()
            .filter(|claim| claim.key.name() == id && claim.author.speaks_for_all(places));
        let found = named.max_by_key(|claim| claim.alive)?;
        Some((&found.key, found.alive))
    }

    /// A live container of root's in another root with the same id as `key`: what goes by the id alone, as
    /// resctrl groups do, may be its.
    pub fn namesake(&self, key: &ContainerKey) -> Option<&ContainerKey> {
        let other = |claim: &&Claim| {
            claim.author == Author::Trusted
                && claim.key.name() == key.name()
                && !same_place(&claim.key, key)
        };
        let found = self.list.iter().filter(|claim| claim.alive).find(other)?;
        Some(&found.key)
    }

    /// A live container other than `key` that has one of `cgroups`, or a cgroup below one of them.
    pub fn sharing(&self, key: &ContainerKey, cgroups: &[CgroupDir]) -> Option<Shared> {
        self.sharers(key, cgroups).next()
    }

    /// All of them.
    pub fn sharers(
        &self,
        key: &ContainerKey,
        cgroups: &[CgroupDir],
    ) -> impl Iterator<Item = Shared> {
        let others = self
            .list
            .iter()
            .filter(|claim| claim.alive && !same_place(&claim.key, key));
        others.filter_map(|claim| {
            let inside = |mine: &CgroupDir, theirs: &CgroupDir| {
                theirs.hierarchy == mine.hierarchy && mine.path.contains(&theirs.path)
            };
            let shares = |mine: &&CgroupDir| claim.cgroups.iter().any(|own| inside(mine, own));
            let all: Vec<CgroupDir> = cgroups.iter().filter(shares).cloned().collect();
            let below = |own: &CgroupDir| all.iter().any(|mine| inside(mine, own) && mine != own);
            Some(Shared {
                with: claim.key.clone(),
                init: claim.init,
                cgroup: all.first()?.clone(),
                is_below: claim.cgroups.iter().any(below),
                all,
            })
        })
    }
}

fn by_key(claims: &[Claim]) -> HashMap<ContainerKey, usize> {
    let keys = claims.iter().map(|claim| claim.key.clone());
    keys.zip(0..).collect()
}

fn live_at(claims: &[Claim]) -> Vec<HashMap<PathBuf, usize>> {
    let mut found: Vec<HashMap<PathBuf, usize>> = Vec::new();
    for (number, claim) in claims.iter().enumerate().filter(|(_, claim)| claim.alive) {
        for cgroup in &claim.cgroups {
            if found.len() <= cgroup.hierarchy {
                found.resize_with(cgroup.hierarchy + 1, HashMap::new);
            }
            if let Some(at) = found.get_mut(cgroup.hierarchy) {
                at.entry(cgroup.path.relative().to_owned())
                    .or_insert(number);
            }
        }
    }
    found
}

/// The records of one root that the system does not let be read. One that can be read and makes no
/// sense is none: nobody else can make more of it.
#[derive(Debug, Default)]
struct Mute(Option<(usize, WhyUnread)>);

impl Mute {
    fn count(&mut self, problem: &Problem) {
        let why = match problem {
            Problem::Open(error) if !is_gone(error) => error.into(),
            Problem::Read(ReadError::OverBudget { .. }) => WhyUnread::OverBudget,
            Problem::Read(ReadError::Linked { .. }) => WhyUnread::Linked,
            Problem::Read(error @ ReadError::Io { source, .. })
                if !error.is_escape() && !is_gone(source) =>
            {
                source.into()
            }
            // Gone, or read and of no sense.
            Problem::Open(_)
            | Problem::Read(
                ReadError::Io { .. } | ReadError::NotRegular { .. } | ReadError::TooLarge { .. },
            )
            | Problem::Id(_)
            | Problem::NotDirectory(_)
            | Problem::Record(_)
            | Problem::OtherId(_)
            | Problem::NoState(_)
            | Problem::Nothing
            | Problem::Recycled(_)
            | Problem::OutOfSight(_)
            | Problem::NoConfig(_) => return,
        };
        let (count, _) = self.0.get_or_insert((0, why));
        *count += 1;
    }

    fn of(self, root: &Path) -> Option<Unread> {
        let (count, why) = self.0?;
        let author = Author::of_dir(root).unwrap_or_default();
        let place = Place::RecordsIn(root.to_owned(), count, author);
        Some(Unread { place, why })
    }
}

/// The same directory, also when its root is known by two paths.
fn same_place(a: &ContainerKey, b: &ContainerKey) -> bool {
    let canonical = |key: &ContainerKey| std::fs::canonicalize(key.root()).ok();
    a == b || (a.name() == b.name() && canonical(a) == canonical(b))
}
