//! What a tree looks like to the byte: two pictures of it are equal only if nothing was touched.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Larger files are told by their size and times alone.
const READ_MAX: u64 = 1 << 20;

/// One file: path, mode with its kind, inode, time of its last change of content, content.
type Seen = (PathBuf, u32, u64, (i64, i64), Vec<u8>);

/// Everything at and below the paths; what is not there is not in it.
pub(crate) fn picture(paths: &[PathBuf]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut todo = paths.to_vec();
    while let Some(path) = todo.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        let content = if metadata.is_symlink() {
            fs::read_link(&path).unwrap().as_os_str().as_bytes().into()
        } else if metadata.is_file() && metadata.len() <= READ_MAX {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).unwrap().flatten();
            todo.extend(entries.map(|entry| entry.path()));
        }
        let changed = (metadata.mtime(), metadata.mtime_nsec());
        seen.push((path, metadata.mode(), metadata.ino(), changed, content));
    }
    seen.sort();
    seen
}

/// Fails, naming the first difference, unless the two are the same.
pub(crate) fn same(before: &[Seen], after: &[Seen], what: &str) -> Result<(), String> {
    let path = |seen: Option<&Seen>| seen.map(|seen| seen.0.clone());
    let differs = before
        .iter()
        .zip(after)
        .find(|(before, after)| before != after)
        .map(|(before, after)| (Some(before), Some(after)));
    let longer = || {
        let common = before.len().min(after.len());
        (before.get(common), after.get(common))
    };
    match differs.unwrap_or_else(longer) {
        (None, None) => Ok(()),
        (before, after) => Err(format!(
            "{what}: {:?} became {:?}",
            path(before),
            path(after)
        )),
    }
}

/// A tree that nothing may reach: a file, a directory with one, a link, a state file.
pub(crate) fn make(dir: &Path) {
    fs::create_dir_all(dir.join("in/deeper")).unwrap();
    fs::write(dir.join("precious"), "precious").unwrap();
    fs::write(dir.join("in/deeper/precious"), "precious").unwrap();
    std::os::unix::fs::symlink("precious", dir.join("link")).unwrap();
}
