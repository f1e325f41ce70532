//! Which directories may never answer: those on file systems whose other end can go away.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::cgroup::hierarchy::unescaped;

/// File systems behind which there is a network or a process (proc_pid_mountinfo(5), field 9). What
/// follows `fuse` after a dot names the program.
const REMOTE: [&str; 12] = [
    "fuse",
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "9p",
    "ceph",
    "afs",
    "glusterfs",
    "lustre",
    "gfs2",
    "ocfs2",
];

/// A mount, and whether its file system may never answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mount {
    /// Its number, which `/proc/PID/fdinfo/FD` names.
    pub id: u64,
    /// Device of the file system: major and minor. FUSE numbers a connection by the minor.
    pub device: (u32, u32),
    /// Where.
    pub point: PathBuf,
    /// Type of the file system, as the kernel names it.
    pub kind: String,
    /// What is mounted: a device, a server and its export.
    pub source: String,
    /// Whether there is a network or a process behind it.
    pub remote: bool,
}

/// Every mount, in the order mounted.
///
/// ```
/// use ocitop::inventory::mounts::mounts;
/// let text = b"31 23 0:28 / /run rw - tmpfs tmpfs rw\n\
///     40 31 0:93 / /run/my\\040runc rw,relatime shared:3 - fuse.sshfs host: rw\n";
/// let found = mounts(text);
/// assert_eq!((found.len(), found[0].remote, found[1].remote), (2, false, true));
/// assert_eq!(found[1].point, std::path::Path::new("/run/my runc"));
/// assert_eq!((found[1].id, found[1].device, &*found[1].source), (40, (0, 93), "host:"));
/// ```
pub fn mounts(mountinfo: &[u8]) -> Vec<Mount> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    lines.filter_map(mount).collect()
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = text(fields.next()?).parse().unwrap_or(0);
    let device = text(fields.nth(1)?);
    let (major, minor) = device.split_once(':').unwrap_or_default();
    let point = fields.nth(1)?;
    // Optional fields vary in number; a lone dash ends them.
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = text(rest.next()?);
    let family = kind.split('.').next().unwrap_or(&kind);
    let remote = REMOTE.contains(&family);
    let source = unescaped(rest.next().unwrap_or_default());
    Some(Mount {
        id,
        device: (
            major.parse().unwrap_or_default(),
            minor.parse().unwrap_or_default(),
        ),
        point: PathBuf::from(OsString::from_vec(unescaped(point))),
        source: String::from_utf8_lossy(&source).into_owned(),
        remote,
        kind,
    })
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

impl Mount {
    /// Whether a process answers for it.
    pub fn is_fuse(&self) -> bool {
        self.kind == "fuse" || self.kind.starts_with("fuse.") || self.kind == "fuseblk"
    }
}

/// The mount that a path is on: the last of the deepest.
pub fn above<'a>(path: &Path, mounts: &'a [Mount]) -> Option<&'a Mount> {
    let above = mounts.iter().filter(|mount| path.starts_with(&mount.point));
    above.max_by_key(|mount| mount.point.components().count())
}

/// Most links that are followed on the way to one path, as many as the kernel follows
/// (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Whether looking into `dir` may touch a remote file system: the way to it leads over one, it lies
/// on one, or one is mounted in it.
pub fn is_apart(dir: &Path, mounts: &[Mount]) -> bool {
    behind(dir, mounts).is_some()
}

/// The remote mount that makes a look into `path` one that may never end. Links are followed as
/// the kernel would, but none that lies on a remote mount is read: this ends.
pub fn behind<'a>(path: &Path, mounts: &'a [Mount]) -> Option<&'a Mount> {
    let mut todo: Vec<PathBuf> = parts(path);
    let mut place = PathBuf::new();
    let mut links = 0;
    while let Some(part) = todo.pop() {
        if part == Path::new("..") {
            place.pop();
            continue;
        }
        place.push(part);
        // Everything leads over the root, ocitop itself lies on it.
        let here = above(&place, mounts).filter(|mount| mount.point != Path::new("/"));
        if let Some(remote) = here.filter(|mount| mount.remote) {
            return Some(remote);
        }
        if links < MAX_LINKS
            && let Ok(target) = std::fs::read_link(&place)
        {
            links += 1;
            place.pop();
            // An absolute one begins with the root, which replaces the place.
            todo.extend(parts(&target));
        }
    }
    let mut inside = mounts
        .iter()
        .filter(|mount| mount.point.starts_with(&place));
    let inside = inside.find(|mount| mount.remote && is_last(mount, mounts));
    inside.or_else(|| above(&place, mounts).filter(|mount| mount.remote))
}

/// The parts of a path, the last first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().map(|part| part.as_os_str().into());
    parts.rev().collect()
}

/// Whether this is the mount on its point: of several the last hides the others.
fn is_last(mount: &Mount, mounts: &[Mount]) -> bool {
    let last = mounts.iter().rfind(|other| other.point == mount.point);
    last.is_some_and(|last| std::ptr::eq(last, mount))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(points: &[(&str, bool)]) -> Vec<Mount> {
        let mount = |(point, remote): &(&str, bool)| Mount {
            point: point.into(),
            remote: *remote,
            ..Mount::default()
        };
        points.iter().map(mount).collect()
    }

    #[test]
    fn a_root_on_or_around_a_remote_mount_is_apart_and_its_neighbours_are_not() {
        let mounts = mounted(&[
            ("/", true),
            ("/run", false),
            ("/run/user/1000/crun/x", true),
            ("/mnt/nas", true),
            ("/mnt/nas/local", false),
            ("/over", true),
            ("/over", false),
        ]);
        for (dir, apart) in [
            ("/run/user/1000/crun", true),
            ("/mnt/nas/runc", true),
            ("/mnt/nas", true),
            // The kernel may ask the server about `local` too.
            ("/mnt/nas/local/runc", true),
            ("/run/runc", false),
            ("/srv/absent", true),
            ("/over/runc", false),
        ] {
            assert_eq!(is_apart(Path::new(dir), &mounts), apart, "{dir}");
        }
    }

    #[test]
    fn a_link_that_leads_to_a_remote_mount_is_apart_and_is_not_read_there() {
        let made = tempfile::tempdir().unwrap();
        let dir = made.path();
        let link = |name: &str, target: &Path| {
            std::os::unix::fs::symlink(target, dir.join(name)).unwrap();
        };
        std::fs::create_dir_all(dir.join("remote/in")).unwrap();
        link("absolute", &dir.join("remote/in"));
        link("relative", Path::new("./absolute/../in"));
        link("round", Path::new("round"));
        link("local", Path::new("/nonexistent"));
        // It leads back to what is near, but who follows it reads it from the remote mount.
        link("remote/back", dir);
        let mut mounts = mounted(&[("/", false), ("/mnt/nas", true)]);
        mounts.extend(mounted(&[(dir.join("remote").to_str().unwrap(), true)]));
        let apart = |name: &str| is_apart(&dir.join(name), &mounts);
        let found = [
            "absolute",
            "relative/file",
            "remote/back/local",
            "round",
            "local",
            "absent/file",
        ]
        .map(apart);
        assert_eq!(found, [true, true, true, false, false, false]);
    }

    #[test]
    fn what_looks_like_a_separator_or_an_escape_is_none() {
        let line = b"40 31 0:93 / /a rw - ext4 - rw,x=fuse";
        assert_eq!(mount(line).map(|mount| mount.remote), Some(false));
        assert_eq!(unescaped(b"a\\134b\\"), b"a\\b\\");
        assert_eq!(unescaped(b"a\\+12\\777"), b"a\\+12\\777");
    }
}
