//! Reading a whole mount.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::Info;
use super::group::{self, GroupName, MON_GROUPS, ResctrlGroup};
use super::mon_data::{self, Counter, MonDomain, MonValue};
use crate::kernel::Inode;
use crate::kernel::read::{is_gone, kernel_text};

/// More groups than any hardware has RMIDs for; what is over that is not read.
const MOST_GROUPS: usize = 8192;

/// Something of which there is a fixed number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InUse {
    /// How many are taken.
    pub used: u64,
    /// How many there are; `None` where the hardware has no such thing.
    pub of: Option<u64>,
}

/// What a mount offers, and how much of that is taken: read without a look at `mon_data`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// The mount.
    pub mount: PathBuf,
    /// What the hardware offers.
    pub info: Info,
    /// CTRL_MON groups, the default one among them.
    pub closids: InUse,
    /// CTRL_MON and MON groups.
    pub rmids: InUse,
}

/// A whole mount.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// What it offers.
    pub survey: Survey,
    /// The groups: the default one first, then by name, each CTRL_MON group before its MON groups.
    pub groups: Vec<ResctrlGroup>,
}

impl Overview {
    /// The group of a name.
    pub fn group(&self, name: &GroupName) -> Option<&ResctrlGroup> {
        self.groups.iter().find(|group| group.name == *name)
    }
}

/// What a mount offers, and how much of that is taken. Fails if the mount cannot be listed or is no
/// resctrl file system.
pub fn survey(mount: &Path) -> io::Result<Survey> {
    Ok(survey_of(mount, &names(mount)?))
}

fn survey_of(mount: &Path, names: &[GroupName]) -> Survey {
    let info = Info::read(mount);
    let count = |used: usize| u64::try_from(used).unwrap_or(u64::MAX);
    let controls = names.iter().filter(|name| name.monitoring.is_none());
    let (closids, rmids) = (info.closids(), info.rmids());
    Survey {
        mount: mount.to_owned(),
        closids: InUse {
            used: count(controls.count()),
            of: closids,
        },
        rmids: InUse {
            used: count(names.len()),
            of: rmids,
        },
        info,
    }
}

