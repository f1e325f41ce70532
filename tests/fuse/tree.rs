//! The groups of a resctrl mount and their files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use fuser::Errno;

const ROOT: u64 = 1;
/// Control groups the hardware has room for, the default one among them.
const CLOSIDS: usize = 4;
/// Groups that can be told apart when measured.
const RMIDS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dir,
    Control,
    Monitor,
    Tasks,
    LastStatus,
    Fixed(&'static str),
    Settable,
}

struct Node {
    parent: u64,
    kind: Kind,
    children: BTreeMap<String, u64>,
}

/// The mount.
pub(super) struct Tree {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    /// Which group a task was put into; a task that is in none is not known.
    tasks: BTreeMap<i32, u64>,
    status: String,
    /// What the tests want a file to say.
    planted: BTreeMap<u64, String>,
    /// Why groups cannot be removed.
    pub refused: Option<String>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let mut tree = Self {
            nodes: BTreeMap::new(),
            next: ROOT,
            tasks: BTreeMap::new(),
            status: String::new(),
            planted: BTreeMap::new(),
            refused: None,
        };
        tree.add(ROOT, "", Kind::Control);
        tree.fill(ROOT, true);
        let info = tree.add(ROOT, "info", Kind::Dir);
        tree.add(info, "last_cmd_status", Kind::LastStatus);
        let cache = tree.add(info, "L3", Kind::Dir);
        tree.add(cache, "num_closids", Kind::Fixed("4\n"));
        tree.add(cache, "cbm_mask", Kind::Fixed("fff\n"));
        tree.add(cache, "min_cbm_bits", Kind::Fixed("1\n"));
        tree.add(cache, "shareable_bits", Kind::Fixed("c00\n"));
        let monitor = tree.add(info, "L3_MON", Kind::Dir);
        tree.add(monitor, "num_rmids", Kind::Fixed("8\n"));
        let events = "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n";
        tree.add(monitor, "mon_features", Kind::Fixed(events));
        tree
    }

    fn add(&mut self, parent: u64, name: &str, kind: Kind) -> u64 {
        let ino = self.next;
        self.next += 1;
        if let Some(above) = self.nodes.get_mut(&parent) {
            above.children.insert(name.to_owned(), ino);
        }
        let children = BTreeMap::new();
        let node = Node {
            parent,
            kind,
            children,
        };
        self.nodes.insert(ino, node);
        ino
    }

    /// The files every group is born with.
    fn fill(&mut self, group: u64, control: bool) {
        self.add(group, "tasks", Kind::Tasks);
        self.add(group, "cpus", Kind::Settable);
        self.add(group, "cpus_list", Kind::Settable);
        if control {
            self.add(group, "schemata", Kind::Fixed("    L3:0=fff;1=fff\n"));
            self.add(group, "mode", Kind::Fixed("shareable\n"));
            self.add(group, "size", Kind::Fixed("    L3:0=33554432\n"));
            self.add(group, "mon_groups", Kind::Dir);
        }
        let data = self.add(group, "mon_data", Kind::Dir);
        for domain in ["mon_L3_00", "mon_L3_01"] {
            let domain = self.add(data, domain, Kind::Dir);
            self.add(domain, "llc_occupancy", Kind::Fixed("65536\n"));
            self.add(domain, "mbm_total_bytes", Kind::Fixed("Unavailable\n"));
            self.add(domain, "mbm_local_bytes", Kind::Fixed("Unavailable\n"));
        }
    }

    pub(super) fn child(&self, parent: u64, name: &OsStr) -> Option<u64> {
        let parent = self.nodes.get(&parent)?;
        parent.children.get(name.to_str()?).copied()
    }

    /// Has a file say this from now on.
    pub(super) fn plant(&mut self, path: &Path, text: &str) {
        let file = path
            .iter()
            .try_fold(ROOT, |dir, name| self.child(dir, name));
        self.planted.insert(file.unwrap(), text.to_owned());
    }

    /// Whether it is a directory, and its mode.
    pub(super) fn stat(&self, ino: u64) -> Option<(bool, u16)> {
        Some(match self.nodes.get(&ino)?.kind {
            Kind::Dir | Kind::Control | Kind::Monitor => (true, 0o755),
            Kind::Tasks | Kind::Settable => (false, 0o644),
            Kind::LastStatus | Kind::Fixed(_) => (false, 0o444),
        })
    }

    pub(super) fn list(&self, ino: u64) -> Vec<(u64, bool, String)> {
        let Some(node) = self.nodes.get(&ino) else {
            return Vec::new();
        };
        let mut entries = vec![
            (ino, true, ".".to_owned()),
            (node.parent, true, "..".to_owned()),
        ];
        for (name, child) in &node.children {
            let is_dir = self.stat(*child).is_some_and(|stat| stat.0);
            entries.push((*child, is_dir, name.clone()));
        }
        entries
    }

    pub(super) fn text(&self, ino: u64) -> Option<String> {
        let node = self.nodes.get(&ino)?;
        if let Some(text) = self.planted.get(&ino) {
            return Some(text.clone());
        }
        Some(match node.kind {
            Kind::Fixed(text) => text.to_owned(),
            Kind::Settable => "0\n".to_owned(),
            Kind::LastStatus if self.status.is_empty() => "ok\n".to_owned(),
            Kind::LastStatus => self.status.clone(),
            Kind::Tasks => self.tasks_of(node.parent),
            Kind::Dir | Kind::Control | Kind::Monitor => return None,
        })
    }

    /// Its own tasks and those of its monitoring groups.
    fn tasks_of(&self, group: u64) -> String {
        let inside = |of: u64| of == group || self.control_above(of) == Some(group);
        let tasks = self.tasks.iter().filter(|(_, of)| inside(**of));
        let lines: Vec<_> = tasks.map(|(task, _)| format!("{task}\n")).collect();
        lines.concat()
    }

    /// The control group of a monitoring group.
    fn control_above(&self, group: u64) -> Option<u64> {
        let node = self.nodes.get(&group)?;
        let list = self.nodes.get(&node.parent)?;
        (node.kind == Kind::Monitor).then_some(list.parent)
    }

    pub(super) fn write(&mut self, ino: u64, text: &str) -> Result<(), Errno> {
        self.status.clear();
        let node = self.nodes.get(&ino).ok_or(Errno::ENODEV)?;
        match node.kind {
            Kind::Settable => return Ok(()),
            Kind::Tasks => {}
            _ => return Err(Errno::EACCES),
        }
        let group = node.parent;
        let task = text.trim();
        let Ok(pid) = task.parse::<i32>() else {
            return Err(self.refuse(
                &format!("Task list parsing error pid {task}"),
                Errno::EINVAL,
            ));
        };
        if !Path::new("/proc").join(pid.to_string()).exists() {
            return Err(self.refuse(&format!("No task {pid}"), Errno::ESRCH));
        }
        let now = self.tasks.get(&pid).copied().unwrap_or(ROOT);
        let above = self.control_above(group);
        if above.is_some_and(|above| now != above && self.control_above(now) != Some(above)) {
            return Err(self.refuse("Can't move task to different control group", Errno::EINVAL));
        }
        self.tasks.insert(pid, group);
        Ok(())
    }

    /// Keeps why a command fails.
    fn refuse(&mut self, words: &str, error: Errno) -> Errno {
        self.status = format!("{words}\n");
        error
    }

    pub(super) fn make_group(&mut self, parent: u64, name: &OsStr) -> Result<u64, Errno> {
        self.status.clear();
        let name = name.to_str().filter(|name| !name.contains('\n'));
        let name = name.ok_or(Errno::EINVAL)?;
        let control = parent == ROOT;
        let above = self.nodes.get(&parent).map_or(ROOT, |node| node.parent);
        let list = self.child(above, OsStr::new("mon_groups"));
        if !control && list != Some(parent) {
            return Err(Errno::EPERM);
        }
        if self.child(parent, OsStr::new(name)).is_some() {
            return Err(Errno::EEXIST);
        }
        let count = |kind| self.nodes.values().filter(|node| node.kind == kind).count();
        let (controls, monitors) = (count(Kind::Control), count(Kind::Monitor));
        if control && controls >= CLOSIDS {
            return Err(self.refuse("Out of CLOSIDs", Errno::ENOSPC));
        }
        if controls + monitors >= RMIDS {
            return Err(self.refuse("Out of RMIDs", Errno::ENOSPC));
        }
        let kind = if control {
            Kind::Control
        } else {
            Kind::Monitor
        };
        let group = self.add(parent, name, kind);
        self.fill(group, control);
        Ok(group)
    }

    pub(super) fn remove_group(&mut self, parent: u64, name: &OsStr) -> Result<(), Errno> {
        self.status.clear();
        let group = self.child(parent, name).ok_or(Errno::ENOENT)?;
        let above = match self.nodes.get(&group).map(|node| node.kind) {
            Some(Kind::Control) => ROOT,
            Some(Kind::Monitor) => self.control_above(group).unwrap_or(ROOT),
            _ => return Err(Errno::EPERM),
        };
        if let Some(words) = &self.refused {
            self.status.clone_from(words);
            return Err(Errno::EBUSY);
        }
        let below = |of: u64| of == group || self.control_above(of) == Some(group);
        let moved: Vec<i32> = self
            .tasks
            .iter()
            .filter(|(_, of)| below(**of))
            .map(|(task, _)| *task)
            .collect();
        self.tasks
            .extend(moved.into_iter().map(|task| (task, above)));
        if let Some(node) = self.nodes.get_mut(&parent) {
            node.children.retain(|_, child| *child != group);
        }
        self.forget(group);
        Ok(())
    }

    fn forget(&mut self, ino: u64) {
        self.planted.remove(&ino);
        if let Some(node) = self.nodes.remove(&ino) {
            for child in node.children.into_values() {
                self.forget(child);
            }
        }
    }
}
