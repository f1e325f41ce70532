//! One walk through every hierarchy: the cgroups that are named as containers' and that no live
//! container has, and of those with any other name the empty ones, and those in which processes live
//! for whom nobody accounts.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::names::{self, CgroupName};
use super::search::LeftoverSearch;
use crate::cgroup::{CgroupPath, Hierarchy};
use crate::inventory::author::{Author, Whose};
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::unread::{Place, WhyUnread};
use crate::inventory::{Unread, members};
use crate::kernel::Inode;
use crate::kernel::read::is_gone;

/// Deepest level at which containers are looked for: engines nest, in user slices and in kind.
const MAX_DEPTH: usize = 24;
/// Most directories looked at in one hierarchy: whoever has a subtree of his own can make millions.
const MAX_DIRS: usize = 50_000;
/// Most of those that lie in users' own.
const MAX_USER_DIRS: usize = 20_000;

/// A cgroup that no live container has.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) cgroup: CgroupDir,
    pub(super) dir: PathBuf,
    pub(super) inode: Inode,
    pub(super) whose: Whose,
    pub(super) name: CgroupName,
}

impl Candidate {
    pub(super) fn id(&self) -> Option<&str> {
        match &self.name {
            CgroupName::Container(_, id) | CgroupName::Pod(_, id) => Some(id),
            CgroupName::Plain => self.dir.file_name().and_then(OsStr::to_str),
            CgroupName::Shared | CgroupName::Unit => None,
        }
    }
}

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) candidates: Vec<Candidate>,
    /// Every cgroup with a plain name, populated ones too: a state directory may have its name.
    plain: Vec<Candidate>,
    pub(super) looked_at: usize,
    /// Where it was not looked: what is there may be a container's, or part of one.
    pub(super) unread: Vec<Unread>,
}

impl Tree {
    /// Takes out those of an id: they belong to its state directory, as far as whoever wrote that may
    /// have them.
    pub(super) fn take(&mut self, id: &str, author: Author) -> Vec<Candidate> {
        let (own, rest) = std::mem::take(&mut self.candidates)
            .into_iter()
            .partition(|one| one.id() == Some(id) && author.may_have(one.whose));
        self.candidates = rest;
        own
    }

    /// The cgroups with just this name that were not taken yet, and that `author` may have.
    pub(super) fn named(&self, id: &str, author: Author, taken: &[Candidate]) -> Vec<Candidate> {
        let plain = self.plain.iter();
        let named = plain.filter(|one| {
            one.id() == Some(id)
                && author.may_have(one.whose)
                && !taken.iter().any(|taken| taken.cgroup == one.cgroup)
        });
        named.cloned().collect()
    }

    /// Takes out those that are one of these directories, which a record of `author` names.
    pub(super) fn take_dirs(&mut self, dirs: &[CgroupDir], author: Author) -> Vec<Candidate> {
        let (own, rest) = std::mem::take(&mut self.candidates)
            .into_iter()
            .partition(|one| dirs.contains(&one.cgroup) && author.owns(one.whose.uid));
        self.candidates = rest;
        own
    }
}

/// One hierarchy being walked.
struct HierarchyWalk<'a> {
    search: &'a LeftoverSearch<'a>,
    index: usize,
    hierarchy: &'a Hierarchy,
    /// Cgroups of live containers.
    live: HashSet<&'a CgroupPath>,
    /// Cgroups above those, above ocitop's own and above pid 1's, and the latter two.
    spared: HashSet<CgroupPath>,
    budget: usize,
    /// The same for what lies in users' own cgroups, where they can make any number.
    budget_of_users: usize,
    unread: Vec<Unread>,
    found: Vec<Candidate>,
    plain: Vec<Candidate>,
    /// The owners of the directories on the way to where it is.
    above: Vec<u32>,
}

/// The most that there is in a subtree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Most {
    /// Nothing but what is nobody's.
    #[default]
    Nothing,
    /// Processes for whom nobody accounts.
    Strays,
    /// Something that is, or may be, a container's, or is spared.
    Something,
}

