//! Where a lab is made, and of what.

use std::path::PathBuf;

/// Where a lab is made, and of what.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The ocitop binary: the lab's processes are it, started again.
    pub program: PathBuf,
    /// Directories that may hold the lab's own, best first; dead labs are looked for in each.
    pub bases: Vec<PathBuf>,
    /// Directories, on a disk if possible, that may hold the file of the container that writes.
    pub scratch: Vec<PathBuf>,
    /// The cgroup mounts: mountinfo, or an empty file for a lab without cgroups.
    pub mountinfo: PathBuf,
}

impl Stage {
    /// For this program and this user.
    pub fn from_env() -> Self {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let runtime = runtime.filter(|dir| dir.is_absolute());
        let mut bases: Vec<PathBuf> = Vec::new();
        if rustix::process::geteuid().is_root() {
            bases.push(PathBuf::from("/run"));
        }
        bases.extend(runtime);
        bases.push(PathBuf::from("/tmp"));
        Self {
            // A binary that was replaced meanwhile has no path of its own any more.
            program: std::env::current_exe()
                .ok()
                .filter(|program| program.exists())
                .unwrap_or_else(|| PathBuf::from("/proc/self/exe")),
            bases,
            scratch: vec![PathBuf::from("/var/tmp"), PathBuf::from("/tmp")],
            mountinfo: PathBuf::from("/proc/self/mountinfo"),
        }
    }
}
