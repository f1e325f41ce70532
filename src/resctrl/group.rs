//! CTRL_MON and MON groups (resctrl.rst "Resource alloc and monitor groups"), and which of them a
//! task is in (`/proc/PID/cpu_resctrl_groups`, proc_resctrl_show in fs/resctrl).

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::mon_data::MonDomain;
use super::{Cbm, Schemata, Sizes};
use crate::kernel::Inode;

/// The directory of MON groups in a CTRL_MON group.
pub const MON_GROUPS: &str = "mon_groups";

/// Directories of the root that are no groups.
const NOT_GROUPS: [&str; 3] = ["info", "mon_data", MON_GROUPS];

/// Which group: its place below the mount. Names are whatever somebody gave to mkdir.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct GroupName {
    /// The CTRL_MON group; empty is the default one.
    pub control: OsString,
    /// The MON group in it, if it is one.
    pub monitoring: Option<OsString>,
}

impl GroupName {
    /// A CTRL_MON group.
    pub fn control(name: impl Into<OsString>) -> Self {
        Self {
            control: name.into(),
            monitoring: None,
        }
    }

    /// The CTRL_MON group it is or belongs to.
    #[must_use]
    pub fn above(&self) -> Self {
        Self::control(self.control.clone())
    }

    /// Whether it is the default CTRL_MON group.
    pub fn is_default(&self) -> bool {
        self.control.is_empty() && self.monitoring.is_none()
    }

    /// Its directory.
    pub fn dir(&self, mount: &Path) -> PathBuf {
        // Joining an empty name would leave a `/` at the end.
        let control = if self.control.is_empty() {
            mount.to_owned()
        } else {
            mount.join(&self.control)
        };
        match &self.monitoring {
            Some(name) => control.join(MON_GROUPS).join(name),
            None => control,
        }
    }

    /// The group of a directory; `None` if it is not a plain path to where groups are.
    ///
    /// ```
    /// use std::path::Path;
    /// use ocitop::resctrl::GroupName;
    /// let mount = Path::new("/sys/fs/resctrl");
    /// let name = GroupName::of_dir(&mount.join("gold/mon_groups/web"), mount).unwrap();
    /// assert_eq!(name.to_string(), "gold/web");
    /// assert_eq!(name.above(), GroupName::control("gold"));
    /// assert_eq!(GroupName::of_dir(&mount.join("info"), mount), None);
    /// ```
    pub fn of_dir(dir: &Path, mount: &Path) -> Option<Self> {
        let below = dir.strip_prefix(mount).ok()?;
        let plain = |part| {
            let Component::Normal(name) = part else {
                return None;
            };
            Some(name)
        };
        let parts: Vec<&OsStr> = below.components().map(plain).collect::<Option<_>>()?;
        let group = |name: &OsStr| !NOT_GROUPS.iter().any(|not| name == *not);
        match *parts.as_slice() {
            [] => Some(Self::default()),
            [control] if group(control) => Some(Self::control(control)),
            [list, name] if list == MON_GROUPS => Some(Self {
                control: OsString::new(),
                monitoring: Some(name.to_owned()),
            }),
            [control, list, name] if group(control) && list == MON_GROUPS => Some(Self {
                control: control.to_owned(),
                monitoring: Some(name.to_owned()),
            }),
            _ => None,
        }
    }

    /// Its own name alone, safe to print; `(default)` for the default group, which has none.
    pub fn label(&self) -> String {
        match &self.monitoring {
            Some(name) => visible(name),
            None if self.control.is_empty() => "(default)".to_owned(),
            None => visible(&self.control),
        }
    }
}

impl fmt::Display for GroupName {
    /// Safe to print: the CTRL_MON group, and the MON group after a `/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.monitoring {
            Some(_) => write!(f, "{}/{}", self.above().label(), self.label()),
            None => f.write_str(&self.label()),
        }
    }
}

fn visible(name: &OsStr) -> String {
    crate::text::visible_bytes(name.as_bytes())
}

/// The groups of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RdtMembership {
    /// Its CTRL_MON group.
    pub control: GroupName,
    /// Its MON group, if it is in one.
    pub monitoring: Option<GroupName>,
}

