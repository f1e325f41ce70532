//! `info`: what the hardware offers (resctrl.rst "Info directory").

use std::path::Path;

use super::Cbm;
use crate::kernel::read::kernel_text;

/// What the hardware offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Info {
    /// Caches whose ways can be given out.
    pub caches: Vec<Cache>,
    /// Bandwidths that can be held back.
    pub bandwidths: Vec<Bandwidth>,
    /// What is counted; `None` where nothing is.
    pub monitoring: Option<Monitoring>,
    /// What the last command to resctrl came to: `ok`, or why it failed.
    pub last_cmd_status: Option<String>,
}

/// A cache (`info/L3`, with CDP `info/L3CODE`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// Its name in schemata.
    pub resource: String,
    /// How many CLOSIDs it has.
    pub num_closids: Option<u64>,
    /// All its ways.
    pub cbm_mask: Option<Cbm>,
    /// Least number of ways in a mask.
    pub min_cbm_bits: Option<u64>,
    /// Ways that other hardware uses as well.
    pub shareable_bits: Option<Cbm>,
}

/// A bandwidth (`info/MB`, `info/SMBA`), in the unit of the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bandwidth {
    /// Its name in schemata.
    pub resource: String,
    /// How many CLOSIDs it has.
    pub num_closids: Option<u64>,
    /// Least value.
    pub min_bandwidth: Option<u64>,
    /// Values are multiples of this.
    pub bandwidth_gran: Option<u64>,
    /// Whether the value and the delay it sets are linear to each other.
    pub delay_linear: Option<bool>,
}

/// Monitoring (`info/L3_MON`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    /// How many RMIDs there are: groups that can be told apart.
    pub num_rmids: Option<u64>,
    /// Events: `llc_occupancy`, `mbm_total_bytes`, `mbm_local_bytes`, and what can be configured.
    pub mon_features: Vec<String>,
}

impl Info {
    /// Reads `info` below a mount.
    pub fn read(mount: &Path) -> Self {
        let dir = mount.join("info");
        let here = |name: &&str| dir.join(name).is_dir();
        let caches = ["L3", "L3CODE", "L3DATA", "L2", "L2CODE", "L2DATA"];
        let caches = caches.into_iter().filter(here);
        let bandwidths = ["MB", "SMBA"].into_iter().filter(here);
        Self {
            caches: caches.map(|name| cache(&dir, name)).collect(),
            bandwidths: bandwidths.map(|name| bandwidth(&dir, name)).collect(),
            monitoring: here(&"L3_MON").then(|| monitoring(&dir.join("L3_MON"))),
            last_cmd_status: text(&dir.join("last_cmd_status"))
                .map(|text| crate::text::visible(text.trim())),
        }
    }

    /// Control groups there can be, the default one among them: what the tightest resource has.
    pub fn closids(&self) -> Option<u64> {
        let caches = self.caches.iter().map(|cache| cache.num_closids);
        let bandwidths = self.bandwidths.iter().map(|rate| rate.num_closids);
        caches.chain(bandwidths).flatten().min()
    }

    /// Groups that can be told apart when measured, control and monitoring groups alike.
    pub fn rmids(&self) -> Option<u64> {
        self.monitoring.as_ref()?.num_rmids
    }

    /// The cache level whose ways matter most here: `L3`, or `L2` where only that is given out.
    pub fn level(&self) -> Option<&'static str> {
        let has = |level: &&str| self.cache(level).is_some();
        ["L3", "L2"].into_iter().find(has)
    }

    /// The cache of a level; code and data (CDP) have the same ways.
    pub fn cache(&self, level: &str) -> Option<&Cache> {
        let mut caches = self.caches.iter();
        caches.find(|cache| cache.resource.starts_with(level))
    }
}

fn text(path: &Path) -> Option<String> {
    kernel_text(path).ok().flatten()
}

fn number(path: &Path) -> Option<u64> {
    text(path)?.trim().parse().ok()
}

fn mask(path: &Path) -> Option<Cbm> {
    text(path)?.parse().ok()
}

fn cache(info: &Path, resource: &str) -> Cache {
    let dir = info.join(resource);
    Cache {
        resource: resource.to_owned(),
        num_closids: number(&dir.join("num_closids")),
        cbm_mask: mask(&dir.join("cbm_mask")),
        min_cbm_bits: number(&dir.join("min_cbm_bits")),
        shareable_bits: mask(&dir.join("shareable_bits")),
    }
}

fn bandwidth(info: &Path, resource: &str) -> Bandwidth {
    let dir = info.join(resource);
    Bandwidth {
        resource: resource.to_owned(),
        num_closids: number(&dir.join("num_closids")),
        min_bandwidth: number(&dir.join("min_bandwidth")),
        bandwidth_gran: number(&dir.join("bandwidth_gran")),
        delay_linear: number(&dir.join("delay_linear")).map(|value| value != 0),
    }
}

fn monitoring(dir: &Path) -> Monitoring {
    let features = text(&dir.join("mon_features")).unwrap_or_default();
    Monitoring {
        num_rmids: number(&dir.join("num_rmids")),
        mon_features: features
            .split_ascii_whitespace()
            .map(crate::text::visible)
            .collect(),
    }
}
