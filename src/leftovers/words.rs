//! English for leftovers, shared by the screen and the command line. Everything here is safe to
//! print.

use std::time::Duration;

use super::{Argument, Confidence, Leftover, LeftoverKind, WhyItStays};
use crate::inventory::Unread;
use crate::inventory::owners::Owner;
use crate::text::{visible, visible_path};

impl LeftoverKind {
    /// A word or two: `cgroup`, `state dir`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::StateDir => "state dir",
            Self::RdtGroup => "rdt group",
            Self::Unit => "scope unit",
            Self::Mount => "mount",
            Self::BpfPin => "bpf pin",
        }
    }
}

impl Confidence {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Unknown => "unknown",
        }
    }
}

/// Rounded down to its largest unit: `17h`, `2d`.
fn lasting(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds < 60 => format!("{seconds} s"),
        seconds if seconds < 3600 => format!("{} min", seconds / 60),
        seconds if seconds < 86_400 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

fn processes(count: usize) -> String {
    match count {
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
    }
}

impl Argument {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::InitDead(Some(runtime)) => {
                format!("{runtime}'s record names it, its init is dead")
            }
            Self::InitDead(None) => "a record names it, its init is dead".to_owned(),
            Self::BundleGone => "its bundle is gone".to_owned(),
            Self::OutOfSight(why) => {
                format!(
                    "its bundle is not found here, which proves nothing: {}",
                    why.words()
                )
            }
            Self::BundleThere => "stopped, not deleted".to_owned(),
            Self::StateBroken(why) | Self::Unclear(why) => why.clone(),
            Self::StateEmpty => "the state directory is empty".to_owned(),
            Self::SeenGone => "its container ended while ocitop looked".to_owned(),
            Self::Named(producer) => format!("named as {producer} names containers"),
            Self::NamedPod(producer) => {
                format!("named as {producer} names pods, no container is left in it")
            }
            Self::EmptyFor(age) => format!("empty, at least {} old", lasting(*age)),
            Self::NobodyKnows(1) => {
                "no other record in 1 state root, no engine, no shim".to_owned()
            }
            Self::NobodyKnows(roots) => {
                format!("no other record in {roots} state roots, no engine, no shim")
            }
            Self::Orphans(0) => "something lives in it that cannot be seen from here".to_owned(),
            Self::Orphans(count) => format!("{} without a known owner", processes(*count)),
            Self::Young => "it may have been made just now: look again in a minute".to_owned(),
            Self::MayBeAlive(pid) => format!("pid {pid}, which its state names, is alive"),
            Self::Known(owner) => format!("it has an owner: {}", owner.words()),
            Self::Managed(manager) => format!("{manager} manages it"),
            Self::UnitActive(unit) => format!("systemd has {} active", visible(unit)),
            Self::UnitLoaded(unit) => format!("systemd has {} loaded", visible(unit)),
            Self::Unread(list) => {
                let more = match list.len() {
                    0 | 1 => String::new(),
                    count => format!(" and {} more", count - 1),
                };
                let first = list.first().map(Unread::words).unwrap_or_default();
                format!("not read, may own it: {first}{more}")
            }
            Self::NotContainerLike => "not container-like".to_owned(),
        }
    }
}

impl WhyItStays {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Owned(Owner::Process(told)) => told.words(),
            Self::Owned(Owner::Record(_)) => "an engine has it on record".to_owned(),
            Self::Processes(count) => format!("holds {}", processes(*count)),
            Self::Unseen => "holds what cannot be seen from here".to_owned(),
            Self::Children(1) => "1 cgroup below it".to_owned(),
            Self::Children(count) => format!("{count} cgroups below it"),
            Self::Mounted(point) => format!("mounted: {}", visible_path(point)),
            Self::SomeHierarchies { found, of } => {
                format!("in {found} of {of} hierarchies: half-way")
            }
            Self::UnitFailed(_) => "systemd kept the failed unit".to_owned(),
            Self::UnitLoaded(_) => "systemd has the unit loaded".to_owned(),
            Self::ReadOnly => "its hierarchy is read-only".to_owned(),
            Self::Nothing => "nothing holds it".to_owned(),
        }
    }
}

impl Leftover {
    /// Where it is, in one line: the path, and in how many hierarchies.
    pub fn place(&self) -> String {
        let path = visible_path(&self.key.dir());
        match (self.kind, self.hierarchies.len()) {
            (LeftoverKind::Cgroup, count) if count > 1 => format!("{path} ({count} hierarchies)"),
            _ => path,
        }
    }

    /// Whose it would be.
    pub fn owner(&self) -> &'static str {
        self.producer.map_or("-", super::Producer::as_str)
    }

    /// Why it is still there, in one line.
    pub fn reason(&self) -> String {
        let words: Vec<String> = self.why.iter().map(WhyItStays::words).collect();
        words.join("; ")
    }

    /// The confidence with its arguments: `likely: named as docker names containers; …`.
    pub fn argument(&self) -> String {
        let words: Vec<String> = self.arguments.iter().map(Argument::words).collect();
        format!("{}: {}", self.confidence.as_str(), words.join("; "))
    }
}
