//! Files that the operator asks for.

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// Writes a new file that only its owner can read: in the current directory, or where that cannot
/// be written, in the user's state directory.
pub(super) fn save(stem: &str, extension: &str, text: &str) -> io::Result<PathBuf> {
    let stamp = jiff::ZonedDateTime::now()
        .strftime("%Y%m%d-%H%M%S%.3f")
        .to_string();
    let name = format!("ocitop-{stem}-{stamp}.{extension}");
    let here = std::env::current_dir().map(|dir| dir.join(&name));
    let first = here.and_then(|path| write_new(&path, text).map(|()| path));
    let Err(error) = first else {
        return first;
    };
    let Some(dir) = state_dir() else {
        return Err(error);
    };
    std::fs::create_dir_all(&dir)?;
    let path = dir.join(&name);
    write_new(&path, text).map(|()| path)
}

fn state_dir() -> Option<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    base.map(|base| base.join("ocitop"))
}

fn write_new(path: &std::path::Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    // `create_new` follows no symlink: a name laid out in advance in /tmp is an error.
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