impl RdtMembership {
    /// `/proc/PID/cpu_resctrl_groups`; `None` where resctrl is not mounted: both lines are empty.
    ///
    /// ```
    /// use ocitop::resctrl::{GroupName, RdtMembership};
    /// let of = |text: &str| RdtMembership::parse(text.as_bytes());
    /// assert_eq!(of("res:/\nmon:\n").unwrap().control, GroupName::default());
    /// let web = of("res:gold\nmon:web\n").unwrap();
    /// assert_eq!(web.monitoring.unwrap().to_string(), "gold/web");
    /// assert_eq!(of("res:\nmon:\n"), None);
    /// ```
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = text.split(|byte| *byte == b'\n');
        let mut value = |key: &[u8]| lines.find_map(|line| line.strip_prefix(key));
        let control = value(b"res:").filter(|name| !name.is_empty())?;
        let control = OsStr::from_bytes(control.strip_prefix(b"/").unwrap_or(control));
        let monitoring = value(b"mon:").filter(|name| !name.is_empty());
        Some(Self {
            control: GroupName::control(control),
            monitoring: monitoring.map(|name| GroupName {
                control: control.to_owned(),
                monitoring: Some(OsStr::from_bytes(name).to_owned()),
            }),
        })
    }
}

/// Ways of a group that others may fill as well, in one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// Cache id.
    pub domain: u32,
    /// Its ways that are in the mask of another group too.
    pub others: Cbm,
    /// Its ways that other hardware uses as well (`shareable_bits`).
    pub hardware: Cbm,
    /// The groups it shares ways with.
    pub with: Vec<GroupName>,
}

/// One group as read; files that are not there are `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct ResctrlGroup {
    /// Its place.
    pub name: GroupName,
    /// Its directory: another one, if the group was made again under the same name.
    pub inode: Inode,
    /// `shareable`, `exclusive`, `pseudo-locksetup`, `pseudo-locked`; of CTRL_MON groups.
    pub mode: Option<String>,
    /// What it may use; of CTRL_MON groups.
    pub schemata: Option<Schemata>,
    /// What that comes to, bytes; of CTRL_MON groups.
    pub sizes: Option<Sizes>,
    /// CPUs that belong to it whatever runs on them, as a list; empty are none.
    pub cpus: Option<String>,
    /// Its tasks: thread ids, those of its MON groups among them.
    pub tasks: Option<Vec<i32>>,
    /// What it uses, by L3 domain; a CTRL_MON group with what its MON groups use.
    pub domains: Vec<MonDomain>,
    /// What it shares with others in the level that [`super::Info::level`] names, by domain.
    pub overlaps: Vec<Overlap>,
}

impl ResctrlGroup {
    /// Bytes of a cache level that its masks let it fill, in all domains or in one.
    pub fn allowed(&self, level: &str, domain: Option<u32>) -> Option<u64> {
        let schemata = self.schemata.as_ref()?;
        let sizes = self.sizes.as_ref()?;
        let masks = schemata.masks(level).into_iter();
        let masks = masks.filter(|(id, _)| domain.is_none_or(|wanted| wanted == *id));
        let bytes = masks.map(|(id, mask)| {
            let way = sizes.way(schemata, level, id)?;
            way.checked_mul(u64::from(mask.ways()))
        });
        let bytes = bytes.collect::<Option<Vec<u64>>>()?;
        (!bytes.is_empty()).then(|| bytes.into_iter().fold(0, u64::saturating_add))
    }
}

/// A `tasks` file: one thread id a line. What is no number is left out.
pub fn parse_tasks(text: &str) -> Vec<i32> {
    let lines = text.lines().map(str::trim);
    lines.filter_map(|line| line.parse().ok()).collect()
}

