//! The limit of open files: raised for ocitop alone.
//!
//! What looks at every descriptor up to its limit takes long where there are a million of them, and
//! `select` knows only the first 1,024: so a program that ocitop starts for others gets the limit that
//! ocitop was started with.

use std::sync::OnceLock;

use rustix::process::{Resource, getrlimit, setrlimit};

/// The soft limit before it was raised.
static BEFORE: OnceLock<Option<u64>> = OnceLock::new();

/// Raises the soft limit to the hard one (getrlimit(2)); how many files may be open then.
pub fn raise() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || (limit.current.is_some() && limit.maximum.is_none()) {
        let before = limit.current;
        limit.current = limit.maximum;
        // Refused: then the soft limit it is.
        if setrlimit(Resource::Nofile, limit).is_ok() {
            BEFORE.get_or_init(|| before);
        }
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    usize::try_from(limit).unwrap_or(1 << 20)
}

/// What a program that is started has to be given instead; `None` if nothing was raised.
pub(super) fn before() -> Option<u64> {
    BEFORE.get().copied().flatten()
}

/// Lowers the soft limit of this process to what it was.
pub(super) fn lower(current: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(current);
    // It was the limit before: nothing refuses it, and a hook without it still runs.
    setrlimit(Resource::Nofile, limit).ok();
}
