//! Whether anybody accounts for a process: its cgroup is nobody's leftover then, whatever it is named.
//!
//! A cgroup with a name that says nothing may be anything: a batch job, a user's session, a sandbox.
//! What runs in the host's own mount namespace is the host's; what systemd has in a unit, in any
//! hierarchy, is the unit's; what is in the cgroup or the pid namespace of a live container is that
//! container's; what a shim or a monitor started is held by it. Who cannot be told is accounted for
//! as well: absence of an owner has to be seen.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::PathBuf;

use super::claims::Claims;
use crate::cgroup::Membership;
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::identity::is_member;
use crate::inventory::members::{is_of_host, pid_namespace};
use crate::inventory::owners::is_monitor;
use crate::oci::ContainerKey;
use crate::process::ProcStat;
use crate::text::visible_bytes;

/// Who accounts for a process. Names are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Accounted {
    /// The kernel.
    #[error("kernel thread {0} is in it")]
    Kernel(i32),
    /// The host, whose mount namespace it has.
    #[error("pid {0} in it is a process of the host")]
    Host(i32),
    /// systemd, as the manager of a unit.
    #[error("pid {pid} in it is of {unit}")]
    Unit {
        /// The process.
        pid: i32,
        /// The unit.
        unit: String,
    },
    /// A live container.
    #[error("pid {pid} in it is of container {id}, which is alive")]
    Container {
        /// The process.
        pid: i32,
        /// The container.
        id: String,
    },
    /// The shim or monitor that started it, and is alive.
    #[error("pid {pid} in it was started by pid {by} ({command}), which holds it")]
    Held {
        /// The process.
        pid: i32,
        /// Who started it.
        by: i32,
        /// Its command.
        command: String,
    },
    /// What is needed to tell cannot be read.
    #[error("whose pid {0} in it is cannot be seen from here")]
    Unseen(i32),
}

impl Accounted {
    /// The reason as one stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Kernel(_) => "holds_kernel_thread",
            Self::Host(_) => "host_process",
            Self::Unit { .. } => "unit",
            Self::Container { .. } => "alive",
            Self::Held { .. } => "owned",
            Self::Unseen(_) => "unseen",
        }
    }
}

/// Who accounts for processes, asked of one look at the machine.
#[derive(Debug)]
pub struct Accounts<'a> {
    machine: &'a Machine,
    claims: &'a Claims,
    /// The pid namespaces of live containers, other than ocitop's own.
    namespaces: OnceCell<HashMap<PathBuf, ContainerKey>>,
}

impl<'a> Accounts<'a> {
    /// By what the state roots say.
    pub fn new(machine: &'a Machine, claims: &'a Claims) -> Self {
        Self {
            machine,
            claims,
            namespaces: OnceCell::new(),
        }
    }

    /// Who accounts for a process in one of these cgroups, which nothing ties to a container; `None` if
    /// nobody does.
    pub fn of(&self, pid: i32, inside: &[CgroupDir]) -> Option<Accounted> {
        let stat = match self.machine.stat(pid) {
            Ok(Some(stat)) => stat,
            // It is gone.
            Ok(None) => return None,
            Err(_) => return Some(Accounted::Unseen(pid)),
        };
        if stat.is_dead() {
            return None;
        }
        if let Some(known) = self.tied(pid, &stat, inside) {
            return Some(known);
        }
        let Some(membership) = self.machine.membership(pid) else {
            return Some(Accounted::Unseen(pid));
        };
        if let Some(unit) = unit_of(&membership) {
            return Some(Accounted::Unit { pid, unit });
        }
        match is_of_host(self.machine, pid) {
            Some(true) => Some(Accounted::Host(pid)),
            Some(false) => None,
            None => Some(Accounted::Unseen(pid)),
        }
    }

    /// As [`Self::of`], in a cgroup that is named as a container's: the host may have one of its own
    /// processes there, and a unit is what systemd makes of a container.
    pub fn of_tied(&self, pid: i32, inside: &[CgroupDir]) -> Option<Accounted> {
        let stat = self.machine.stat(pid).ok().flatten()?;
        self.tied(pid, &stat, inside)
    }

    fn tied(&self, pid: i32, stat: &ProcStat, inside: &[CgroupDir]) -> Option<Accounted> {
        if stat.is_kernel_thread() {
            return Some(Accounted::Kernel(pid));
        }
        if let Some(key) = self.container(pid) {
            let id = key.label();
            return Some(Accounted::Container { pid, id });
        }
        let command = self.monitor(stat.ppid, inside)?;
        let by = stat.ppid;
        Some(Accounted::Held { pid, by, command })
    }

    /// The command of a process, safe to print, if it is a shim or a monitor that lives outside of
    /// these cgroups: one inside goes with them.
    fn monitor(&self, pid: i32, inside: &[CgroupDir]) -> Option<String> {
        let stat = self.machine.stat(pid).ok().flatten()?;
        let membership = self.machine.membership(pid).unwrap_or_default();
        let holds = is_monitor(&stat.comm)
            && !stat.is_dead()
            && !is_member(self.machine, &membership, inside);
        holds.then(|| visible_bytes(&stat.comm))
    }

    /// The live container that a process is of.
    fn container(&self, pid: i32) -> Option<&ContainerKey> {
        let membership = self.machine.membership(pid)?;
        let by_cgroup = self.claims.live_around(self.machine, &membership);
        by_cgroup.or_else(|| {
            let namespaces = self.namespaces.get_or_init(|| self.namespaces());
            namespaces.get(&pid_namespace(self.machine, pid)?)
        })
    }

    fn namespaces(&self) -> HashMap<PathBuf, ContainerKey> {
        let shared: Vec<PathBuf> = ["self", "1"]
            .iter()
            .filter_map(|pid| std::fs::read_link(self.machine.proc.join(pid).join("ns/pid")).ok())
            .collect();
        let live = self.claims.live_inits();
        live.filter_map(|(key, pid)| Some((pid_namespace(self.machine, pid)?, key.clone())))
            .filter(|(namespace, _)| !shared.contains(namespace))
            .collect()
    }
}

/// The unit of systemd's that a process is in, in any hierarchy, mounted here or not. A slice is none:
/// it only groups.
fn unit_of(membership: &Membership) -> Option<String> {
    const KINDS: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];
    let is_unit = |name: &&OsStr| {
        let name = name.to_string_lossy();
        KINDS.iter().any(|kind| name.ends_with(kind))
    };
    let unit = membership
        .paths()
        .find_map(|path| path.iter().find(is_unit))?;
    Some(visible_bytes(unit.as_encoded_bytes()))
}
