//! What the lab leaves for the Leftovers view: a record of a dead container whose bundle is gone, and a
//! cgroup named as podman names one, which nobody knows. Both lie below the lab's own directories, so
//! that they go with it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::groups::Groups;
use super::sweep;

/// Old enough for what could be just being made.
const AGE: Duration = Duration::from_hours(1);

/// Makes the cgroup. `tag` tells this lab from another on the same host.
pub(super) fn leave(groups: &Groups, tag: &str) -> io::Result<()> {
    let dirs = groups.container(&format!("libpod-{}", id(tag)), false)?;
    dirs.dirs().iter().try_for_each(|dir| make_old(dir))
}

/// Removes the bundle of a container that has ended, and lets its state directory be as old as the
/// one that a crash left an hour ago.
pub(super) fn forget(state: &Path, bundle: &Path) -> io::Result<()> {
    sweep::remove_files(bundle)?;
    make_old(state)
}

/// The time stamp of a directory is all that tells how long nobody has touched it.
fn make_old(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.set_modified(SystemTime::now() - AGE)
}

/// An id as podman makes them, 64 digits, of this lab alone (FNV-1a).
fn id(tag: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let rounds = (0..4_u8).map(|round| {
        for byte in tag.bytes().chain([round]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        format!("{hash:016x}")
    });
    rounds.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_of_podmans_and_this_labs_alone() {
        assert_eq!(id("7").len(), 64);
        assert!(id("7").bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(id("7"), id("8"));
    }
}