/// Works out for every CTRL_MON group which of its ways others may fill too.
pub(super) fn find_overlaps(groups: &mut [ResctrlGroup], level: &str, shareable: Cbm) {
    let masks: Vec<(GroupName, Vec<(u32, Cbm)>)> = groups
        .iter()
        .filter_map(|group| {
            let schemata = group.schemata.as_ref()?;
            Some((group.name.clone(), schemata.masks(level)))
        })
        .collect();
    for group in groups {
        let own = masks.iter().find(|(name, _)| *name == group.name);
        let own = own.map_or(&[][..], |(_, masks)| masks);
        let overlap = |(domain, mask): &(u32, Cbm)| {
            let mut found = Overlap {
                domain: *domain,
                others: Cbm::default(),
                hardware: mask.overlap(shareable),
                with: Vec::new(),
            };
            for (name, theirs) in masks.iter().filter(|(name, _)| *name != group.name) {
                let theirs = theirs.iter().find(|(id, _)| id == domain);
                let shared = theirs.map_or(Cbm::default(), |(_, theirs)| mask.overlap(*theirs));
                if !shared.is_empty() {
                    found.others = found.others.union(shared);
                    found.with.push(name.clone());
                }
            }
            found
        };
        group.overlaps = own.iter().map(overlap).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, schemata: &str, size: &str) -> ResctrlGroup {
        ResctrlGroup {
            name: GroupName::control(name),
            inode: Inode {
                device: 1,
                number: 1,
            },
            mode: None,
            schemata: schemata.parse().ok(),
            sizes: size.parse().ok(),
            cpus: None,
            tasks: None,
            domains: Vec::new(),
            overlaps: Vec::new(),
        }
    }

    #[test]
    fn overlap_is_told_by_domain_and_by_group() {
        let mut groups = [
            group("", "L3:0=fff;1=fff", ""),
            group("gold", "L3:0=ff0;1=f00", ""),
            group("silver", "L3CODE:0=01f\nL3DATA:0=003", ""),
        ];
        find_overlaps(&mut groups, "L3", Cbm(0xc00));
        let [_, gold, silver] = &groups;
        assert_eq!(gold.overlaps[0].others, Cbm(0xff0));
        assert_eq!(gold.overlaps[0].hardware, Cbm(0xc00));
        assert_eq!(
            gold.overlaps[0].with,
            [GroupName::default(), GroupName::control("silver")]
        );
        assert_eq!(gold.overlaps[1].with, [GroupName::default()]);
        assert_eq!(silver.overlaps.len(), 1);
        assert_eq!(silver.overlaps[0].hardware, Cbm(0));
    }

    #[test]
    fn what_code_and_data_masks_allow_is_not_counted_twice() {
        let both = "L3CODE:0=00f;1=1\nL3DATA:0=0ff;1=3";
        let size = "L3CODE:0=4194304;1=1048576\nL3DATA:0=8388608;1=2097152";
        let group = group("gold", both, size);
        assert_eq!(group.allowed("L3", Some(0)), Some(8 << 20));
        assert_eq!(group.allowed("L3", None), Some(10 << 20));
        assert_eq!(group.allowed("L2", None), None);
    }

    #[test]
    fn only_plain_paths_below_the_mount_are_groups() {
        let mount = Path::new("/r");
        let group = |path: &str| GroupName::of_dir(Path::new(path), mount);
        for wrong in [
            "/",
            "/x/gold",
            "/r/../x",
            "/r/mon_groups",
            "/r/mon_data/x",
            "/r/a/b/c",
        ] {
            assert_eq!(group(wrong), None, "{wrong}");
        }
        for right in [
            "/r",
            "/r/gold",
            "/r/mon_groups/web",
            "/r/gold/mon_groups/web",
        ] {
            assert_eq!(group(right).unwrap().dir(mount), Path::new(right));
        }
        assert!(group("/r").unwrap().is_default());
    }

    #[test]
    fn names_are_bytes_and_print_escaped() {
        let name = RdtMembership::parse(b"res:a\x1b[1m\xff\nmon:\n")
            .unwrap()
            .control;
        assert_eq!(name.label(), "a\\x1b[1m\u{fffd}");
        assert_eq!(name.control.as_bytes(), b"a\x1b[1m\xff");
    }

    #[test]
    fn tasks_are_numbers_a_line() {
        assert_eq!(parse_tasks("1\n21697\n\nx\n"), [1, 21697]);
    }
}
