//! Files that the kernel makes, by path or through a kept descriptor.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::errno::is_gone;

/// Cap for one kernel file.
const KERNEL_CAP: usize = 4 << 20;

/// Reads a kernel file by its path.
pub fn kernel_file(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(read_to_limit(&fd, 4095, KERNEL_CAP)?)
}

/// The start of a kernel file, at most `cap` bytes.
pub fn kernel_start(path: &Path, cap: usize) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(read_to_limit(&fd, 4095, cap)?)
}

/// Reads a kernel file that the kernel writes in one piece of less than 4 KiB
/// (`/proc/PID/stat`), in one call.
pub fn kernel_record(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    let mut bytes = vec![0; 4096];
    let count = rustix::io::retry_on_intr(|| rustix::io::read(&fd, &mut bytes[..]))?;
    bytes.truncate(count);
    Ok(bytes)
}

/// The start of a kernel file through a kept descriptor, as much of it as fits into `buffer`.
pub fn kept_start(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<&[u8]> {
    let count = rustix::io::pread(fd, &mut buffer[..], 0)?;
    Ok(buffer.get(..count).unwrap_or_default())
}

/// Reads a kernel file as text; `None` if it does not exist or its cgroup is gone, or if this
/// kernel does not support it (`EOPNOTSUPP`: PSI switched off, `cgroup.procs` of a threaded cgroup).
pub fn kernel_text(path: &Path) -> io::Result<Option<String>> {
    as_text(kernel_file(path))
}

/// As [`kernel_text`], of a file that the kernel writes in one piece of less than 4 KiB, as a
/// cgroup's files of a word or a few counters: in one call, without another to hear that this was
/// the end.
pub fn kernel_words(path: &Path) -> io::Result<Option<String>> {
    as_text(kernel_record(path))
}

pub(in crate::kernel) fn as_text(read: io::Result<Vec<u8>>) -> io::Result<Option<String>> {
    match read {
        Ok(bytes) => Ok(Some(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::OPNOTSUPP.raw_os_error()) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// As [`kernel_file`], by its path below a kept directory.
pub fn kernel_file_at(dir: impl AsFd, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = rustix::fs::openat(dir, path.as_ref(), flags, Mode::empty())?;
    Ok(read_to_limit(&fd, 4095, KERNEL_CAP)?)
}

/// Reads a kernel file from its start through a kept descriptor, into `buffer`, which grows to
/// what the file needs.
pub fn kept(fd: impl AsFd, buffer: &mut Vec<u8>) -> io::Result<&str> {
    buffer.resize(buffer.len().max(8192), 0);
    let count = loop {
        let count = rustix::io::pread(&fd, &mut buffer[..], 0)?;
        if count < buffer.len() || count >= KERNEL_CAP {
            break count;
        }
        buffer.resize(buffer.len() * 2, 0);
    };
    std::str::from_utf8(buffer.get(..count).unwrap_or_default())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Reads to the end, or `limit` bytes.
pub(super) fn read_to_limit(
    fd: &OwnedFd,
    hint: usize,
    limit: usize,
) -> Result<Vec<u8>, rustix::io::Errno> {
    let mut bytes = vec![0; (hint + 1).max(512).min(limit)];
    let mut filled = 0;
    loop {
        let free = bytes.get_mut(filled..).unwrap_or_default();
        match rustix::io::read(fd, free) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        if filled == bytes.len() {
            if filled >= limit {
                break;
            }
            bytes.resize((filled * 2).min(limit), 0);
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