/// The groups there are: the default one first, then by name.
fn names(mount: &Path) -> io::Result<Vec<GroupName>> {
    let found = directories(mount)?;
    // The mount point of a mount that is gone is an empty directory.
    if !found.iter().any(|name| name == "info") {
        let why = "it has no info directory: no resctrl is mounted there";
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    let default = std::iter::once(GroupName::default());
    let others = found.into_iter().map(|name| mount.join(name));
    let others = others.filter_map(|dir| GroupName::of_dir(&dir, mount));
    let mut names = Vec::new();
    for control in default.chain(others) {
        let lists = directories(&control.dir(mount).join(MON_GROUPS)).unwrap_or_default();
        let above = control.control.clone();
        names.push(control);
        names.extend(lists.into_iter().map(|name| GroupName {
            control: above.clone(),
            monitoring: Some(name),
        }));
        if names.len() > MOST_GROUPS {
            names.truncate(MOST_GROUPS);
            break;
        }
    }
    Ok(names)
}

/// The directories in a directory, links left out, by name.
fn directories(dir: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)?.take(MOST_GROUPS) {
        let entry = entry?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.push(entry.file_name());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Reads a mount again and again, and keeps what rates need.
#[derive(Debug, Default)]
pub struct ResctrlReader {
    /// Counters by the group's directory and the file.
    counters: HashMap<(Inode, PathBuf), (u64, Instant)>,
}

impl ResctrlReader {
    /// Reads all groups with what they use. Fails if the mount cannot be listed or is no resctrl
    /// file system; a group that goes meanwhile is left out.
    pub fn read(&mut self, mount: &Path) -> io::Result<Overview> {
        self.read_by(mount, &Instant::now)
    }

    /// As [`Self::read`], by another clock.
    pub fn read_by(&mut self, mount: &Path, clock: &dyn Fn() -> Instant) -> io::Result<Overview> {
        let names = names(mount)?;
        let survey = survey_of(mount, &names);
        let mut pass = Pass {
            before: std::mem::take(&mut self.counters),
            after: HashMap::new(),
            clock,
        };
        let groups = names.into_iter();
        let mut groups: Vec<ResctrlGroup> =
            groups.filter_map(|name| pass.group(mount, name)).collect();
        self.counters = pass.after;
        if let Some(level) = survey.info.level() {
            let cache = survey.info.cache(level);
            let shareable = cache.and_then(|cache| cache.shareable_bits);
            group::find_overlaps(&mut groups, level, shareable.unwrap_or_default());
        }
        Ok(Overview { survey, groups })
    }
}

/// One reading under way.
struct Pass<'a> {
    before: HashMap<(Inode, PathBuf), (u64, Instant)>,
    after: HashMap<(Inode, PathBuf), (u64, Instant)>,
    clock: &'a dyn Fn() -> Instant,
}

impl Pass<'_> {
    /// `None` if the group went, or another took its name, while it was read.
    fn group(&mut self, mount: &Path, name: GroupName) -> Option<ResctrlGroup> {
        let dir = name.dir(mount);
        let inode = inode(&dir)?;
        let group = ResctrlGroup {
            inode,
            mode: text(&dir.join("mode")).map(|text| crate::text::visible(text.trim())),
            schemata: text(&dir.join("schemata")).and_then(|text| text.parse().ok()),
            sizes: text(&dir.join("size")).and_then(|text| text.parse().ok()),
            cpus: text(&dir.join("cpus_list")).map(|text| crate::text::visible(text.trim())),
            tasks: text(&dir.join("tasks")).map(|text| group::parse_tasks(&text)),
            domains: self.domains(inode, &dir.join("mon_data"), mon_data::domain_id),
            overlaps: Vec::new(),
            name,
        };
        (self::inode(&dir) == Some(inode)).then_some(group)
    }

    /// The domains in `mon_data`, or the nodes in a domain, by their ids.
    fn domains(&mut self, group: Inode, dir: &Path, id: fn(&str) -> Option<u32>) -> Vec<MonDomain> {
        let mut found = Vec::new();
        for name in directories(dir).unwrap_or_default() {
            let Some(id) = name.to_str().and_then(id) else {
                continue;
            };
            let dir = dir.join(&name);
            found.push(MonDomain {
                id,
                llc_occupancy: value(&dir.join("llc_occupancy")),
                mbm_total: self.counter(group, dir.join("mbm_total_bytes")),
                mbm_local: self.counter(group, dir.join("mbm_local_bytes")),
                nodes: self.domains(group, &dir, mon_data::node_id),
            });
        }
        found.sort_unstable_by_key(|domain| domain.id);
        found
    }

    fn counter(&mut self, group: Inode, file: PathBuf) -> Option<Counter> {
        let value = value(&file)?;
        let mut rate = None;
        if let MonValue::Bytes(bytes) = value {
            let now = (bytes, (self.clock)());
            let key = (group, file);
            let before = self.before.get(&key);
            rate = before.and_then(|before| mon_data::rate(*before, now));
            self.after.insert(key, now);
        }
        Some(Counter { value, rate })
    }
}

fn inode(dir: &Path) -> Option<Inode> {
    let stat = rustix::fs::lstat(dir).ok()?;
    Some(Inode::from(&stat))
}

/// A file's text; `None` if it is not there or cannot be read.
fn text(path: &Path) -> Option<String> {
    match kernel_text(path) {
        Ok(text) => text,
        Err(error) => {
            if !is_gone(&error) {
                tracing::debug!("read {}: {error}", path.display());
            }
            None
        }
    }
}

