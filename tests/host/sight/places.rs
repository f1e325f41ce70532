//! Places to run ocitop in, from where not all of the host is seen.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rig::{Rig, has_v1, ocitop, tops};

/// Nobody in particular.
const USER: u32 = 65_534;

/// Where an ordinary user reaches what is the rig's: the way to its own directory may be closed.
const OPEN: &str = "/mnt";

/// Where ocitop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A pid namespace with its own procfs, as Docker and Kubernetes give one.
    OwnPids,
    /// The same, without any cgroup mounted.
    OwnPidsNoCgroups,
    /// A pid namespace, and the procfs of the host.
    OuterProc,
    /// The host's pids, and a cgroup namespace with mounts of its own.
    OwnCgroups,
    /// The host's pids, no cgroup mounted.
    NoCgroups,
    /// The host's pids and cgroups; the file system of the bundles is not mounted.
    OtherMounts,
    /// An ordinary user, for whom the state root is closed.
    OrdinaryUser,
    /// An ordinary user who may read the state root, and procfs mounted with `hidepid=2`.
    HiddenPids,
    /// A container with the host's pids: what the host has at `/tmp` and its cgroups are to be found
    /// below one directory alone.
    HostDir,
}

impl Place {
    /// The state root as it is named there.
    pub(super) fn root(self, rig: &Rig) -> PathBuf {
        match self {
            Self::HiddenPids => Path::new(OPEN).join("root"),
            _ => rig.root(),
        }
    }

    /// ocitop with these arguments, there.
    pub(super) fn command(self, rig: &Rig, args: &[&str]) -> Command {
        let named = |command: &mut Command| {
            command
                .arg(ocitop())
                .arg("--root")
                .arg(rig.root())
                .args(args);
        };
        let mut command = match self {
            Self::OwnPids => unshare(&["-p", "-f", "-m", "--mount-proc"], "", named),
            Self::OwnPidsNoCgroups => unshare(
                &["-p", "-f", "-m", "--mount-proc"],
                "umount -R /sys/fs/cgroup",
                named,
            ),
            Self::OuterProc => unshare(&["-p", "-f"], "", named),
            Self::OwnCgroups => own_cgroups(rig, named),
            Self::NoCgroups => unshare(&["-m"], "umount -R /sys/fs/cgroup", named),
            Self::OtherMounts => {
                let bundles = rig.scratch("bundles");
                let script = format!("mount -t tmpfs tmpfs {}", bundles.display());
                unshare(&["-m"], &script, named)
            }
            Self::OrdinaryUser => as_user(rig, None, args),
            Self::HiddenPids => {
                open_to_all(rig);
                as_user(rig, Some(&self.root(rig)), args)
            }
            Self::HostDir => host_dir(rig, args),
        };
        let log = rig.scratch("log");
        fs::create_dir_all(&log).unwrap();
        command
            .env("XDG_STATE_HOME", log)
            .env("RUST_BACKTRACE", "0");
        command
    }
}

/// In new namespaces, after a script.
fn unshare(namespaces: &[&str], script: &str, arguments: impl FnOnce(&mut Command)) -> Command {
    let mut command = Command::new("unshare");
    let script = format!("set -e; {script}\nexec \"$@\"");
    command.args(namespaces).args(["sh", "-c", &script, "sh"]);
    arguments(&mut command);
    command
}

/// Where the host's root directory is mounted for a rig: below `/run`, so that what is hidden with `/tmp`
/// is still to be found there. It goes with the value.
pub(super) struct HostRoot(PathBuf);

impl HostRoot {
    pub(super) fn of(rig: &Rig) -> Self {
        let dir = Path::new("/run").join(rig.prefix());
        fs::create_dir(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for HostRoot {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.0));
    }
}

/// Where a path of the host is found there.
pub(super) fn below_host(rig: &Rig, path: &Path) -> PathBuf {
    let host = Path::new("/run").join(rig.prefix());
    host.join(path.strip_prefix("/").unwrap())
}

