//! The report as lines of text.

use std::fmt;

use super::{Report, ResctrlOffers, RootFact, RootReport};
use crate::cgroup::Version;
use crate::text::{visible, visible_path};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, value) in self.lines() {
            writeln!(f, "{label:<12} {value}")?;
        }
        if self.lacks.is_empty() {
            return writeln!(f, "\nnothing is missing");
        }
        writeln!(f, "\nmissing, and what that means:")?;
        for lack in &self.lacks {
            writeln!(f, "  {}: {}", visible(&lack.what), lack.means)?;
        }
        Ok(())
    }
}

impl Report {
    /// One line per fact: what it is about, which only the first of a group says, and the fact.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("kernel", self.kernel_line())];
        lines.push(("cgroups", self.cgroups.mode.as_str().to_owned()));
        lines.extend(self.cgroup_lines().map(|line| ("", line)));
        lines.push(("pressure", yes(self.pressure).to_owned()));
        lines.push(("resctrl", self.resctrl_line()));
        lines.extend(self.resctrl.offers.iter().flat_map(ResctrlOffers::lines));
        let mut label = "runtimes";
        for runtime in &self.runtimes {
            let path = runtime.path.as_deref();
            let path = path.map_or("not found".to_owned(), visible_path);
            lines.push((label, format!("{:<6} {path}", runtime.runtime)));
            label = "";
        }
        label = "state roots";
        for root in &self.roots {
            lines.push((label, root_line(root)));
            label = "";
        }
        lines.push(("privileges", self.privilege_line()));
        lines.push(("namespaces", self.namespace_line()));
        lines.push(("terminal", self.terminal_line()));
        let limit = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |n| n.to_string());
        let (soft, hard) = (limit(self.files.soft), limit(self.files.hard));
        lines.push(("open files", format!("{soft}, can be raised to {hard}")));
        lines
    }

    fn kernel_line(&self) -> String {
        let kernel = &self.kernel;
        let features = [
            ("pidfd", Some(kernel.pidfd)),
            ("openat2", Some(kernel.openat2)),
            ("cgroup.kill", kernel.cgroup_kill),
            ("cgroup.freeze", kernel.cgroup_freeze),
        ];
        let features = features.map(|(name, there)| match there {
            Some(there) => format!("{name} {}", yes(there)),
            None => format!("{name} -"),
        });
        format!("{} ({})", visible(&kernel.release), features.join(", "))
    }

    fn cgroup_lines(&self) -> impl Iterator<Item = String> {
        self.cgroups.mounts.iter().map(|mount| {
            let version = match mount.version {
                Version::V1 => "v1",
                Version::V2 => "v2",
            };
            let controllers = match mount.controllers.join(" ") {
                none if none.is_empty() => "no controller".to_owned(),
                some => visible(&some),
            };
            let read_only = if mount.read_only { ", read-only" } else { "" };
            let path = visible_path(&mount.path);
            format!("{path} ({version}: {controllers}{read_only})")
        })
    }

    fn resctrl_line(&self) -> String {
        match (&self.resctrl.mount, self.resctrl.supported) {
            (Some(mount), _) if self.resctrl.offers.is_none() => {
                format!("{}: not a resctrl that can be read", visible_path(mount))
            }
            (Some(mount), _) => visible_path(mount),
            (None, true) => "supported, not mounted".to_owned(),
            (None, false) => "not supported by this kernel or CPU".to_owned(),
        }
    }

    fn privilege_line(&self) -> String {
        let capabilities = self.privileges.capabilities.iter();
        let held: Vec<&str> = capabilities
            .filter(|(_, held)| **held)
            .map(|(name, _)| *name)
            .collect();
        let held = match held.join(" ") {
            none if none.is_empty() => "none that matters here".to_owned(),
            some => some,
        };
        format!("uid {}; capabilities: {held}", self.privileges.euid)
    }

    fn namespace_line(&self) -> String {
        let one = |namespace: &super::NamespaceReport| {
            let whose = match namespace.initial {
                Some(true) => "the host's",
                Some(false) => "not the host's",
                None => "unknown",
            };
            format!("{}: {whose}", namespace.name)
        };
        let all: Vec<String> = self.namespaces.iter().map(one).collect();
        all.join(", ")
    }

    fn terminal_line(&self) -> String {
        let terminal = &self.terminal;
        format!(
            "TERM {}, UTF-8 {}, NO_COLOR {}, stdout is {} terminal",
            terminal.term.as_deref().unwrap_or("-"),
            yes(terminal.utf8),
            if terminal.no_color { "set" } else { "not set" },
            if terminal.tty { "a" } else { "no" },
        )
    }
}

fn root_line(root: &RootReport) -> String {
    let path = visible_path(&root.path);
    match &root.state {
        RootFact::Readable { containers: 1 } => format!("{path}: 1 container"),
        RootFact::Readable { containers } => format!("{path}: {containers} containers"),
        RootFact::Absent => format!("{path}: absent"),
        RootFact::Refused { reason, .. } => format!("{path}: refused: {reason}"),
        RootFact::Unreadable { reason } => format!("{path}: cannot be read: {reason}"),
    }
}

fn yes(there: bool) -> &'static str {
    if there { "yes" } else { "no" }
}
