//! Cgroups nested so deep that their paths are longer than any the system takes.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

use crate::rig::{Stranger, until};

/// Levels, and the name of each: 20 KiB of path.
const LEVELS: usize = 100;
const NAME: usize = 200;

fn open(above: impl std::os::fd::AsFd, name: &OsStr, flags: OFlags) -> OwnedFd {
    rustix::fs::openat(above, name, flags | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

/// Nests cgroups below `top`, and moves a process into the last.
fn nest(top: &Path, pid: i32) {
    let name = "n".repeat(NAME);
    let name = OsStr::new(&name);
    let mut dir = open(CWD, top.as_os_str(), OFlags::DIRECTORY);
    for _ in 0..LEVELS {
        rustix::fs::mkdirat(&dir, name, Mode::from_raw_mode(0o755)).unwrap();
        dir = open(dir.as_fd(), name, OFlags::DIRECTORY);
    }
    let list = open(dir.as_fd(), OsStr::new("cgroup.procs"), OFlags::WRONLY);
    rustix::io::write(&list, pid.to_string().as_bytes()).unwrap();
}

with_each_runtime! {
    fn a_process_below_a_hundred_long_named_cgroups_dies_and_all_of_them_go(rig: &Rig) {
        let id = rig.id();
        rig.run(&id);
        let mut deepest = Stranger::new();
        nest(&rig.cgroup(&id, "freezer"), deepest.pid());
        rig.ocitop(&["delete", "--force", &id]).ok();
        rig.assert_gone(&id);
        until("the deepest is dead", || !deepest.is_alive());
    }
}
