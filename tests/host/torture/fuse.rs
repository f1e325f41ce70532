//! A FUSE filesystem that never answers what matters: who reads `hang`, or closes `late`, stays in
//! the kernel until the server is gone.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

const ROOT: u64 = 1;
/// A read of it is never answered.
const HANG: u64 = 2;
/// Its last close is never answered.
const LATE: u64 = 3;

const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const READ: u32 = 15;
const RELEASE: u32 = 18;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const READDIR: u32 = 28;
const RELEASEDIR: u32 = 29;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;

/// The mounted filesystem and its server.
pub(crate) struct Fuse {
    dir: PathBuf,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Fuse {
    /// Mounts it on `dir`, which is made. `None` where FUSE cannot be had.
    pub(crate) fn mount(dir: PathBuf) -> Option<Self> {
        let mut options = File::options();
        options.read(true).write(true);
        // A request can be withdrawn between poll and read.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let device = options.open("/dev/fuse");
        let device = device.ok()?;
        fs::create_dir_all(&dir).unwrap();
        let fd = device.as_raw_fd();
        let options = format!("fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other");
        let options = CString::new(options).unwrap();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("ocitop-test", &dir, "fuse", flags, options.as_c_str()).ok()?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let server = std::thread::spawn(move || serve(device, &told));
        Some(Self {
            dir,
            stop,
            server: Some(server),
        })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Ends the server: the kernel answers everybody with an error.
    pub(crate) fn abort(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            server.join().unwrap();
        }
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.abort();
        unmount(&self.dir, UnmountFlags::DETACH).ok();
    }
}

/// Answers until told to stop, then closes the device: that aborts the connection.
fn serve(mut device: File, stop: &AtomicBool) {
    let mut buffer = vec![0; 1 << 17];
    while !stop.load(Ordering::Relaxed) {
        let mut wanted = [PollFd::new(&device, PollFlags::IN)];
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: 20_000_000,
        };
        if poll(&mut wanted, Some(&patience)).unwrap_or(0) == 0 {
            continue;
        }
        let length = match device.read(&mut buffer) {
            Ok(length) => length,
            // Unmounted.
            Err(error) if error.raw_os_error() == Some(19) => return,
            // Who asked was interrupted before it was read.
            Err(_) => continue,
        };
        let (head, body) = buffer[..length].split_at(40);
        if let Some(reply) = answer(head, body) {
            // Who asked may have given up.
            drop(device.write_all(&reply));
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn packed(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn longs(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// `struct fuse_attr`.
fn attributes(node: u64) -> Vec<u8> {
    let mode = if node == ROOT { 0o40755 } else { 0o100_644 };
    let mut out = longs(&[node, 8, 0, 0, 0, 0]);
    out.extend(packed(&[0, 0, 0, mode, 1, 0, 0, 0, 4096, 0]));
    out
}

fn answer(head: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let (operation, unique, node) = (u32_at(head, 4), u64_at(head, 8), u64_at(head, 16));
    let done: Result<Vec<u8>, i32> = match operation {
        INIT => {
            let mut out = packed(&[7, 31, 65536, 0, 0x9_000c, 65536, 1]);
            out.resize(64, 0);
            Ok(out)
        }
        LOOKUP => {
            let found = match body {
                b"hang\0" => Some(HANG),
                b"late\0" => Some(LATE),
                _ => None,
            };
            found.ok_or(2).map(|node| {
                let mut out = longs(&[node, 0, 1, 1, 0]);
                out.extend(attributes(node));
                out
            })
        }
        GETATTR => {
            let mut out = longs(&[1, 0]);
            out.extend(attributes(node));
            Ok(out)
        }
        // Direct: every read comes here.
        OPEN | OPENDIR => {
            let mut out = longs(&[0]);
            out.extend(packed(&[u32::from(operation == OPEN), 0]));
            Ok(out)
        }
        READ if node == HANG => return None,
        FLUSH if node == LATE => return None,
        READ | READDIR | RELEASE | RELEASEDIR | FLUSH => Ok(Vec::new()),
        FORGET | BATCH_FORGET | INTERRUPT => return None,
        _ => Err(38),
    };
    let (error, data) = match done {
        Ok(data) => (0, data),
        Err(error) => (-error, Vec::new()),
    };
    let length = u32::try_from(16 + data.len()).unwrap();
    let mut out = packed(&[length]);
    out.extend(error.to_ne_bytes());
    out.extend(unique.to_ne_bytes());
    out.extend(data);
    Some(out)
}
