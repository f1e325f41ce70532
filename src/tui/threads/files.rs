//! Files that the operator asks for.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use crate::kernel::own_dir::OwnDir;
use crate::logging::default_dir;
use crate::tui::effect::Content;

/// Writes a new file that only its owner can read: in the current directory, or where that cannot
/// be written, in the user's state directory.
pub(super) fn save(stem: &str, extension: &str, content: &Content) -> io::Result<PathBuf> {
    let stamp = jiff::ZonedDateTime::now()
        .strftime("%Y%m%d-%H%M%S%.3f")
        .to_string();
    let name = format!("ocitop-{stem}-{stamp}.{extension}");
    let here = std::env::current_dir().map(|dir| dir.join(&name));
    let first = here.and_then(|path| write_here(path, content));
    let (Err(error), Some(dir)) = (&first, default_dir()) else {
        return first;
    };
    tracing::info!("not saved in the current directory: {error}");
    write_there(&OwnDir::make(&dir)?, name.as_ref(), content)
}

fn write_here(path: PathBuf, content: &Content) -> io::Result<PathBuf> {
    // `create_new` follows no symlink: a name laid out in advance in /tmp is an error.
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    whole(file, content).inspect_err(|_| drop(std::fs::remove_file(&path)))?;
    Ok(path)
}

fn write_there(dir: &OwnDir, name: &OsStr, content: &Content) -> io::Result<PathBuf> {
    let file = dir.create_new(name)?;
    whole(file, content).inspect_err(|_| drop(dir.remove(name)))?;
    Ok(dir.path(name))
}

/// Writes all of it. What is written in part, on a disk that is full, is not kept: it would pass for
/// what was saved.
fn whole(file: File, content: &Content) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    content.write(&mut out)?;
    out.into_inner()?.sync_all()
}
