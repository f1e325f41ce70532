//! Who can have written a hook: whoever can write its program, the state files that name it, or
//! any directory or link on the way to either.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::evidence::Evidence;
use crate::oci::record::Hook;
use crate::text::visible_path;

/// As many links as the kernel follows in one path.
const MAX_LINKS: usize = 40;

/// Why a hook is not trusted: who else can have written it. Paths are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Where its program is depends on who runs it.
    #[error("{0} is not an absolute path")]
    Relative(String),
    /// Something on the way to it, or the state directory, could not be looked at.
    #[error("{0} cannot be read")]
    Unread(String),
    /// Another user owns something on the way to it.
    #[error("{path} belongs to uid {uid}")]
    Owner {
        /// What.
        path: String,
        /// Who.
        uid: u32,
    },
    /// Others may write something on the way to it.
    #[error("{0} can be written by others")]
    Writable(String),
}

/// Why one of these hooks must not be run, if so.
pub(super) fn distrusted(
    evidence: &Evidence,
    hooks: &[Hook],
    host: Option<&Path>,
) -> Option<Distrust> {
    let dir = evidence.entry.key.dir();
    hooks
        .iter()
        .find_map(|hook| check(&dir, &hook.path, host).err())
}

/// Checks a hook's program and the state directory that names it. A program that is not there is
/// nobody's: it fails when it is run.
/// It is looked for below `host`, where it will run.
pub(super) fn check(state_dir: &Path, program: &Path, host: Option<&Path>) -> Result<(), Distrust> {
    let top = Path::new("/");
    if !program.is_absolute() {
        return Err(Distrust::Relative(visible_path(program)));
    }
    let mut paths = way_to(program, host.unwrap_or(top));
    // The way to the host's root directory is ocitop's own.
    paths.extend(host.iter().flat_map(|host| way_to(host, top)));
    let files = match std::fs::read_dir(state_dir) {
        Ok(files) => files,
        // Removed meanwhile by somebody else, who ran the hooks: the mark that has to be made
        // before one runs cannot be made, so none will.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => return Err(Distrust::Unread(visible_path(state_dir))),
    };
    paths.extend(way_to(state_dir, top));
    let files = files.flatten();
    let files = files.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    paths.extend(files.map(|entry| entry.path()));
    paths.iter().try_for_each(|path| trusted(path))
}

/// Every directory and link on the way to `path` in the root directory `root`, and what it leads to. It
/// ends where there is nothing.
fn way_to(path: &Path, root: &Path) -> Vec<PathBuf> {
    let names = |path: &Path| -> Vec<OsString> {
        let parts = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        });
        parts.collect()
    };
    let mut todo: VecDeque<OsString> = names(path).into();
    let mut here = root.to_owned();
    let mut passed = vec![here.clone()];
    let mut links = 0;
    while let Some(name) = todo.pop_front() {
        if name == ".." {
            if here != root {
                here.pop();
            }
            continue;
        }
        let next = here.join(name);
        let target = match std::fs::symlink_metadata(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Ok(metadata) if metadata.is_symlink() => std::fs::read_link(&next).ok(),
            Ok(_) | Err(_) => None,
        };
        passed.push(next.clone());
        match target {
            Some(target) if links < MAX_LINKS => {
                links += 1;
                for name in names(&target).into_iter().rev() {
                    todo.push_front(name);
                }
                if target.is_absolute() {
                    root.clone_into(&mut here);
                }
            }
            Some(_) => break,
            None => here = next,
        }
    }
    passed
}

/// Whether nobody else could have written what is at a path.
fn trusted(path: &Path) -> Result<(), Distrust> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // Removed since it was listed: what is not there tells nobody what to run.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => return Err(Distrust::Unread(visible_path(path))),
    };
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != own {
        let (path, uid) = (visible_path(path), metadata.uid());
        return Err(Distrust::Owner { path, uid });
    }
    // In a sticky directory others can add names but not replace this one.
    let sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
    let by_others = !metadata.is_symlink() && metadata.mode() & 0o022 != 0 && !sticky;
    if by_others {
        return Err(Distrust::Writable(visible_path(path)));
    }
    Ok(())
}
