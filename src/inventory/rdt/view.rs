//! A resctrl mount with the containers that are in its groups.

use std::collections::HashMap;
use std::path::Path;

use super::RdtMembership;
use crate::inventory::machine::knows_resctrl;
use crate::inventory::usage::{RdtUsage, RdtValue};
use crate::inventory::{Container, Machine};
use crate::kernel::read::kernel_text;
use crate::oci::ContainerKey;
use crate::resctrl::{
    Counter, GroupName, MonDomain, MonValue, Overview, ResctrlGroup, ResctrlReader,
};

/// What was seen of resctrl.
#[derive(Debug, Clone, PartialEq)]
pub enum RdtView {
    /// A mount.
    Mounted(Box<RdtGroups>),
    /// The kernel has it, but it is not mounted.
    NotMounted,
    /// This kernel or CPU does not have it.
    Unsupported,
    /// It could not be read, and why; safe to print.
    Failed(String),
}

impl RdtView {
    /// The groups, if there is a mount.
    pub fn groups(&self) -> Option<&RdtGroups> {
        match self {
            Self::Mounted(groups) => Some(groups),
            Self::NotMounted | Self::Unsupported | Self::Failed(_) => None,
        }
    }
}

/// The groups of a mount, and whose they are.
#[derive(Debug, Clone, PartialEq)]
pub struct RdtGroups {
    /// As read.
    pub overview: Overview,
    /// Kind and owners of each group, in the order of [`Overview::groups`].
    pub owners: Vec<GroupOwners>,
    /// What each container has.
    pub usage: HashMap<ContainerKey, RdtUsage>,
}

/// What a group is to the containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOwners {
    /// Its kind.
    pub kind: GroupKind,
    /// The containers that are in it, by root and name.
    pub containers: Vec<ContainerKey>,
}

/// What kind of group it is, as far as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// The default CTRL_MON group.
    Default,
    /// Made by a runtime for the one container whose id is its name.
    Container,
    /// A CTRL_MON group that the operator made; several containers may share it.
    Class,
    /// A MON group.
    Monitoring,
}

impl RdtGroups {
    /// Groups with what they are to the containers, in the order shown.
    pub fn rows(&self) -> impl Iterator<Item = (&ResctrlGroup, &GroupOwners)> {
        self.overview.groups.iter().zip(&self.owners)
    }

    /// The groups of a mount and the membership of containers, put together.
    pub fn new(overview: Overview, members: &[(ContainerKey, RdtMembership)]) -> Self {
        let owners = overview.groups.iter();
        let owners = owners
            .map(|group| owners_of(&group.name, members))
            .collect();
        let usage = members.iter().filter_map(|(key, membership)| {
            let usage = usage_of(&overview, key, membership, members)?;
            Some((key.clone(), usage))
        });
        Self {
            usage: usage.collect(),
            owners,
            overview,
        }
    }
}

/// Looks at resctrl and at which containers are in its groups.
pub fn look<'a>(
    machine: &Machine,
    reader: &mut ResctrlReader,
    containers: impl IntoIterator<Item = &'a Container>,
) -> RdtView {
    let Some(mount) = machine.find_resctrl() else {
        let filesystems = kernel_text(&machine.proc.join("filesystems"));
        let filesystems = filesystems.ok().flatten().unwrap_or_default();
        return if knows_resctrl(&filesystems) {
            RdtView::NotMounted
        } else {
            RdtView::Unsupported
        };
    };
    match reader.read(&mount) {
        Ok(overview) => {
            let members = members(machine, &mount, &overview, containers);
            RdtView::Mounted(Box::new(RdtGroups::new(overview, &members)))
        }
        Err(error) => RdtView::Failed(format!(
            "{}: {}",
            crate::text::visible_path(&mount),
            crate::text::chain(&error)
        )),
    }
}

