//! How sure: from what was seen to a confidence and its arguments. Pure, but for the ages, which
//! come from the clock of the search.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::search::LeftoverSearch;
use super::{Argument, Confidence};
use crate::inventory::Unread;
use crate::inventory::author::{Author, Whose};
use crate::inventory::owners::Owner;
use crate::kernel::Inode;

/// A cgroup without a process that is younger than this may be one whose container is being made.
pub const YOUNG: Duration = Duration::from_mins(1);
/// What this session has seen for so long without a process is no longer young.
pub const SEEN: Duration = Duration::from_secs(30);

/// What is known of something that is named after an id.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own: any combination can be seen"
)]
pub(super) struct LeftoverFacts {
    /// What says that it is a container's at all.
    pub(super) signs: Vec<Argument>,
    /// It is the container's beyond its name: there is evidence of the container's end.
    pub(super) proven: bool,
    /// Its name alone makes it a container's.
    pub(super) named: bool,
    /// Nothing lives in it.
    pub(super) empty: bool,
    /// How many processes can be seen in it.
    pub(super) processes: usize,
    /// At least so old, if a time stamp says so.
    pub(super) age: Option<Duration>,
    /// Whether this session has seen it long enough.
    pub(super) watched: bool,
    /// Who knows its id.
    pub(super) owner: Option<Owner>,
    /// How many state roots were read.
    pub(super) roots: usize,
    /// What could not be read, and may own it.
    pub(super) unread: Vec<Unread>,
    /// What makes it unknown whatever else is known.
    pub(super) doubts: Vec<Argument>,
}

impl LeftoverFacts {
    /// Those of something of which only this is known yet.
    pub(super) fn with(sign: Argument) -> Self {
        Self {
            signs: vec![sign],
            ..Self::default()
        }
    }
}

/// What is graded: what it is named after, where it is, and whose it is.
#[derive(Debug)]
pub(super) struct Thing<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) path: &'a Path,
    /// Whose its directories are.
    pub(super) whose: Vec<Whose>,
}

impl<'a> Thing<'a> {
    /// Something at `path`, which is asked whose it is. What cannot be asked is root's, as all is that
    /// no plain user made.
    pub(super) fn at(path: &'a Path, id: Option<&'a str>) -> Self {
        Self::over(path, std::iter::once(path), id)
    }

    /// Something made of several directories, told by the first.
    pub(super) fn over<'p>(
        path: &'a Path,
        dirs: impl Iterator<Item = &'p Path>,
        id: Option<&'a str>,
    ) -> Self {
        let whose = dirs.map(|dir| Whose::at(dir).unwrap_or(Whose::ROOTS));
        Self {
            id,
            path,
            whose: whose.collect(),
        }
    }
}

/// The confidence, with the arguments for it first.
fn judge(facts: LeftoverFacts) -> (Confidence, Vec<Argument>) {
    let mut arguments = facts.signs;
    let mut doubts = facts.doubts;
    let known = facts.owner.is_some();
    doubts.extend(facts.owner.map(Argument::Known));
    let old = facts.age.is_some_and(|age| age >= YOUNG) || facts.watched;
    if !old {
        doubts.push(Argument::Young);
    }
    match (facts.empty, facts.age) {
        (true, Some(age)) => arguments.push(Argument::EmptyFor(age)),
        (true, None) => {}
        (false, _) => arguments.push(Argument::Orphans(facts.processes)),
    }
    // Whoever was not asked may know it.
    if !known && facts.unread.is_empty() {
        arguments.push(Argument::NobodyKnows(facts.roots));
    }
    if !facts.unread.is_empty() {
        doubts.push(Argument::Unread(facts.unread));
    }
    let confidence = match () {
        () if !doubts.is_empty() || !(facts.proven || facts.named) => Confidence::Unknown,
        // Whoever lives in it was seen by nobody else: that is not certain, whatever else is.
        () if facts.proven && facts.empty => Confidence::Certain,
        () => Confidence::Likely,
    };
    arguments.extend(doubts);
    (confidence, arguments)
}

