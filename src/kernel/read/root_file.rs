//! Files that others make: below a state root, never through a link, under a cap.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};

use super::errno::libc_errno;
use super::kernel_file::read_to_limit;
use crate::kernel::refused::Refused;

/// Cap for a runtime's state file; runc's real ones are about 6 KiB.
pub const STATE_CAP: u64 = 1 << 20;
/// Cap for a bundle's `config.json`.
pub const CONFIG_CAP: u64 = 4 << 20;
/// Why a file of a state root was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system said no.
    #[error("read {file}")]
    Io {
        /// Its name.
        file: String,
        /// The system's error.
        source: io::Error,
    },
    /// A directory, FIFO, socket or device stands where a file belongs.
    #[error("{file} is a {kind}, not a regular file")]
    NotRegular {
        /// Its name.
        file: String,
        /// What it is.
        kind: &'static str,
    },
    /// Larger than any runtime writes.
    #[error("{file} has {size} bytes, over the cap of {cap}")]
    TooLarge {
        /// Its name.
        file: String,
        /// Its size, bytes.
        size: u64,
        /// The cap, bytes.
        cap: u64,
    },
    /// A user's file that stands in several directories: one file as so many records.
    #[error("{file} is linked from several directories; a user's state file is not")]
    Linked {
        /// Its name.
        file: String,
    },
    /// A user's root has more than is read at a time.
    #[error(
        "{file} was not read: the files of this user's root before it took too long, or were too many"
    )]
    OverBudget {
        /// Its name.
        file: String,
    },
}

impl ReadError {
    /// The file.
    pub fn file(&self) -> &str {
        match self {
            Self::Io { file, .. }
            | Self::NotRegular { file, .. }
            | Self::TooLarge { file, .. }
            | Self::Linked { file }
            | Self::OverBudget { file } => file,
        }
    }

    /// Whether the file is simply not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.raw_os_error() == Some(libc_errno::ENOENT))
    }

    /// Whether its file system refused to follow a symlink or leave the root.
    pub fn is_escape(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.raw_os_error(), Some(libc_errno::ELOOP | libc_errno::EXDEV)))
    }
}

/// Opens a directory given by the operator or known beforehand: its own path may hold symlinks.
pub fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Opens a state root. One that another user can lay out (below `/run/user/UID` or `/tmp`) is opened
/// without following a symlink or crossing into another mount: its owner could aim it at a
/// directory of root's, or put a file system there that never answers. What stands in the way is in
/// the error ([`Refused::of`]).
pub fn open_root(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let base = foreign_base(path);
    let opened = match base.and_then(|base| Some((base, path.strip_prefix(base).ok()?))) {
        Some((base, rest)) if !rest.as_os_str().is_empty() => {
            let flags = flags | OFlags::NOFOLLOW;
            rustix::fs::openat2(open_dir(base)?, rest, flags, Mode::empty(), beneath())
        }
        _ => rustix::fs::open(path, flags, Mode::empty()),
    };
    opened.map_err(|errno| Refused::explain(path, errno))
}

/// The part of a path that its user cannot change: `/run/user/UID`, `/tmp`, also those of a host whose
/// root directory is another one than ocitop's.
pub(in crate::kernel) fn foreign_base(path: &Path) -> Option<&Path> {
    let names: Vec<&OsStr> = path.iter().collect();
    let is_youkis = |name: &OsStr| name.as_encoded_bytes().starts_with(b"youki-");
    let depth = (1..names.len()).find_map(|at| match names.get(at..).unwrap_or_default() {
        [run, user, _, ..] if *run == "run" && *user == "user" => Some(at + 3),
        [tmp, ..] if at == 1 && *tmp == "tmp" => Some(at + 1),
        [tmp, root, ..] if *tmp == "tmp" && is_youkis(root) => Some(at + 1),
        _ => None,
    })?;
    let above = names.len().checked_sub(depth)?;
    path.ancestors().nth(above)
}

pub(in crate::kernel) fn beneath() -> ResolveFlags {
    ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV
}