fn members<'a>(
    machine: &Machine,
    mount: &Path,
    overview: &Overview,
    containers: impl IntoIterator<Item = &'a Container>,
) -> Vec<(ContainerKey, RdtMembership)> {
    let kernels = super::kernels(machine, mount);
    let member = |container: &Container| {
        let found = super::membership(mount, overview, container, &kernels)?;
        Some((container.key.clone(), found))
    };
    containers.into_iter().filter_map(member).collect()
}

fn owners_of(name: &GroupName, members: &[(ContainerKey, RdtMembership)]) -> GroupOwners {
    let inside = |membership: &RdtMembership| match name.monitoring {
        Some(_) => membership.monitoring.as_ref() == Some(name),
        None => membership.control == *name,
    };
    let containers: Vec<ContainerKey> = members
        .iter()
        .filter(|(_, membership)| inside(membership))
        .map(|(key, _)| key.clone())
        .collect();
    let named_after = |key: &ContainerKey| key.name() == name.control;
    let kind = match () {
        () if name.monitoring.is_some() => GroupKind::Monitoring,
        () if name.is_default() => GroupKind::Default,
        () if containers.iter().any(named_after) => GroupKind::Container,
        () => GroupKind::Class,
    };
    GroupOwners { kind, containers }
}

fn usage_of(
    overview: &Overview,
    key: &ContainerKey,
    membership: &RdtMembership,
    members: &[(ContainerKey, RdtMembership)],
) -> Option<RdtUsage> {
    let control = overview.group(&membership.control)?;
    let others = || members.iter().filter(|(other, _)| other != key);
    // A MON group that another container is in as well measures both: then it is not its own.
    let alone =
        |name: &&GroupName| others().all(|(_, other)| other.monitoring.as_ref() != Some(name));
    let monitoring = membership.monitoring.as_ref().filter(alone);
    let monitoring = monitoring.and_then(|name| overview.group(name));
    let domains = &monitoring.unwrap_or(control).domains;
    let schemata = control.schemata.as_ref();
    let schemata = schemata.map(ToString::to_string).unwrap_or_default();
    Some(RdtUsage {
        control: if control.name.is_default() {
            String::new()
        } else {
            control.name.label()
        },
        shared: others().any(|(_, other)| other.control == membership.control),
        monitoring: monitoring.map(|group| group.name.label()),
        llc: occupancy(domains),
        mbm_total: bandwidth(domains, |domain| domain.mbm_total.as_ref()),
        mbm_local: bandwidth(domains, |domain| domain.mbm_local.as_ref()),
        schemata: schemata.lines().map(str::to_owned).collect(),
    })
}

/// Bytes of last level cache in all domains together. A word in one is the word for all: a sum
/// without that domain would be too small and look whole.
pub fn occupancy(domains: &[MonDomain]) -> RdtValue {
    let values = domains
        .iter()
        .filter_map(|domain| domain.llc_occupancy.as_ref());
    sum(values.map(|value| match value {
        MonValue::Bytes(bytes) => Some(RdtValue::Value(*bytes as f64)),
        MonValue::Word(word) => Some(RdtValue::Word(word.clone())),
    }))
}

/// Bytes a second in all domains together; words as for [`occupancy`].
pub fn bandwidth(
    domains: &[MonDomain],
    counter: impl Fn(&MonDomain) -> Option<&Counter>,
) -> RdtValue {
    let counters = domains.iter().filter_map(counter);
    sum(counters.map(|counter| match &counter.value {
        MonValue::Bytes(_) => counter.rate.map(RdtValue::Value),
        MonValue::Word(word) => Some(RdtValue::Word(word.clone())),
    }))
}

