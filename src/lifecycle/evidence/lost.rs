//! What is left where a record does not say: cgroups by their name, and what still stands in the text
//! of one that is cut short. What stays in doubt keeps the record.

use super::TeardownEvidence;
use crate::inventory::cgroups;
use crate::inventory::entry::Entry;
use crate::inventory::identity::is_member;
use crate::inventory::remnant::Remnant;
use crate::inventory::{Machine, Problem};
use crate::lifecycle::doubt::Doubt;
use crate::lifecycle::{Note, Refusal, find, scope};
use crate::oci::RecordedCgroup;
use crate::text::visible_path;

impl TeardownEvidence {
    /// Where the record does not say (or says where nothing is), the name does.
    pub(super) fn find_lost_cgroups(&mut self, machine: &Machine, nothing_named: bool) {
        let disabled = matches!(
            &self.entry.record,
            Ok(record) if record.cgroup == RecordedCgroup::Disabled
        );
        let unknown = match &self.entry.record {
            Ok(record) => record.cgroup == RecordedCgroup::Unknown || nothing_named,
            Err(_) => true,
        };
        if !self.pins.is_empty() || disabled || !unknown {
            return;
        }
        match find::by_name(machine, self.id.as_str(), self.entry.author()) {
            // Where some are out of sight, that is told.
            Ok(found) if found.is_empty() && self.out_of_sight.is_some() => {}
            Ok(found) if found.is_empty() => {
                self.notes.push(Note::NoCgroup);
            }
            Ok(found) => {
                self.notes.push(Note::CgroupByName(found.len()));
                let looked = cgroups::look(&found, &machine.hierarchies);
                let unread = cgroups::out_of_sight(&looked.unread, &machine.hierarchies);
                self.out_of_sight = self.out_of_sight.take().or(unread);
                self.pins = looked.there;
                self.found_by_name = true;
                self.scope = scope::found(machine, &self.entry, &found);
            }
            Err(doubt) => self.doubt(doubt),
        }
    }

    /// A record that is cut short still names who may live, and where.
    pub(super) fn doubt_torn(&mut self, machine: &Machine) {
        if !matches!(&self.entry.record, Err(Problem::Record(_))) {
            return;
        }
        let left = Remnant::read(machine, &self.entry);
        let unread = cgroups::out_of_sight(&left.unread, &machine.hierarchies);
        self.out_of_sight = self.out_of_sight.take().or(unread);
        let own = self.cgroups(machine);
        let mut others = left.cgroups.iter().map(|(cgroup, _)| cgroup);
        if let Some(other) = others.find(|other| !own.contains(other)) {
            let dir = visible_path(&other.dir(&machine.hierarchies));
            self.doubt(Doubt::Cgroup(dir));
        }
        // One in its cgroups dies with them.
        let inside = |pid: i32| {
            let membership = machine.membership(pid);
            membership.is_some_and(|membership| is_member(machine, &membership, &own))
        };
        if let Some(pid) = left.alive.filter(|pid| !inside(*pid)) {
            self.doubt(Doubt::Pid(pid));
        }
    }

    /// Nothing is done while this is so; the first doubt is the one that is told.
    pub(super) fn doubt(&mut self, doubt: Doubt) {
        self.forbidden.get_or_insert(Refusal::CannotKnow(doubt));
    }
}

/// The file of a record that is there and cannot be read: what it says of init and cgroups is not known.
pub(super) fn unread(entry: &Entry<'_>) -> Option<Doubt> {
    let problem = entry.record.as_ref().err().or(entry.note.as_ref())?;
    let why = problem.unread()?.into();
    let Problem::Read(error) = problem else {
        return None;
    };
    let file = error.file();
    let dir = visible_path(&entry.key.dir());
    let file = format!("{dir}/{}", crate::text::visible(file));
    Some(Doubt::Record { file, why })
}
