//! The mounted cgroup hierarchies, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
//!
//! v1 controllers are named in the super options, not by the directory; co-mounts
//! (`cpu,cpuacct`) are one hierarchy. A later mount over the same or a higher mount point hides
//! earlier ones.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::CgroupPath;

/// How the host's hierarchies are mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// cgroup v2 only.
    Unified,
    /// v1 hierarchies and a v2 one beside them.
    Hybrid,
    /// v1 only.
    Legacy,
    /// No cgroups mounted.
    None,
}

impl Mode {
    /// A short word for the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unified => "v2",
            Self::Hybrid => "hybrid",
            Self::Legacy => "v1",
            Self::None => "none",
        }
    }
}

/// cgroup v1 or v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// One hierarchy per controller set.
    V1,
    /// The unified hierarchy.
    V2,
}

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// v1 or v2.
    pub version: Version,
    /// v1: its controllers, a named one as `name=X`. Empty for v2.
    pub controllers: Vec<String>,
    /// Where its files are read and written.
    pub mount: PathBuf,
    /// The mount point under which records of the runtimes name it; differs from `mount` only with
    /// another cgroup root (`--cgroup-root`).
    pub recorded: PathBuf,
    /// Which part of the hierarchy is mounted; `/` on a host.
    pub root: PathBuf,
    /// Mounted read-only.
    pub read_only: bool,
}

impl Hierarchy {
    /// Short name: its controllers, or `unified`.
    pub fn label(&self) -> String {
        match self.version {
            Version::V2 => "unified".to_owned(),
            Version::V1 => self.controllers.join(","),
        }
    }

    /// The directory of `path`.
    pub fn dir(&self, path: &CgroupPath) -> PathBuf {
        self.mount.join(path.relative())
    }

    /// Whether `controller` lives here (`""` is v2 itself).
    pub fn has(&self, controller: &str) -> bool {
        match self.version {
            Version::V2 => controller.is_empty(),
            Version::V1 => self.controllers.iter().any(|name| name == controller),
        }
    }

    /// The path below this hierarchy of an absolute directory from a record; `None` if it does not
    /// lie under the mount point.
    pub fn path_of(&self, recorded_dir: &Path) -> Option<CgroupPath> {
        recorded_dir
            .strip_prefix(&self.recorded)
            .ok()
            .and_then(CgroupPath::new)
    }

    /// The path below the mount of a path in `/proc/PID/cgroup`; `None` if this mount does not
    /// reach it (another part is mounted, or it lies outside the cgroup namespace: `/..`).
    pub fn path_in_mount(&self, proc_path: &Path) -> Option<CgroupPath> {
        proc_path
            .strip_prefix(&self.root)
            .ok()
            .and_then(CgroupPath::new)
    }
}

/// All hierarchies of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hierarchies {
    list: Vec<Hierarchy>,
}

impl Hierarchies {
    /// From the text of `/proc/self/mountinfo`.
    pub fn from_mountinfo(mountinfo: &[u8]) -> Self {
        let mut list: Vec<Hierarchy> = Vec::new();
        for line in mountinfo.split(|byte| *byte == b'\n') {
            let Some(mount) = HierarchyMount::parse(line) else {
                continue;
            };
            // What is mounted later at or above a mount point hides it.
            list.retain(|earlier| !earlier.mount.starts_with(&mount.point));
            if let Some(hierarchy) = mount.hierarchy() {
                let same = |other: &Hierarchy| {
                    other.version == hierarchy.version && other.controllers == hierarchy.controllers
                };
                match list.iter_mut().find(|other| same(other)) {
                    // The one that shows the whole hierarchy serves best.
                    Some(other) if other.root != Path::new("/") => *other = hierarchy,
                    Some(_) => {}
                    None => list.push(hierarchy),
                }
            }
        }
        Self { list }
    }

