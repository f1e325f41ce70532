//! What the steps of killing and of removing cgroups are aimed at: a container, by its evidence, or
//! a leftover, by the directories that were shown. Both are killed and removed by the same code.

use super::Common;
use super::evidence::TeardownEvidence;
use super::kin::Births;
use super::procs::Members;
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::kernel::Scope;

/// Cgroups and the processes in them, read afresh at every call.
pub(super) trait Removable {
    /// Its cgroups that still are the directories they were.
    fn cgroups(&self, machine: &Machine) -> Vec<CgroupDir>;

    /// Its processes.
    fn members(&self, machine: &Machine) -> Members;

    /// Whether a process is its own: asked again between opening a process and its signal.
    fn belongs(&self, machine: &Machine, pid: i32) -> bool;

    /// Looks for processes that nothing lists and that were forked since.
    fn look_again(&mut self, _machine: &Machine) {}

    /// Whether that look found any: one that forks and dies at once is dead when it is to be killed.
    fn births(&self) -> Births {
        Births::None
    }

    /// Who may be its own, cannot be told to be, and lived at that look.
    fn away(&self) -> Vec<i32> {
        Vec::new()
    }

    /// Its processes have gone: lets go of what was held to tell them.
    fn let_go(&mut self) {}

    /// Its systemd scope.
    fn scope(&self) -> Option<&Scope>;

    /// What it has together with another, and leaves alone.
    fn common(&self) -> Option<&Common>;
}

impl Removable for TeardownEvidence {
    fn cgroups(&self, machine: &Machine) -> Vec<CgroupDir> {
        Self::cgroups(self, machine)
    }

    fn members(&self, machine: &Machine) -> Members {
        Self::members(self, machine)
    }

    fn belongs(&self, machine: &Machine, pid: i32) -> bool {
        Self::belongs(self, machine, pid)
    }

    fn look_again(&mut self, machine: &Machine) {
        Self::look_again(self, machine);
    }

    fn births(&self) -> Births {
        Self::births(self)
    }

    fn away(&self) -> Vec<i32> {
        Self::away(self)
    }

    fn let_go(&mut self) {
        Self::let_go(self);
    }

    fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    fn common(&self) -> Option<&Common> {
        self.common.as_ref()
    }
}