fn host_dir(rig: &Rig, args: &[&str]) -> Command {
    let host = below_host(rig, Path::new("/"));
    let at = host.display();
    let program = below_host(rig, &ocitop());
    let script = format!(
        "mount --rbind / {at}\nmount --make-rprivate {at}\n\
         umount -R /sys/fs/cgroup\nmount -t tmpfs tmpfs /tmp"
    );
    unshare(&["-m"], &script, |command| {
        command.arg(program).arg("--host").arg(&host);
        command.arg("--root").arg(rig.root()).args(args);
    })
}

/// Moves itself into a cgroup of the rig in each hierarchy, unshares, and mounts what is seen then.
fn own_cgroups(rig: &Rig, arguments: impl FnOnce(&mut Command)) -> Command {
    let mut enter = String::from("set -e\n");
    for top in tops() {
        let own = top.join(rig.prefix());
        let (own, tool) = (own.display(), own.join("tool").display().to_string());
        write!(
            enter,
            "mkdir -p {tool}\n\
             for f in cpuset.cpus cpuset.mems; do\n\
             [ ! -e {own}/cgroup.clone_children ] || [ ! -e {own}/$f ] || cat {own}/$f > {tool}/$f\n\
             done\n\
             echo $$ > {tool}/cgroup.procs\n"
        )
        .unwrap();
    }
    let scratch = rig.scratch("cg");
    fs::create_dir_all(&scratch).unwrap();
    let at = scratch.display();
    let mount = if has_v1() {
        let mut mounts = format!("mount -t tmpfs tmpfs {at}\n");
        for top in tops() {
            let name = top.file_name().unwrap().to_str().unwrap().to_owned();
            let how = match name.as_str() {
                "unified" => "-t cgroup2".to_owned(),
                "systemd" => "-t cgroup -o none,name=systemd".to_owned(),
                name => format!("-t cgroup -o {name}"),
            };
            writeln!(mounts, "mkdir {at}/{name}\nmount {how} cgroup {at}/{name}").unwrap();
        }
        mounts + &format!("mount --rbind {at} /sys/fs/cgroup\n")
    } else {
        "umount -R /sys/fs/cgroup\nmount -t cgroup2 cgroup2 /sys/fs/cgroup\n".to_owned()
    };
    let inner = format!("set -e\n{mount}exec \"$@\"");
    let mut command = Command::new("sh");
    let script = format!("{enter}exec unshare -C -m sh -c \"$0\" sh \"$@\"");
    command.args(["-c", &script, &inner]);
    arguments(&mut command);
    command
}

/// As nobody, in a place where that user may run ocitop. Without a root that is named, the records are
/// in a closed one among those that every user's ocitop knows.
fn as_user(rig: &Rig, root: Option<&Path>, args: &[&str]) -> Command {
    let home = rig.scratch("user");
    let closed = home.join(rig.kind.as_str());
    let program = home.join("ocitop");
    if !home.exists() {
        fs::create_dir(&home).unwrap();
        fs::copy(ocitop(), &program).unwrap();
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        for path in [rig.scratch(""), home.clone(), program.clone()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let ids = [format!("--reuid={USER}"), format!("--regid={USER}")];
    let mut script = format!("mount --bind {} {OPEN}", rig.scratch("").display());
    if root.is_some() {
        script += "\nmount -t proc -o hidepid=2 proc /proc";
    }
    let home = Path::new(OPEN).join("user");
    let program = home.join("ocitop");
    let mut command = unshare(&["-m"], &script, |command| {
        command.arg("setpriv").args(ids).arg("--clear-groups");
        command.arg(program);
        if let Some(root) = root {
            command.arg("--root").arg(root);
        }
        command.args(args);
    });
    command.env("XDG_RUNTIME_DIR", home);
    command
}

/// Lets every user read the records.
fn open_to_all(rig: &Rig) {
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&rig.scratch(""), 0o755);
    mode(&rig.root(), 0o755);
    for entry in fs::read_dir(rig.root()).unwrap().flatten() {
        mode(&entry.path(), 0o755);
        for file in fs::read_dir(entry.path()).unwrap().flatten() {
            if file.file_type().unwrap().is_file() {
                mode(&file.path(), 0o644);
            }
        }
    }
}
