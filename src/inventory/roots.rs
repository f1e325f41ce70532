//! The state roots that runtimes and engines use (their documentation and sources).
//!
//! A root can hold containers of any runtime, so roots are only places to look; what is found is
//! classified directory by directory.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::FileType;

use crate::config::{RootOrigin, StateRoot};
use crate::kernel::read::{is_gone, open_dir_beneath, open_root};

/// Where the known roots are looked for.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `/run`, or what stands for it.
    pub run: PathBuf,
    /// `/tmp`, or what stands for it.
    pub tmp: PathBuf,
    /// `$XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// `$HOME`.
    pub home: Option<PathBuf>,
    /// Effective user id.
    pub uid: u32,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let variable = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            run: PathBuf::from("/run"),
            tmp: PathBuf::from("/tmp"),
            xdg_runtime_dir: variable("XDG_RUNTIME_DIR").filter(|path| path.is_absolute()),
            home: variable("HOME").filter(|path| path.is_absolute()),
            uid: rustix::process::geteuid().as_raw(),
        }
    }
}

impl Surroundings {
    /// Those of a host whose root directory is `dir`: nobody's own.
    pub fn below(dir: &Path) -> Self {
        Self {
            run: dir.join("run"),
            tmp: dir.join("tmp"),
            xdg_runtime_dir: None,
            home: None,
            uid: rustix::process::geteuid().as_raw(),
        }
    }
}

const RUNTIMES: [&str; 3] = ["youki", "runc", "crun"];

/// Every known root, whether it exists or not, each directory once.
pub fn known(at: &Surroundings) -> Vec<StateRoot> {
    let mut paths: Vec<PathBuf> = RUNTIMES.iter().map(|name| at.run.join(name)).collect();
    // Docker: `runtime-<name>/<namespace>`; containerd: `runc/<namespace>`.
    paths.extend(engine_roots(&at.run));
    if let Some(xdg) = &at.xdg_runtime_dir {
        paths.extend(user_roots(xdg));
    }
    match listed(&at.run.join("user")) {
        Ok(users) => paths.extend(users.iter().flat_map(|user| user_roots(user))),
        Err(unlisted) => paths.push(unlisted),
    }
    if let Some(home) = at.home.as_ref().filter(|_| at.uid != 0) {
        paths.push(home.join(".youki/run"));
    }
    let prefix = "youki-";
    paths.extend(directories(&at.tmp).into_iter().filter(|path| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        name.strip_prefix(prefix)
            // root's youki has its root elsewhere.
            .is_some_and(|uid| uid.parse::<u32>().is_ok_and(|uid| uid != 0))
    }));
    deduplicated(paths)
}

/// A directory of roots that cannot be listed stands for the roots in it: it cannot be opened as
/// one either, and so is told wherever a root that cannot be read is.
fn engine_roots(run: &Path) -> Vec<PathBuf> {
    let docker = run.join("docker");
    let mut paths = Vec::new();
    match listed(&docker) {
        Ok(runtimes) => {
            let is_runtime = |path: &&PathBuf| {
                let name = path.file_name();
                name.is_some_and(|name| name.as_bytes().starts_with(b"runtime-"))
            };
            for runtime in runtimes.iter().filter(is_runtime) {
                paths.extend(listed(runtime).unwrap_or_else(|unlisted| vec![unlisted]));
            }
        }
        Err(unlisted) => paths.push(unlisted),
    }
    if paths.is_empty() {
        paths.push(docker.join("runtime-runc/moby"));
    }
    let containerd = run.join("containerd/runc");
    match listed(&containerd) {
        Ok(namespaces) if namespaces.is_empty() => paths.push(containerd.join("default")),
        Ok(namespaces) => paths.extend(namespaces),
        Err(unlisted) => paths.push(unlisted),
    }
    paths
}

/// The roots below one user's runtime directory. Only those that exist, save for the user's own
/// three, so that a host with many users does not list hundreds of absent ones.
fn user_roots(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = RUNTIMES.iter().map(|name| dir.join(name)).collect();
    // A user lays these out: a link or a mount in the way could lead anywhere, or never answer.
    for runtime in directories_below(dir, Path::new("docker")) {
        if runtime.as_bytes().starts_with(b"runtime-") {
            let runtime = Path::new("docker").join(runtime);
            let roots = directories_below(dir, &runtime);
            paths.extend(roots.into_iter().map(|name| dir.join(&runtime).join(name)));
        }
    }
    paths
}

/// The names of the directories in `path` below `dir`, sorted; no link or mount is followed.
fn directories_below(dir: &Path, path: &Path) -> Vec<OsString> {
    let opened = open_root(dir).and_then(|dir| open_dir_beneath(dir, path.as_os_str()));
    let Ok(entries) = opened.and_then(|dir| Ok(rustix::fs::Dir::read_from(dir)?)) else {
        return Vec::new();
    };
    let mut names: Vec<OsString> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type() == FileType::Directory)
        .map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())
        .filter(|name| name != "." && name != "..")
        .collect();
    names.sort();
    names
}

/// The directories in `dir`, sorted; none if it cannot be read. Symlinks are not followed.
fn directories(dir: &Path) -> Vec<PathBuf> {
    listed(dir).unwrap_or_default()
}

/// As [`directories`]; one that is there and cannot be listed is an error, which names it.
fn listed(dir: &Path) -> Result<Vec<PathBuf>, PathBuf> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        Err(_) => return Err(dir.to_owned()),
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found)
}

fn deduplicated(paths: Vec<PathBuf>) -> Vec<StateRoot> {
    let mut seen = HashSet::new();
    let paths = paths.into_iter().filter(|path| seen.insert(path.clone()));
    paths
        .map(|path| StateRoot {
            path: path.into(),
            origin: RootOrigin::Known,
        })
        .collect()
}

/// The plain user whose runtime directory a path lies in: `/run/user/UID`, `/tmp/youki-UID`.
pub(super) fn user_of(path: &Path) -> Option<u32> {
    let names: Vec<&str> = path
        .components()
        .filter_map(|part| {
            let Component::Normal(name) = part else {
                return None;
            };
            name.to_str()
        })
        .collect();
    let below_run = names.windows(3).find_map(|names| match names {
        ["run", "user", uid] => Some(*uid),
        _ => None,
    });
    let of_youki = names.windows(2).find_map(|names| match names {
        ["tmp", name] => name.strip_prefix("youki-"),
        _ => None,
    });
    below_run
        .or(of_youki)
        .and_then(|uid| uid.parse().ok())
        .filter(|uid| *uid != 0)
}