    /// As [`Self::from_mountinfo`], of a host whose root directory is mounted at `host`: of its mounts
    /// alone, which records name as the host does.
    ///
    /// ```
    /// use ocitop::cgroup::Hierarchies;
    /// let text = b"1 0 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
    ///     2 0 0:22 / /host/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    /// let found = Hierarchies::from_mountinfo_below(text, "/host".as_ref());
    /// let v2 = found.v2().unwrap();
    /// assert_eq!(v2.mount, std::path::Path::new("/host/sys/fs/cgroup"));
    /// assert_eq!(v2.recorded, std::path::Path::new("/sys/fs/cgroup"));
    /// ```
    pub fn from_mountinfo_below(mountinfo: &[u8], host: &Path) -> Self {
        let lines = mountinfo.split_inclusive(|byte| *byte == b'\n');
        let inside = lines.filter(|line| {
            HierarchyMount::parse(line.trim_ascii_end())
                .is_some_and(|mount| mount.point.starts_with(host))
        });
        let mut found = Self::from_mountinfo(&inside.collect::<Vec<_>>().concat());
        for hierarchy in &mut found.list {
            if let Ok(rest) = hierarchy.mount.strip_prefix(host) {
                hierarchy.recorded = Path::new("/").join(rest);
            }
        }
        found
    }

    /// From a directory laid out like `/sys/fs/cgroup` (`--cgroup-root`): a cgroup v2 tree, or one
    /// directory per v1 hierarchy with an optional `unified`. Only the layout is looked at, so a
    /// plain directory tree serves too.
    pub fn from_dir(dir: &Path) -> std::io::Result<Self> {
        let recorded = Path::new("/sys/fs/cgroup");
        let tree = |version, controllers, name: &str| Hierarchy {
            version,
            controllers,
            mount: dir.join(name),
            recorded: recorded.join(name),
            root: PathBuf::from("/"),
            read_only: false,
        };
        if dir.join("cgroup.controllers").exists() {
            let whole = Hierarchy {
                mount: dir.to_owned(),
                recorded: recorded.to_owned(),
                ..tree(Version::V2, Vec::new(), "")
            };
            return Ok(Self { list: vec![whole] });
        }
        let mut list = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                continue;
            }
            match entry.file_name().to_str() {
                Some("unified") => list.push(tree(Version::V2, Vec::new(), "unified")),
                Some("systemd") => {
                    list.push(tree(
                        Version::V1,
                        vec!["name=systemd".to_owned()],
                        "systemd",
                    ));
                }
                Some(name) => {
                    list.push(tree(
                        Version::V1,
                        name.split(',').map(str::to_owned).collect(),
                        name,
                    ));
                }
                None => {}
            }
        }
        // Beside mounts of the kernel's a plain directory is the place of one that is not mounted.
        let is_real = |found: &Hierarchy| is_cgroupfs(&found.mount).unwrap_or(true);
        if list.iter().any(is_real) {
            list.retain(is_real);
        }
        list.sort_by(|a, b| a.mount.cmp(&b.mount));
        Ok(Self { list })
    }

    /// These, each with the part of it that is mounted there, as mountinfo tells.
    #[must_use]
    pub fn as_mounted(mut self, mountinfo: &[u8]) -> Self {
        let mounts = mountinfo
            .split(|byte| *byte == b'\n')
            .filter_map(HierarchyMount::parse);
        // The last mount at a place is the one that is seen.
        for mount in mounts.filter(|mount| matches!(&*mount.fstype, b"cgroup" | b"cgroup2")) {
            let mut here = self.list.iter_mut();
            if let Some(found) = here.find(|found| found.mount == mount.point) {
                (found.root, found.read_only) = (mount.root, mount.read_only);
            }
        }
        self
    }

    /// Which set-up this is.
    pub fn mode(&self) -> Mode {
        match (self.v1().next().is_some(), self.v2().is_some()) {
            (true, true) => Mode::Hybrid,
            (true, false) => Mode::Legacy,
            (false, true) => Mode::Unified,
            (false, false) => Mode::None,
        }
    }

    /// Every hierarchy.
    pub fn iter(&self) -> impl Iterator<Item = &Hierarchy> {
        self.list.iter()
    }

    /// The hierarchy at `index`, as [`Self::iter`] counts.
    pub fn at(&self, index: usize) -> Option<&Hierarchy> {
        self.list.get(index)
    }

    /// The v1 hierarchies.
    pub fn v1(&self) -> impl Iterator<Item = &Hierarchy> {
        self.list.iter().filter(|h| h.version == Version::V1)
    }

    /// The v2 hierarchy.
    pub fn v2(&self) -> Option<&Hierarchy> {
        self.list.iter().find(|h| h.version == Version::V2)
    }

    /// The v1 hierarchy of `controller`, or with `""` the v2 one.
    pub fn controller(&self, controller: &str) -> Option<&Hierarchy> {
        self.list.iter().find(|h| h.has(controller))
    }

    /// The index of that hierarchy.
    pub fn index_of(&self, controller: &str) -> Option<usize> {
        self.list.iter().position(|h| h.has(controller))
    }
}

