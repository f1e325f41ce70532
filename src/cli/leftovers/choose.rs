//! What an argument of `leftovers` names, and what of that is to be cleaned.

use std::fmt;
use std::path::{Path, PathBuf};

use super::super::args::LeftoversArgs;
use super::plain;
use crate::inventory::Unread;
use crate::leftovers::{Confidence, FoundLeftovers, KillOrphans, Leftover, NoOrder, order};
use crate::lifecycle::Job;
use crate::text::visible_path;

/// What was chosen, each with its job or why there is none.
pub(super) type Chosen<'a> = Vec<(&'a Leftover, Result<Job, NoOrder>)>;

/// An argument that names no leftover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamesNothing {
    /// As it was given.
    argument: PathBuf,
    /// What it stands for.
    path: PathBuf,
    why: WhyNothing,
}

/// Why an argument names no leftover.
#[derive(Debug, Clone, PartialEq, Eq)]
enum WhyNothing {
    /// Nothing is at that path.
    Absent,
    /// What is at that path is none.
    NoLeftover,
    /// It is the id of leftovers, which are told by their paths.
    Id(Vec<PathBuf>),
}

impl fmt::Display for NamesNothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let argument = visible_path(&self.argument);
        let path = visible_path(&self.path);
        match &self.why {
            WhyNothing::Absent => write!(
                f,
                "{argument}: looked for a leftover at {path}: no such file or directory"
            ),
            WhyNothing::NoLeftover => write!(f, "{argument}: {path} is not a leftover"),
            WhyNothing::Id(paths) => {
                let paths: Vec<String> = paths.iter().map(|path| visible_path(path)).collect();
                let paths = paths.join(", ");
                write!(f, "{argument}: say which by its path: {paths}")
            }
        }
    }
}

/// What the search could not judge, so that nobody can say that nothing is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotJudged {
    /// Those that were not read.
    pub(super) unread: Vec<Unread>,
}

impl NotJudged {
    /// What was not read, if anything was not.
    pub(super) fn of(found: &FoundLeftovers) -> Option<Self> {
        let unread = found.unread.clone();
        (!unread.is_empty()).then_some(Self { unread })
    }
}

impl fmt::Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unread.as_slice() {
            [one] => write!(f, "not all could be judged; not read: {one}"),
            many => {
                let many: Vec<String> = many.iter().map(Unread::words).collect();
                write!(f, "not all could be judged; not read: {}", many.join("; "))
            }
        }
    }
}

/// What the arguments name, and those that name nothing.
pub(super) fn named<'a>(
    arguments: &[PathBuf],
    found: &'a FoundLeftovers,
) -> (Vec<&'a Leftover>, Vec<NamesNothing>) {
    let mut hits: Vec<&Leftover> = Vec::new();
    let mut misses = Vec::new();
    for argument in arguments {
        let path = plain(argument);
        let mut at = found.list.iter().filter(|one| one.is_at(&path)).peekable();
        if at.peek().is_none() {
            let why = why_nothing(argument, &path, found);
            let argument = argument.clone();
            misses.push(NamesNothing {
                argument,
                path,
                why,
            });
            continue;
        }
        for leftover in at {
            if !hits.iter().any(|one| one.key == leftover.key) {
                hits.push(leftover);
            }
        }
    }
    (hits, misses)
}

fn why_nothing(argument: &Path, path: &Path, found: &FoundLeftovers) -> WhyNothing {
    let is_id = |one: &&Leftover| one.id.as_deref().map(Path::new) == Some(argument);
    let of_id: Vec<PathBuf> = found
        .list
        .iter()
        .filter(is_id)
        .map(|one| one.key.dir())
        .collect();
    match () {
        () if !of_id.is_empty() => WhyNothing::Id(of_id),
        () if path.symlink_metadata().is_ok() => WhyNothing::NoLeftover,
        () => WhyNothing::Absent,
    }
}

/// What is at the paths given, or all that is certain; and what names nothing.
pub(super) fn choose<'a>(
    asked: &LeftoversArgs,
    found: &'a FoundLeftovers,
) -> (Chosen<'a>, Vec<NamesNothing>) {
    let kill = if asked.kill {
        KillOrphans::Yes
    } else {
        KillOrphans::No
    };
    let (hits, misses) = if asked.paths.is_empty() {
        (found.of(Confidence::Certain).collect(), Vec::new())
    } else {
        named(&asked.paths, found)
    };
    let job = |leftover: &'a Leftover| (leftover, order(leftover, kill));
    (hits.into_iter().map(job).collect(), misses)
}
