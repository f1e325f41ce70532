//! A file system that behaves like resctrl where it can be mounted (root, `/dev/fuse`): few hosts
//! have the hardware, and a plain directory tree does none of what matters here.
//!
//! As the kernel does: `mkdir` fills a group, `rmdir` removes a populated one, its tasks fall back
//! to the group above, CLOSIDs and RMIDs run out with `ENOSPC`, and `info/last_cmd_status` says why
//! the last command failed. Otherwise than the kernel: the file system's type is fuse, the default
//! group lists only tasks that were in another, and nothing is measured.

mod tree;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, SessionACL, TimeOrNow,
    WriteFlags,
};
use tempfile::TempDir;
use tree::Tree;

/// A mounted one; it ends with the value.
pub(crate) struct Resctrl {
    tree: Arc<Mutex<Tree>>,
    session: Option<BackgroundSession>,
    dir: TempDir,
}

impl Resctrl {
    /// Mounts one, or says why this host cannot.
    pub(crate) fn mount() -> Result<Self, String> {
        let device = Path::new("/dev/fuse");
        let opened = std::fs::File::options().read(true).write(true).open(device);
        opened.map_err(|error| format!("/dev/fuse: {error}"))?;
        let dir = tempfile::Builder::new().prefix("rdt").tempdir().unwrap();
        let tree = Arc::new(Mutex::new(Tree::new()));
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("resctrl".to_owned()),
            MountOption::DefaultPermissions,
        ];
        config.acl = SessionACL::All;
        let session = fuser::spawn_mount(Mounted(Arc::clone(&tree)), dir.path(), &config)
            .map_err(|error| format!("mount a FUSE file system: {error}"))?;
        Ok(Self {
            tree,
            session: Some(session),
            dir,
        })
    }

    /// The mount, or a path below it.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// From now on a file says this.
    pub(crate) fn plant(&self, file: &str, text: &str) {
        self.tree.lock().unwrap().plant(Path::new(file), text);
    }

    /// From now on no group can be removed, and these are the words for it.
    pub(crate) fn refuse_removal(&self, words: &str) {
        self.tree.lock().unwrap().refused = Some(format!("{words}\n"));
    }
}

impl Drop for Resctrl {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.umount_and_join().ok();
        }
    }
}

struct Mounted(Arc<Mutex<Tree>>);

impl Mounted {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap()
    }
}

/// Nothing is cached: the tree changes by itself.
const TTL: Duration = Duration::ZERO;

fn attributes(tree: &Tree, ino: u64) -> Result<FileAttr, Errno> {
    let (is_dir, mode) = tree.stat(ino).ok_or(Errno::ENOENT)?;
    Ok(FileAttr {
        ino: INodeNo(ino),
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: kind(is_dir),
        perm: mode,
        nlink: if is_dir { 2 } else { 1 },
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    })
}

fn kind(is_dir: bool) -> FileType {
    if is_dir {
        FileType::Directory
    } else {
        FileType::RegularFile
    }
}

impl Filesystem for Mounted {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let tree = self.tree();
        let found = tree.child(parent.0, name).ok_or(Errno::ENOENT);
        match found.and_then(|ino| attributes(&tree, ino)) {
            Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(&self.tree(), ino.0) {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(error) => reply.error(error),
        }
    }

    // To open a control file for writing truncates it, to no effect.
    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        self.getattr(request, ino, None, reply);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some(text) = self.tree().text(ino.0) else {
            return reply.error(Errno::ENODEV);
        };
        let rest = text
            .as_bytes()
            .iter()
            .skip(usize::try_from(offset).unwrap());
        let part: Vec<u8> = rest.take(usize::try_from(size).unwrap()).copied().collect();
        reply.data(&part);
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.tree().write(ino.0, &String::from_utf8_lossy(data)) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap()),
            Err(error) => reply.error(error),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let entries = self.tree().list(ino.0);
        let rest = entries.into_iter().enumerate();
        for (index, (ino, is_dir, name)) in rest.skip(usize::try_from(offset).unwrap()) {
            let next = u64::try_from(index).unwrap() + 1;
            if reply.add(INodeNo(ino), next, kind(is_dir), name) {
                break;
            }
        }
        reply.ok();
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        let mut tree = self.tree();
        let made = tree.make_group(parent.0, name);
        match made.and_then(|ino| attributes(&tree, ino)) {
            Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        match self.tree().remove_group(parent.0, name) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EPERM);
    }
}