/// `None` among the values is a rate that is not known yet.
fn sum(values: impl Iterator<Item = Option<RdtValue>>) -> RdtValue {
    let mut sum = None;
    let mut known = true;
    for value in values {
        match value {
            Some(RdtValue::Word(word)) => return RdtValue::Word(word),
            Some(RdtValue::Value(value)) => sum = Some(sum.unwrap_or(0.0) + value),
            Some(RdtValue::None) | None => known = false,
        }
    }
    sum.filter(|_| known)
        .map_or(RdtValue::None, RdtValue::Value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Inode;
    use crate::resctrl::Survey;

    fn domain(id: u32, llc: &str, total: &str, rate: Option<f64>) -> MonDomain {
        let value = |text| MonValue::parse(text);
        MonDomain {
            id,
            llc_occupancy: value(llc),
            mbm_total: value(total).map(|value| Counter { value, rate }),
            mbm_local: None,
            nodes: Vec::new(),
        }
    }

    fn group(name: GroupName, domains: Vec<MonDomain>) -> ResctrlGroup {
        ResctrlGroup {
            name,
            inode: Inode {
                device: 1,
                number: 1,
            },
            mode: None,
            schemata: "L3:0=ff".parse().ok(),
            sizes: None,
            cpus: None,
            tasks: None,
            domains,
            overlaps: Vec::new(),
        }
    }

    fn member(name: &str, control: &str, own: bool) -> (ContainerKey, RdtMembership) {
        let control = GroupName::control(control);
        let membership = RdtMembership {
            monitoring: own.then(|| GroupName {
                monitoring: Some(name.into()),
                ..control.clone()
            }),
            control,
        };
        (ContainerKey::new(Path::new("/run/runc"), name), membership)
    }

    fn groups() -> RdtGroups {
        let control = |name: &str| GroupName::control(name);
        let web = GroupName {
            control: "gold".into(),
            monitoring: Some("web".into()),
        };
        let overview = Overview {
            survey: Survey::default(),
            groups: vec![
                group(control(""), vec![domain(0, "9", "1", None)]),
                group(
                    control("db"),
                    vec![domain(0, "Unavailable", "5", Some(5.0))],
                ),
                group(control("gold"), vec![domain(0, "7", "8", Some(3.0))]),
                group(
                    web,
                    vec![domain(0, "4", "6", Some(2.0)), domain(1, "1", "2", None)],
                ),
            ],
        };
        let members = [
            member("db", "db", false),
            member("web", "gold", true),
            member("web-2", "gold", false),
        ];
        RdtGroups::new(overview, &members)
    }

    fn usage<'a>(groups: &'a RdtGroups, name: &str) -> &'a RdtUsage {
        &groups.usage[&ContainerKey::new(Path::new("/run/runc"), name)]
    }

    #[test]
    fn a_group_named_after_its_container_was_made_for_it_and_another_is_a_class() {
        use GroupKind::{Class, Container, Default, Monitoring};
        let groups = groups();
        let kinds: Vec<_> = groups.owners.iter().map(|owners| owners.kind).collect();
        assert_eq!(kinds, [Default, Container, Class, Monitoring]);
        assert_eq!(groups.owners[2].containers.len(), 2);
        assert_eq!(groups.owners[3].containers.len(), 1);
    }

    #[test]
    fn its_own_monitoring_group_has_its_numbers_and_else_the_control_group() {
        let groups = groups();
        let web = usage(&groups, "web");
        assert_eq!((web.control.as_str(), web.shared), ("gold", true));
        assert_eq!(web.monitoring.as_deref(), Some("web"));
        assert_eq!(web.llc, RdtValue::Value(5.0));
        assert_eq!(web.mbm_total, RdtValue::None, "one domain has no rate yet");
        let second = usage(&groups, "web-2");
        assert_eq!(
            (&second.monitoring, &second.llc),
            (&None, &RdtValue::Value(7.0))
        );
        assert_eq!(second.schemata, ["L3:0=ff"]);
    }

    #[test]
    fn a_word_stays_a_word_and_what_is_not_counted_is_nothing() {
        let groups = groups();
        let db = usage(&groups, "db");
        assert!(!db.shared);
        assert_eq!(db.llc, RdtValue::Word("Unavailable".to_owned()));
        assert_eq!(db.mbm_total, RdtValue::Value(5.0));
        assert_eq!(db.mbm_local, RdtValue::None);
    }
}
