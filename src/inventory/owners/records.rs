//! Where engines keep a record of each container.

use std::path::PathBuf;

use super::MOST;
use crate::inventory::{Machine, Unread};
use crate::kernel::read::is_gone;

/// Where engines keep a directory or a file for each container, and how deep the ids are below it.
pub(super) fn record_dirs(machine: &Machine) -> (Vec<(PathBuf, usize)>, Vec<Unread>) {
    let lib = machine.var.join("lib");
    let run = &machine.run;
    let storage = "containers/storage";
    let mut dirs = vec![
        (lib.join("docker/containers"), 0),
        (
            run.join("docker/containerd/daemon/io.containerd.runtime.v2.task"),
            1,
        ),
        (run.join("containerd/io.containerd.runtime.v2.task"), 1),
        (lib.join("containerd/io.containerd.runtime.v2.task"), 1),
        (run.join("crio"), 0),
        (lib.join("lxc"), 0),
    ];
    for drivers in ["overlay-containers", "vfs-containers", "btrfs-containers"] {
        dirs.push((lib.join(storage).join(drivers), 0));
        dirs.push((run.join(storage).join(drivers), 0));
    }
    // Rootless podman: the part that is of this boot.
    let home = run.join("user");
    let users = match std::fs::read_dir(&home) {
        Ok(users) => users,
        Err(error) if is_gone(&error) => return (dirs, Vec::new()),
        Err(error) => return (dirs, vec![Unread::dir(&home, (&error).into())]),
    };
    let mut unread = Vec::new();
    for user in users.take(MOST) {
        let user = match user {
            Ok(user) => user,
            Err(error) => {
                unread.push(Unread::dir(&home, (&error).into()));
                break;
            }
        };
        let run = user.path().join("containers");
        dirs.push((run.join("overlay-containers"), 0));
        dirs.push((run.join("vfs-containers"), 0));
    }
    (dirs, unread)
}