/// `CGROUP_SUPER_MAGIC` and `CGROUP2_SUPER_MAGIC` (statfs(2)).
const MAGIC: [u64; 2] = [0x0027_e0eb, 0x6367_7270];

/// Whether a directory lies on a file system of cgroups.
pub fn is_cgroupfs(dir: &Path) -> std::io::Result<bool> {
    let found = rustix::fs::statfs(dir)?;
    Ok(u64::try_from(found.f_type).is_ok_and(|magic| MAGIC.contains(&magic)))
}

/// One line of mountinfo, as far as it matters here.
struct HierarchyMount {
    root: PathBuf,
    point: PathBuf,
    read_only: bool,
    fstype: Vec<u8>,
    super_options: Vec<u8>,
}

impl HierarchyMount {
    fn parse(line: &[u8]) -> Option<Self> {
        // `id parent maj:min ROOT POINT options [optional…] - FSTYPE SOURCE SUPEROPTS`; the number
        // of optional fields varies, so the second half is found by its separator.
        let separator = line.windows(3).position(|window| window == b" - ")?;
        let (before, after) = line.split_at(separator);
        let mut fields = before.split(|byte| *byte == b' ').skip(3);
        let mut path = || Some(PathBuf::from(OsString::from_vec(unescaped(fields.next()?))));
        let (root, point) = (path()?, path()?);
        let options = fields.next()?;
        let mut fields = after.get(3..)?.split(|byte| *byte == b' ');
        let fstype = fields.next()?.to_vec();
        let super_options = fields.nth(1).unwrap_or_default().to_vec();
        let has_ro = |list: &[u8]| list.split(|byte| *byte == b',').any(|word| word == b"ro");
        let read_only = has_ro(options) || has_ro(&super_options);
        Some(Self {
            root,
            point,
            read_only,
            fstype,
            super_options,
        })
    }

    fn hierarchy(self) -> Option<Hierarchy> {
        let version = match self.fstype.as_slice() {
            b"cgroup2" => Version::V2,
            b"cgroup" => Version::V1,
            _ => return None,
        };
        let controllers = match version {
            Version::V2 => Vec::new(),
            Version::V1 => controllers(&self.super_options),
        };
        Some(Hierarchy {
            version,
            controllers,
            recorded: self.point.clone(),
            mount: self.point,
            root: self.root,
            read_only: self.read_only,
        })
    }
}

/// The controllers among a v1 mount's super options (`rw,xattr,cpu,cpuacct`).
fn controllers(options: &[u8]) -> Vec<String> {
    const NOT: [&str; 7] = [
        "rw",
        "ro",
        "xattr",
        "clone_children",
        "noprefix",
        "cpuset_v2_mode",
        "favordynmods",
    ];
    String::from_utf8_lossy(options)
        .split(',')
        .filter(|word| !word.is_empty() && !NOT.contains(word))
        .filter(|word| !word.starts_with("release_agent="))
        .map(str::to_owned)
        .collect()
}

/// A field of mountinfo without its octal escapes (`\040` and so on).
pub(crate) fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = match (byte, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        out.push(octal.unwrap_or(byte));
        rest = match octal {
            Some(_) => tail.get(3..).unwrap_or_default(),
            None => tail,
        };
    }
    out
}
