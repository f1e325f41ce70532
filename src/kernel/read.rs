//! Readers with size caps.
//!
//! Two kinds of files. Kernel files (cgroupfs, procfs) are read by path or from a kept descriptor.
//! Files of a state root are made by others: they are opened below the root with `openat2`, no
//! symlinks, non-blocking, and only if they are regular files under the cap, so neither a FIFO nor
//! a 1 GiB file nor a link out of the root gets anywhere.

mod errno;
mod kernel_file;
mod root_file;

pub use errno::{is_absent, is_gone, is_there, libc_errno};
pub use kernel_file::{
    kept, kept_start, kernel_file, kernel_file_at, kernel_record, kernel_start, kernel_text,
    kernel_words,
};
pub use root_file::{
    CONFIG_CAP, ReadError, STATE_CAP, file_beneath, open_dir, open_dir_beneath, open_root,
    stat_beneath,
};

pub(super) use kernel_file::as_text;
pub(super) use root_file::{beneath, foreign_base, kind};