fn value(path: &Path) -> Option<MonValue> {
    MonValue::parse(&text(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resctrl::Cbm;
    use std::cell::Cell;
    use std::time::Duration;

    fn write(dir: &Path, file: &str, text: &str) {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        write(at, "info/last_cmd_status", "ok\n");
        write(at, "info/L3/num_closids", "16\n");
        write(at, "info/L3/cbm_mask", "fff\n");
        write(at, "info/L3/shareable_bits", "c00\n");
        write(at, "info/MB/num_closids", "8\n");
        write(at, "info/L3_MON/num_rmids", "224\n");
        write(
            at,
            "info/L3_MON/mon_features",
            "llc_occupancy\nmbm_total_bytes\n",
        );
        for group in ["", "gold/", "gold/mon_groups/web/"] {
            write(at, &format!("{group}tasks"), "7\n9\n");
            write(
                at,
                &format!("{group}mon_data/mon_L3_00/llc_occupancy"),
                "4096\n",
            );
            write(
                at,
                &format!("{group}mon_data/mon_L3_00/mbm_total_bytes"),
                "1000\n",
            );
        }
        write(at, "schemata", "    L3:0=fff\n");
        write(at, "gold/schemata", "    L3:0=0f0\n    MB:0= 50\n");
        dir
    }

    /// A clock that a test moves.
    fn read(reader: &mut ResctrlReader, mount: &Path, at: Instant) -> Overview {
        let now = Cell::new(at);
        reader.read_by(mount, &|| now.get()).unwrap()
    }

    #[test]
    fn a_mount_is_read_with_what_is_taken_of_what_it_offers() {
        let dir = tree();
        let seen = ResctrlReader::default().read(dir.path()).unwrap();
        let names: Vec<_> = seen.groups.iter().map(|g| g.name.to_string()).collect();
        assert_eq!(names, ["(default)", "gold", "gold/web"]);
        let (used, of) = (2, Some(8));
        assert_eq!(seen.survey.closids, InUse { used, of });
        let (used, of) = (3, Some(224));
        assert_eq!(seen.survey.rmids, InUse { used, of });
        let gold = &seen.groups[1];
        assert_eq!(gold.overlaps[0].others, Cbm(0xf0));
        assert_eq!(gold.domains[0].llc_occupancy, Some(MonValue::Bytes(4096)));
        assert_eq!(gold.domains[0].mbm_local, None);
        assert_eq!(gold.tasks.as_deref(), Some(&[7, 9][..]));
        assert!(seen.groups[2].schemata.is_none());
    }

    #[test]
    fn rates_need_two_readings_of_the_same_group() {
        let dir = tree();
        let mut reader = ResctrlReader::default();
        let start = Instant::now();
        let total = |seen: &Overview| seen.groups[1].domains[0].mbm_total.clone().unwrap();
        assert_eq!(total(&read(&mut reader, dir.path(), start)).rate, None);
        let file = "gold/mon_data/mon_L3_00/mbm_total_bytes";
        write(dir.path(), file, "5000\n");
        let seen = read(&mut reader, dir.path(), start + Duration::from_secs(2));
        assert_eq!(total(&seen).rate, Some(2000.0));
        write(dir.path(), file, "Unavailable\n");
        let seen = read(&mut reader, dir.path(), start + Duration::from_secs(3));
        let word = MonValue::Word("Unavailable".to_owned());
        assert_eq!((total(&seen).value, total(&seen).rate), (word, None));
        write(dir.path(), file, "9000\n");
        let seen = read(&mut reader, dir.path(), start + Duration::from_secs(4));
        assert_eq!(total(&seen).rate, None);
        // Made again under its name: whatever it counted before was another's.
        let (old, new) = (dir.path().join("gold"), dir.path().join("new"));
        fs::create_dir(&new).unwrap();
        fs::rename(&old, dir.path().join("silver")).unwrap();
        fs::rename(&new, &old).unwrap();
        write(dir.path(), file, "10000\n");
        let seen = read(&mut reader, dir.path(), start + Duration::from_secs(5));
        assert_eq!(total(&seen).rate, None);
    }

    #[test]
    fn nodes_of_a_domain_are_not_domains_of_their_own() {
        let dir = tree();
        let node = "gold/mon_data/mon_L3_00/mon_sub_L3_01/llc_occupancy";
        write(dir.path(), node, "1024\n");
        let seen = ResctrlReader::default().read(dir.path()).unwrap();
        let domains = &seen.groups[1].domains;
        assert_eq!(domains.len(), 1);
        assert_eq!(
            domains[0].nodes[0].llc_occupancy,
            Some(MonValue::Bytes(1024))
        );
    }

    #[test]
    fn an_empty_mount_point_is_no_mount() {
        let dir = tempfile::tempdir().unwrap();
        assert!(ResctrlReader::default().read(dir.path()).is_err());
        assert!(survey(dir.path()).is_err());
    }

    #[test]
    fn a_host_that_only_monitors_has_no_closids() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "info/L3_MON/num_rmids", "32\n");
        fs::create_dir_all(dir.path().join("mon_groups/web")).unwrap();
        let seen = survey(dir.path()).unwrap();
        assert_eq!(seen.closids.of, None);
        assert_eq!((seen.rmids.used, seen.rmids.of), (2, Some(32)));
    }
}
