//! One look at what needs a person, for who looks only once: `list`, and the first screen.
//!
//! D is a moment's wait for most who are seen in it. So that one look says no more than it saw, a
//! container with such a task is [`Unsure`], and whoever has the time looks a second time.

use std::sync::Arc;
use std::time::Instant;

use super::Machine;
use super::attention::{Attention, Trouble};
use super::cgroups::{self, CgroupDir};
use super::container::Container;
use super::counters;
use super::tracked::Tracked;
use super::vitals::{Now, TaskSubject, Vitals};
use crate::oci::{ContainerKey, Record};

pub use super::vitals::SETTLED;

/// How many tasks of a container are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tasks {
    /// None.
    None,
    /// Its init.
    Init,
    /// All of them, threads too, up to a number.
    All,
}

/// Tasks of one container in one look.
const MOST: usize = 1024;

/// A container of which one look is not enough.
#[derive(Debug)]
pub struct Unsure {
    /// Which.
    pub key: ContainerKey,
    vitals: Vitals,
    cgroups: Vec<CgroupDir>,
    record: Option<Record>,
    begun: Instant,
    most: usize,
    /// What is known of it beside its tasks.
    others: Vec<Trouble>,
}

/// Looks at a container's tasks, and sets what of it needs a person.
pub(super) fn look(
    machine: &Machine,
    container: &mut Container,
    tracked: &Tracked,
    tasks: Tasks,
) -> Option<Unsure> {
    let mut unsure = Unsure {
        key: container.key.clone(),
        vitals: Vitals::default(),
        cgroups: Vec::new(),
        record: None,
        begun: Instant::now(),
        most: if tasks == Tasks::All { MOST } else { 0 },
        others: container
            .frozen
            .clone()
            .map(Trouble::Frozen)
            .into_iter()
            .collect(),
    };
    if tasks == Tasks::All {
        unsure.cgroups = cgroups::existing(tracked.named(), &machine.hierarchies);
        unsure.others.extend(oom_kills(machine, &unsure.cgroups));
    }
    if tasks != Tasks::None {
        unsure.look(machine, container, tracked.record());
    }
    unsure.tell(container);
    if !unsure.vitals.is_unsure() {
        return None;
    }
    unsure.record = tracked.record().cloned();
    Some(unsure)
}

fn oom_kills(machine: &Machine, cgroups: &[CgroupDir]) -> Option<Trouble> {
    let kills = counters::oom(cgroups, &machine.hierarchies)?.kills;
    let kills = kills.filter(|kills| *kills > 0)?;
    Some(Trouble::OomKilled {
        kills,
        lately: None,
        last: None,
    })
}

impl Unsure {
    /// Looks again; false once it is sure what is wrong with it, or that nothing is.
    pub fn look_again(&mut self, machine: &Machine, container: &mut Container) -> bool {
        let record = self.record.take();
        self.look(machine, container, record.as_ref());
        self.record = record;
        self.tell(container);
        self.vitals.is_unsure()
    }

    fn look(&mut self, machine: &Machine, container: &Container, record: Option<&Record>) {
        if let Some(subject) = TaskSubject::of(container, &self.cgroups, record) {
            let now = Now {
                uptime: self.begun.elapsed(),
                wall: jiff::Timestamp::now(),
            };
            self.vitals.look(machine, subject, now, self.most);
        }
    }

    fn tell(&self, container: &mut Container) {
        let mut troubles = self.others.clone();
        self.vitals.troubles(&mut troubles);
        let attention = Attention::new(troubles, self.vitals.unlooked());
        let attention = Some(attention).filter(|some| *some != Attention::default());
        container.attention = attention.map(Arc::new);
    }
}
