//! What may be touched of a container, and who would die.

use super::TeardownEvidence;
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::identity::is_member;
use crate::inventory::scan::cgroups_of;
use crate::lifecycle::claims::Claims;
use crate::lifecycle::doubt::Doubt;
use crate::lifecycle::guard::{self, Forbidden};
use crate::lifecycle::kin::Kin;
use crate::lifecycle::{Common, Kept, Note, outer_freeze, own, procs, sharing, straggler};

impl TeardownEvidence {
    /// Applies the guard and counts who would die.
    pub(super) fn judge(&mut self, machine: &Machine, claims: &Claims) {
        let cgroups = self.cgroups(machine);
        let init = self.identity.alive();
        let inside = init.is_some_and(|init| {
            let membership = machine.membership(init.pid);
            membership.is_some_and(|membership| is_member(machine, &membership, &cgroups))
        });
        let suspect = guard::Checked {
            entry: &self.entry,
            cgroups: &cgroups,
            init: init.map(|init| init.pid),
            init_inside: inside,
            // A name alone is no proof: any cgroup may be called `web`.
            name_counts: !self.found_by_name,
        };
        let judged = match (guard::check(machine, &suspect, claims), init) {
            (Err(Forbidden::Shared(..)), Some(init)) => {
                sharing::part_from(machine, init, &suspect, claims).map(Some)
            }
            (judged, _) => judged.map(|()| None),
        };
        match judged {
            Ok(None) => {}
            Ok(Some(common)) => self.leave(common),
            // What is another's is left alone where nothing in it can be this one's. Processes of
            // nobody known keep the record: it may be all that tells of them.
            Err(forbidden) if init.is_none() && !forbidden.keeps_record() => {
                match own::maybe(machine, &suspect, claims) {
                    Err(unseen) => self.doubt(Doubt::Members(unseen)),
                    Ok(Some(pid)) => {
                        let why = Box::new(forbidden);
                        self.doubt(Doubt::Beside { pid, why });
                    }
                    Ok(None) => self.leave_all(forbidden),
                }
            }
            Err(forbidden) => self.forbidden = self.forbidden.take().or(Some(forbidden.into())),
        }
        if let (Some(init), true) = (init, self.pins.is_empty()) {
            self.kin = Some(Kin::of(machine, init, claims));
        }
        self.look_for_stragglers(machine, claims);
        self.count(machine);
        self.held = outer_freeze::look(
            machine,
            &self.entry.key,
            (&self.cgroups(machine), &self.pids),
            claims,
        );
        if let Some(held) = self.held.as_ref().filter(|held| held.kills_wait) {
            self.notes.push(Note::FrozenOutside(held.clone()));
        }
        self.spare_namesake(claims);
        self.spare_pin(claims);
    }

    /// Without a cgroup and with init dead nothing tells who was of it, but that init's death ended all
    /// in a pid namespace of its own.
    fn look_for_stragglers(&mut self, machine: &Machine, claims: &Claims) {
        let has_cgroup = self.has_cgroup() || !cgroups_of(machine, &self.entry).is_empty();
        let pids_are_own = match &self.entry.record {
            Ok(record) => record.private_pid_namespace,
            Err(_) => return,
        };
        if self.identity.may_live() || has_cgroup || pids_are_own == Some(true) {
            return;
        }
        let shared = pids_are_own == Some(false);
        match straggler::maybe(machine, &self.entry, claims) {
            // youki does not record it: what was not seen is no reason then.
            Some(doubt) if shared || matches!(doubt, Doubt::Straggler { .. }) => self.doubt(doubt),
            _ if shared => self.notes.push(Note::PidsWereShared),
            _ => {}
        }
    }

    /// Who would die.
    fn count(&mut self, machine: &Machine) {
        let members = self.members(machine);
        if let Some(unseen) = members.unseen {
            self.doubt(Doubt::Members(unseen));
        }
        self.pids = members.pids.into_iter().collect();
        if self.pids.is_empty() {
            let cgroups = self.cgroups(machine);
            let unlisted = procs::Unlisted::of(machine, &cgroups);
            self.pids = unlisted.pids(machine, &cgroups);
        }
    }

    /// What another container has too is nobody's: nothing is done with it.
    fn leave(&mut self, common: Common) {
        self.notes.push(common.note());
        let shared = |cgroup: &CgroupDir| common.cgroups.contains(cgroup);
        self.pins.retain(|(cgroup, _)| !shared(cgroup));
        (self.scope, self.pin) = (None, None);
        self.common = Some(common);
    }

    /// None of its cgroups is its own alone: nothing is done with them.
    fn leave_all(&mut self, why: Forbidden) {
        self.notes.push(Note::CgroupsSpared(why));
        self.pins.clear();
        (self.scope, self.pin) = (None, None);
    }

    /// A live container of the same id in another root has the resctrl groups of that name.
    fn spare_namesake(&mut self, claims: &Claims) {
        let has_groups = self.ctrl_group.is_some() || self.mon_group.is_some();
        if let Some(other) = claims.namesake(&self.entry.key).filter(|_| has_groups) {
            let root = crate::text::visible_path(other.root());
            self.notes.push(Note::ResctrlSpared { root });
            (self.ctrl_group, self.mon_group) = (None, None);
        }
    }

    /// A scope is of one name in all of systemd: another record that names it may be of the one that
    /// has it now.
    fn spare_pin(&mut self, claims: &Claims) {
        let pin = self.pin.as_ref();
        let other = pin.and_then(|pin| claims.of_pin_beside(&self.entry.key, pin.name()));
        if let Some(other) = other {
            let (id, root) = (other.label(), crate::text::visible_path(other.root()));
            let why = Kept::PinOf { id, root };
            self.notes.push(Note::PinSpared(why));
            self.pin = None;
        }
    }
}