/// What a subtree holds.
#[derive(Debug, Clone, Copy, Default)]
struct Holds {
    most: Most,
    children: bool,
}

/// Walks every hierarchy.
pub(super) fn walk(search: &LeftoverSearch<'_>) -> Tree {
    let mut tree = Tree::default();
    let hierarchies = &search.machine.hierarchies;
    for (index, hierarchy) in hierarchies.iter().enumerate() {
        if !search.known.reaches(&hierarchy.mount) {
            continue;
        }
        let live: HashSet<&CgroupPath> = search.claims.live_in(index).collect();
        let mut spared = HashSet::new();
        for path in &live {
            spared.extend(above(path));
        }
        for pid in ["self", "1"] {
            let own = membership(search, hierarchy, pid);
            spared.extend(own.iter().flat_map(above));
            spared.extend(own);
        }
        let mut walk = HierarchyWalk {
            search,
            index,
            hierarchy,
            live,
            spared,
            budget: MAX_DIRS,
            budget_of_users: MAX_USER_DIRS,
            unread: Vec::new(),
            found: Vec::new(),
            plain: Vec::new(),
            above: Vec::new(),
        };
        walk.children(&hierarchy.mount.clone(), &mut Vec::new());
        tree.looked_at += MAX_DIRS - walk.budget + MAX_USER_DIRS - walk.budget_of_users;
        tree.unread.append(&mut walk.unread);
        tree.candidates.append(&mut walk.found);
        tree.plain.append(&mut walk.plain);
    }
    tree
}

fn above(path: &CgroupPath) -> impl Iterator<Item = CgroupPath> {
    std::iter::successors(path.parent(), CgroupPath::parent)
}

fn membership(search: &LeftoverSearch<'_>, hierarchy: &Hierarchy, pid: &str) -> Option<CgroupPath> {
    let file = search.machine.proc.join(pid).join("cgroup");
    let bytes = crate::kernel::read::kernel_file(&file).ok()?;
    crate::cgroup::Membership::parse(&bytes).path(hierarchy)
}

