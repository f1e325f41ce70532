//! What resctrl offers on this host.

use std::path::Path;

use serde::Serialize;

use crate::resctrl::survey;
use crate::text::visible;

/// What resctrl offers, and how much of that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResctrlOffers {
    /// What can be given out: `L3`, `MB`.
    pub resources: Vec<String>,
    /// What is counted: `llc_occupancy`.
    pub mon_features: Vec<String>,
    /// CTRL_MON groups, the default one among them.
    pub closids_used: u64,
    /// Most CTRL_MON groups; `None` without allocation.
    pub closids: Option<u64>,
    /// CTRL_MON and MON groups.
    pub rmids_used: u64,
    /// Most groups that can be told apart; `None` without monitoring.
    pub rmids: Option<u64>,
}

impl ResctrlOffers {
    /// What resctrl has and counts, and what of its groups is taken.
    pub(super) fn lines(&self) -> [(&'static str, String); 2] {
        let list = |words: &[String]| match words.join(" ") {
            none if none.is_empty() => "nothing".to_owned(),
            some => visible(&some),
        };
        let use_of = |name: &str, used: u64, of: Option<u64>| match of {
            Some(of) => format!("{name} in use {used} of {of}"),
            None => format!("{name} -"),
        };
        let closids = use_of("CLOSIDs", self.closids_used, self.closids);
        let rmids = use_of("RMIDs", self.rmids_used, self.rmids);
        let (gives, counts) = (list(&self.resources), list(&self.mon_features));
        [
            ("", format!("gives out {gives}, counts {counts}")),
            ("", format!("{closids}, {rmids}")),
        ]
    }
}

/// Reads it; `None` if the mount is no resctrl that can be read.
pub(super) fn offered(mount: &Path) -> Option<ResctrlOffers> {
    let found = survey(mount).ok()?;
    let caches = found.info.caches.iter().map(|cache| &cache.resource);
    let bandwidths = found.info.bandwidths.iter().map(|rate| &rate.resource);
    let monitoring = found.info.monitoring.as_ref();
    Some(ResctrlOffers {
        resources: caches.chain(bandwidths).cloned().collect(),
        mon_features: monitoring.map_or_else(Vec::new, |l3| l3.mon_features.clone()),
        closids_used: found.closids.used,
        closids: found.closids.of,
        rmids_used: found.rmids.used,
        rmids: found.rmids.of,
    })
}