/// Opens the directory `name` below `dir`; nothing on the way may be a symlink or another mount.
pub fn open_dir_beneath(dir: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(rustix::fs::openat2(
        dir,
        name,
        flags,
        Mode::empty(),
        beneath(),
    )?)
}

/// The status of `name` in `dir`, a symlink not followed; `None` if it is not there.
pub fn stat_beneath(dir: impl AsFd, name: &OsStr) -> io::Result<Option<Stat>> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

pub(in crate::kernel) fn kind(stat: &Stat) -> &'static str {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => "regular file",
        FileType::Directory => "directory",
        FileType::Symlink => "symlink",
        FileType::Fifo => "FIFO",
        FileType::Socket => "socket",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        FileType::Unknown => "special file",
    }
}

/// Reads the regular file `path` below `dir`, at most `cap` bytes.
pub fn file_beneath(
    dir: impl AsFd,
    path: impl AsRef<Path>,
    cap: u64,
) -> Result<Vec<u8>, ReadError> {
    let path = path.as_ref();
    let name = &*path.file_name().unwrap_or_default().to_string_lossy();
    let io_error = |source: rustix::io::Errno| ReadError::Io {
        file: name.to_owned(),
        source: source.into(),
    };
    // Non-blocking, so that a FIFO opens at once instead of waiting for a writer.
    let flags =
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = match rustix::fs::openat2(&dir, path, flags, Mode::empty(), beneath()) {
        Ok(fd) => fd,
        // A socket, or a device that nothing drives, cannot be opened at all; say what it is.
        Err(rustix::io::Errno::NXIO) => {
            let found = stat_beneath(&dir, path.as_os_str()).ok().flatten();
            return Err(ReadError::NotRegular {
                file: name.to_owned(),
                kind: found.as_ref().map_or("special file", kind),
            });
        }
        Err(errno) => return Err(io_error(errno)),
    };
    let stat = rustix::fs::fstat(&fd).map_err(io_error)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(ReadError::NotRegular {
            file: name.to_owned(),
            kind: kind(&stat),
        });
    }
    let own = rustix::process::geteuid().as_raw();
    if stat.st_nlink > 1 && stat.st_uid != 0 && stat.st_uid != own {
        let file = name.to_owned();
        return Err(ReadError::Linked { file });
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size > cap {
        return Err(ReadError::TooLarge {
            file: name.to_owned(),
            size,
            cap,
        });
    }
    // One byte over the cap tells a file that grows while it is read.
    let limit = usize::try_from(cap).unwrap_or(usize::MAX).saturating_add(1);
    let bytes = read_sized(&fd, usize::try_from(size).unwrap_or(0), limit).map_err(io_error)?;
    let size = bytes.len() as u64;
    if size > cap {
        return Err(ReadError::TooLarge {
            file: name.to_owned(),
            size,
            cap,
        });
    }
    Ok(bytes)
}

/// Reads a regular file of `size` bytes; a file that grows while it is read is read on, up to
/// `limit`.
fn read_sized(fd: &OwnedFd, size: usize, limit: usize) -> Result<Vec<u8>, rustix::io::Errno> {
    let mut bytes = vec![0; (size + 1).min(limit)];
    match rustix::io::read(fd, &mut bytes)? {
        // Short of the spare byte: that was the end, without another call to hear it.
        count if count == size => {
            bytes.truncate(count);
            Ok(bytes)
        }
        count => {
            bytes.truncate(count);
            bytes.extend(read_to_limit(fd, 0, limit.saturating_sub(count))?);
            Ok(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_lays_out_begins_at_the_users_own_directory_on_any_host() {
        for (path, base) in [
            ("/run/user/1000/runc", Some("/run/user/1000")),
            ("/host/run/user/1000/docker/x", Some("/host/run/user/1000")),
            ("/tmp/any/runc", Some("/tmp")),
            ("/host/tmp/youki-1000", Some("/host/tmp")),
            ("/tmp/x/run/user/1000/runc", Some("/tmp")),
            ("/run/user", None),
            ("/run/runc", None),
            ("/home/user/tmp/runc", None),
        ] {
            assert_eq!(foreign_base(Path::new(path)), base.map(Path::new), "{path}");
        }
    }
}
