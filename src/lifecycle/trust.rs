//! Who can have written a hook: whoever can write its program, the state files that name it, or
//! any directory or link on the way to either.
//!
//! Both ways are walked by descriptors, and the program that was checked is the one that is run
//! ([`Program`]): between the two its name may come to mean another file. One that is missing is
//! nobody's only where nobody else can make it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::evidence::TeardownEvidence;
use super::refusal::Distrust;
use crate::kernel::program::{NameSafety, Program};
use crate::kernel::way::{self, Blocked, Way, Waypoint};
use crate::oci::record::Hook;
use crate::text::visible_path;

/// The permissions by which somebody else can write a file, or make names in a directory.
const OTHERS: u32 = 0o022;

/// What a hook that is trusted runs.
#[derive(Debug)]
pub(super) enum Trusted {
    /// This very file.
    Program(Program),
    /// Nothing: nobody but root or ocitop's own user can have taken it away or can make it.
    Missing,
    /// Nothing: the state directory is gone, and with it what remembers and names it.
    Gone,
}

/// Why one of these hooks must not be run, if so.
pub(super) fn distrusted(
    evidence: &TeardownEvidence,
    hooks: &[Hook],
    host: Option<&Path>,
) -> Option<Distrust> {
    hooks
        .iter()
        .find_map(|hook| check(evidence, &hook.path, host).err())
}

/// Checks a hook's program and the state directory that names it. The program is looked for below
/// `host`, where it will run.
pub(super) fn check(
    evidence: &TeardownEvidence,
    program: &Path,
    host: Option<&Path>,
) -> Result<Trusted, Distrust> {
    if !program.is_absolute() {
        return Err(Distrust::Relative(visible_path(program)));
    }
    if !state_dir(evidence)? {
        return Ok(Trusted::Gone);
    }
    let way = match host {
        None => walked(way::from_top(program))?,
        Some(host) => {
            // The way to the host's root directory is ocitop's own.
            let Some(root) = walked(way::from_top(host))?.end else {
                return Err(Distrust::Unread(visible_path(host)));
            };
            walked(way::from(&root, program))?
        }
    };
    let open = way.passed.iter().find(|place| is_open(place));
    match (way.end, open) {
        (Some(place), open) => {
            let name = open.map_or(NameSafety::Sure, |_| NameSafety::Unsure);
            Ok(Trusted::Program(Program::at(program, &place, name)))
        }
        (None, None) => Ok(Trusted::Missing),
        (None, Some(dir)) => Err(Distrust::Missing {
            program: visible_path(program),
            dir: visible_path(&dir.path),
        }),
    }
}

/// Checks the way to the state directory, and the files in it; false if it is gone.
fn state_dir(evidence: &TeardownEvidence) -> Result<bool, Distrust> {
    let path = evidence.entry.key.dir();
    let unread = |_: Errno| Distrust::Unread(visible_path(&path));
    // Gone: the mark that has to be made before a hook runs cannot be made.
    let Some(dir) = walked(way::from_top(&path))?.end else {
        return Ok(false);
    };
    if dir.inode() != evidence.entry.inode {
        return Err(Distrust::Replaced(visible_path(&path)));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let listed = rustix::fs::openat(&dir, ".", flags, Mode::empty()).map_err(unread)?;
    for entry in rustix::fs::Dir::new(listed).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        match way::below(&dir, name) {
            Ok(Some(file)) if file.kind() == FileType::RegularFile => trusted(&file)?,
            // Removed since it was listed: what is not there tells nobody what to run.
            Ok(_) => {}
            Err(blocked) => return Err(Distrust::Unread(visible_path(&blocked.path))),
        }
    }
    Ok(true)
}

/// A way on which nobody else could have written anything.
fn walked(way: Result<Way, Blocked>) -> Result<Way, Distrust> {
    match way {
        Ok(way) => {
            way.passed.iter().try_for_each(trusted)?;
            Ok(way)
        }
        Err(blocked) => Err(Distrust::Unread(visible_path(&blocked.path))),
    }
}

/// Whether nobody else could have written what is there.
fn trusted(place: &Waypoint) -> Result<(), Distrust> {
    Ok(place.check(OTHERS)?)
}

/// Whether others can make names there.
fn is_open(place: &Waypoint) -> bool {
    place.kind() == FileType::Directory && place.mode() & OTHERS != 0
}