impl LeftoverSearch<'_> {
    /// How old something is at least. The time stamp of a cgroup is that of its first look-up, so
    /// an old one proves its age and a young one nothing; one from the future neither. Of what is a
    /// user's own that user sets the time of the last change (utimensat(2)), and not that at which it
    /// was set.
    pub(super) fn age(&self, path: &Path) -> Option<Duration> {
        let metadata = std::fs::symlink_metadata(path).ok()?;
        let since = match Author::of(metadata.uid()) {
            Author::Trusted => metadata.mtime(),
            Author::User(_) => metadata.mtime().max(metadata.ctime()),
        };
        let since = jiff::Timestamp::new(since, 0).ok()?;
        self.now.duration_since(since).try_into().ok()
    }

    /// Whether this session has seen one of these long enough.
    pub(super) fn watched(&self, inodes: &[Inode]) -> bool {
        let long = |inode: &Inode| {
            let since = self.known.seen.get(&(inode.device, inode.number));
            let time = since.map(|since| self.now.duration_since(*since));
            let time = time.and_then(|time| Duration::try_from(time).ok());
            time.is_some_and(|time| time >= SEEN)
        };
        inodes.iter().any(long)
    }

    /// Grades something by what is known of it, and by what holds for whatever was found: what this
    /// session saw end, what was read, and what could not be. Every grade is given here.
    pub(super) fn grade(
        &self,
        thing: &Thing<'_>,
        own: LeftoverFacts,
    ) -> (Confidence, Vec<Argument>) {
        let gone = thing
            .id
            .is_some_and(|id| self.known.saw_end(id, &thing.whose));
        let signs = gone.then_some(Argument::SeenGone).into_iter();
        let may_own = |unread: &&Unread| {
            let mut uids = thing.whose.iter().map(|whose| whose.uid);
            uids.any(|uid| unread.may_own(uid, thing.path))
        };
        judge(LeftoverFacts {
            signs: signs.chain(own.signs).collect(),
            proven: gone || own.proven,
            roots: self.claims.roots,
            unread: self.unread.iter().filter(may_own).cloned().collect(),
            ..own
        })
    }

    /// Whether a live container of this id may have what is at these places.
    pub(super) fn is_alive(&self, id: &str, places: &[Whose]) -> bool {
        matches!(self.claims.of_id(id, places), Some((_, true)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Producer;
    use super::*;
    use crate::inventory::unread::WhyUnread;

    /// A container-like cgroup that nobody knows, empty and three hours old.
    fn facts() -> LeftoverFacts {
        LeftoverFacts {
            signs: vec![Argument::Named(Producer::Docker)],
            named: true,
            empty: true,
            age: Some(Duration::from_hours(3)),
            roots: 5,
            ..LeftoverFacts::default()
        }
    }

    fn confidence(change: impl FnOnce(&mut LeftoverFacts)) -> Confidence {
        let mut facts = facts();
        change(&mut facts);
        judge(facts).0
    }

    #[test]
    fn a_name_alone_makes_it_likely_and_evidence_of_the_end_certain() {
        assert_eq!(confidence(|_| {}), Confidence::Likely);
        assert_eq!(confidence(|facts| facts.proven = true), Confidence::Certain);
        assert_eq!(confidence(|facts| facts.named = false), Confidence::Unknown);
    }

    #[test]
    fn what_may_have_been_made_just_now_is_unknown_until_it_was_watched() {
        let young = |facts: &mut LeftoverFacts| facts.age = Some(Duration::from_secs(59));
        assert_eq!(confidence(young), Confidence::Unknown);
        assert_eq!(confidence(|facts| facts.age = None), Confidence::Unknown);
        let watched = |facts: &mut LeftoverFacts| {
            facts.age = None;
            facts.watched = true;
        };
        assert_eq!(confidence(watched), Confidence::Likely);
    }

    #[test]
    fn an_owner_or_a_doubt_makes_it_unknown_whatever_else_is_known() {
        let owned = |facts: &mut LeftoverFacts| {
            facts.proven = true;
            facts.owner = Some(Owner::Record("/var/lib/docker/containers/x".into()));
        };
        assert_eq!(confidence(owned), Confidence::Unknown);
        let doubted = |facts: &mut LeftoverFacts| {
            facts.proven = true;
            facts.doubts.push(Argument::MayBeAlive(7));
        };
        assert_eq!(confidence(doubted), Confidence::Unknown);
    }

    #[test]
    fn what_was_not_read_makes_it_unknown_and_nobody_is_said_not_to_know_it() {
        let mut facts = facts();
        facts.proven = true;
        let root = Path::new("/run/runc");
        facts.unread = vec![Unread::dir(root, WhyUnread::MayNeverAnswer)];
        let (confidence, arguments) = judge(facts);
        assert_eq!(confidence, Confidence::Unknown);
        assert!(matches!(arguments.last(), Some(Argument::Unread(_))));
        let silence = |argument: &Argument| matches!(argument, Argument::NobodyKnows(_));
        assert!(!arguments.iter().any(silence), "{arguments:?}");
    }

    #[test]
    fn what_something_lives_in_is_never_certain() {
        let full = |facts: &mut LeftoverFacts| {
            facts.proven = true;
            facts.empty = false;
            facts.processes = 2;
        };
        assert_eq!(confidence(full), Confidence::Likely);
    }
}