impl HierarchyWalk<'_> {
    /// Looks at what is directly below `dir`, whose names from the root are `names`.
    fn children(&mut self, dir: &Path, names: &mut Vec<String>) -> Holds {
        let metadata = match std::fs::symlink_metadata(dir) {
            Ok(metadata) => metadata,
            Err(error) => return self.not_listed(dir, &error),
        };
        // kernfs counts two links and one for each child; file systems that do not count say 1.
        if metadata.nlink() == 2 {
            return Holds::default();
        }
        self.above.push(metadata.uid());
        let holds = self.each_child(dir, names);
        self.above.pop();
        holds
    }

    fn each_child(&mut self, dir: &Path, names: &mut Vec<String>) -> Holds {
        if names.len() >= MAX_DEPTH {
            return self.cut(dir, WhyUnread::TooMany(MAX_DEPTH));
        }
        let listed = match std::fs::read_dir(dir) {
            Ok(listed) => listed,
            Err(error) => return self.not_listed(dir, &error),
        };
        let mut holds = Holds::default();
        for entry in listed {
            let looked = entry.and_then(|entry| Ok((entry.file_type()?.is_dir(), entry)));
            let below = match looked {
                Ok((true, entry)) if self.may_look() => Holds {
                    children: true,
                    most: self.look(&entry.path(), names),
                },
                Ok((true, _)) => return self.cut(dir, WhyUnread::TooMany(MAX_DIRS)),
                Ok((false, _)) => continue,
                Err(error) => self.not_listed(dir, &error),
            };
            holds.children |= below.children;
            holds.most = holds.most.max(below.most);
        }
        holds
    }

    /// Whether another directory is looked at.
    fn may_look(&mut self) -> bool {
        let budget = match self.author() {
            Author::Trusted => &mut self.budget,
            Author::User(_) => &mut self.budget_of_users,
        };
        let left = budget.checked_sub(1);
        *budget = left.unwrap_or_default();
        left.is_some()
    }

    /// Who can make what is where the walk is: the first user whose own a directory on the way is.
    fn author(&self) -> Author {
        let mut authors = self.above.iter().map(|uid| Author::of(*uid));
        authors
            .find(|author| *author != Author::Trusted)
            .unwrap_or_default()
    }

    /// A directory that could not be listed, unless it is gone.
    fn not_listed(&mut self, dir: &Path, error: &io::Error) -> Holds {
        if is_gone(error) {
            return Holds::default();
        }
        self.cut(dir, error.into())
    }

    /// A directory that was not seen to its end: nothing may be said of it as a whole.
    fn cut(&mut self, dir: &Path, why: WhyUnread) -> Holds {
        let place = Place::CgroupsBelow(dir.to_owned(), self.author());
        self.unread.push(Unread { place, why });
        Holds {
            most: Most::Something,
            children: true,
        }
    }

    /// Looks at one cgroup, and says what there is in it and below.
    fn look(&mut self, dir: &Path, names: &mut Vec<String>) -> Most {
        let relative = dir.strip_prefix(&self.hierarchy.mount).ok();
        let Some(path) = relative.and_then(CgroupPath::new) else {
            return Most::Something;
        };
        if self.live.contains(&path) || !self.search.known.reaches(dir) {
            return Most::Something;
        }
        let Some(last) = dir.file_name().and_then(OsStr::to_str).map(str::to_owned) else {
            // No runtime makes names that are not text.
            return Most::Something;
        };
        let spared = self.spared.contains(&path);
        let above: Vec<&str> = names.iter().map(String::as_str).collect();
        let name = names::parse(&above, &last);
        let is_container = matches!(name, CgroupName::Container(..));
        if is_container {
            if !spared {
                let found = self.candidate(dir, path, name);
                self.found.extend(found);
            }
            // What lies below a container's cgroup belongs to it.
            return Most::Something;
        }
        let before = self.found.len();
        let candidate = self.candidate(dir, path, name.clone()).filter(|_| !spared);
        if matches!(name, CgroupName::Plain) {
            self.plain.extend(candidate.clone());
        }
        names.push(last);
        let holds = self.children(dir, names);
        names.pop();
        match name {
            CgroupName::Plain if !spared => {
                let own = candidate.as_ref().map(|one| &one.cgroup);
                let most = own.and_then(|own| self.plain(dir, own, holds.most));
                if most.is_some() {
                    // One as a whole: its children are not told apart.
                    self.found.truncate(before);
                    self.found.extend(candidate);
                }
                most.unwrap_or(holds.most)
            }
            CgroupName::Pod(..) if !holds.children && !spared => {
                self.found.extend(candidate);
                Most::Something
            }
            CgroupName::Container(..)
            | CgroupName::Pod(..)
            | CgroupName::Shared
            | CgroupName::Unit
            | CgroupName::Plain => Most::Something,
        }
    }

    /// What a cgroup is whose name says nothing, if it is a leftover as a whole.
    fn plain(&self, dir: &Path, own: &CgroupDir, below: Most) -> Option<Most> {
        match below {
            Most::Nothing if self.is_empty(dir) => Some(Most::Nothing),
            Most::Nothing | Most::Strays if self.search.is_stray(dir, own) => Some(Most::Strays),
            Most::Nothing | Most::Strays | Most::Something => None,
        }
    }

    fn is_empty(&self, dir: &Path) -> bool {
        members::is_empty(dir, self.hierarchy.version)
    }

    fn candidate(&self, dir: &Path, path: CgroupPath, name: CgroupName) -> Option<Candidate> {
        if !self.search.known.covers(dir) {
            return None;
        }
        let looked = rustix::fs::lstat(dir).map_err(io::Error::from);
        let stat = looked
            .inspect_err(|error| self.search.miss(dir, error))
            .ok()?;
        Some(Candidate {
            whose: Whose {
                uid: stat.st_uid,
                above: self.above.last().copied().unwrap_or_default(),
            },
            cgroup: CgroupDir {
                hierarchy: self.index,
                path,
            },
            dir: dir.to_owned(),
            inode: Inode::from(&stat),
            name,
        })
    }
}
