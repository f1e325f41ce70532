//! What an error number says of a file.

use std::io;
use std::path::Path;

/// Error numbers that `io::ErrorKind` has no stable name for.
pub mod libc_errno {
    use rustix::io::Errno;

    /// No such file or directory.
    pub const ENOENT: i32 = Errno::NOENT.raw_os_error();
    /// No such process.
    pub const ESRCH: i32 = Errno::SRCH.raw_os_error();
    /// No such device: a removed cgroup's file.
    pub const ENODEV: i32 = Errno::NODEV.raw_os_error();
    /// No such device or address: nobody reads a FIFO.
    pub const ENXIO: i32 = Errno::NXIO.raw_os_error();
    /// Too many symlinks, or one where none may be.
    pub const ELOOP: i32 = Errno::LOOP.raw_os_error();
    /// Crosses a mount or leaves the root.
    pub const EXDEV: i32 = Errno::XDEV.raw_os_error();
    /// A part of the path is longer than any name.
    pub const ENAMETOOLONG: i32 = Errno::NAMETOOLONG.raw_os_error();
    /// No space left on the device, or no inode.
    pub const ENOSPC: i32 = Errno::NOSPC.raw_os_error();
    /// A directory has something in it.
    pub const ENOTEMPTY: i32 = Errno::NOTEMPTY.raw_os_error();
    /// Busy.
    pub const EBUSY: i32 = Errno::BUSY.raw_os_error();
    /// No answer in time.
    pub const ETIMEDOUT: i32 = Errno::TIMEDOUT.raw_os_error();
    /// Not a directory.
    pub const ENOTDIR: i32 = Errno::NOTDIR.raw_os_error();
    /// Another directory stands there by now.
    pub const ESTALE: i32 = Errno::STALE.raw_os_error();
    /// Read-only file system.
    pub const EROFS: i32 = Errno::ROFS.raw_os_error();
}

/// Whether an error says that the thing is gone: no such file, process or cgroup.
pub fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc_errno::ENOENT | libc_errno::ENODEV | libc_errno::ESRCH)
    )
}

/// Whether an error of a path that somebody else wrote says that there can be no such thing: gone,
/// below a file, or of a name that is too long for one.
pub fn is_absent(error: &io::Error) -> bool {
    let impossible = matches!(
        error.raw_os_error(),
        Some(libc_errno::ENOTDIR | libc_errno::ENAMETOOLONG)
    );
    is_gone(error) || impossible
}

/// Whether something is there, where a look tells.
pub fn is_there(path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
