//! The device program that crun pinned for a container's scope. It goes with the container: while the
//! pin is there the program stays loaded, and nobody can tell it from one that is needed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::inventory::Machine;
use crate::inventory::entry::Entry;
use crate::inventory::pins;
use crate::inventory::sight::OutOfSight;
use crate::kernel::read::{is_gone, open_dir, stat_beneath};
use crate::kernel::{Inode, Scope};
use crate::oci::RuntimeKind;

/// `BPF_FS_MAGIC` (statfs(2)).
const BPF_FS: u64 = 0xcafe_4a11;

/// The pin of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPin {
    /// Where it is, if it is.
    pub file: PathBuf,
    /// The scope it was made for.
    pub(super) scope: String,
    /// It was there: then it is gone once it is not found, whoever's mounts these are.
    pub(super) seen: bool,
}

impl OwnPin {
    /// The name of the file.
    pub fn name(&self) -> &str {
        self.file
            .file_name()
            .and_then(OsStr::to_str)
            .unwrap_or_default()
    }
}

/// The pin of the scope that a record names; where that cannot be read, of its unit. It need not exist: crun before 1.11 makes none.
pub(super) fn own(machine: &Machine, entry: &Entry<'_>, scope: Option<&Scope>) -> Option<OwnPin> {
    // A plain user cannot pin: whom that user's record names is somebody else.
    let own = rustix::process::geteuid().as_raw();
    if entry.uid != 0 && entry.uid != own {
        return None;
    }
    let scope = match &entry.record {
        Ok(record) => record.scope.as_deref(),
        Err(_) if entry.runtime == Some(RuntimeKind::Crun) => scope.map(|scope| &*scope.name),
        Err(_) => None,
    }?;
    let is_name = pins::is_scope(scope) && !scope.contains(['/', '\0']);
    is_name.then(|| OwnPin {
        file: pins::home(machine).join(pins::name_of(scope)),
        scope: scope.to_owned(),
        seen: false,
    })
}

/// What stands where a pin would.
pub(super) enum PinFound {
    There(Inode),
    /// A link, a directory: what crun never made.
    Other,
    Gone,
    OutOfSight(OutOfSight),
}

/// Looks for it.
pub(super) fn look(machine: &Machine, pin: &OwnPin) -> std::io::Result<PinFound> {
    let home = pins::home(machine);
    let stat = match open_dir(&home) {
        Ok(dir) => stat_beneath(&dir, OsStr::new(pin.name()))?,
        Err(error) if is_gone(&error) => None,
        Err(error) => return Err(error),
    };
    Ok(match stat {
        Some(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
            PinFound::There(Inode::from(&stat))
        }
        Some(_) => PinFound::Other,
        None if pin.seen => PinFound::Gone,
        None => hidden(machine, &home).map_or(PinFound::Gone, PinFound::OutOfSight),
    })
}

/// Why a pin that is not found may be there: other mounts than the host's may have no BPF file system,
/// or one of their own. What is one below the host's root directory is the host's.
fn hidden(machine: &Machine, home: &Path) -> Option<OutOfSight> {
    let why = machine.sight.mounts()?;
    let below_host = machine.host_dir.is_some() && home.parent().is_some_and(is_bpf);
    (!below_host).then_some(why)
}

fn is_bpf(dir: &Path) -> bool {
    let found = rustix::fs::statfs(dir).ok();
    found.is_some_and(|found| u64::try_from(found.f_type) == Ok(BPF_FS))
}
