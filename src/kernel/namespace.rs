//! Joining a namespace of the host (setns(2)).

use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Joins the cgroup namespace of pid 1 of a host whose root directory is at `host`: what `/proc` and the
/// mounts say of cgroups is then what the host says. For the calling thread and those it makes later.
/// Needs CAP_SYS_ADMIN; without it the namespace stays, and what cannot be seen is said to be so.
pub fn join_cgroups(host: &Path) -> io::Result<()> {
    let own = std::fs::read_link(host.join("proc/self/ns/cgroup"))?;
    let theirs = host.join("proc/1/ns/cgroup");
    if std::fs::read_link(&theirs)? == own {
        return Ok(());
    }
    let namespace = rustix::fs::open(theirs, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let kind = Some(LinkNameSpaceType::ControlGroup);
    move_into_link_name_space(namespace.as_fd(), kind)?;
    Ok(())
}
