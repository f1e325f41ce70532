//! Huge pages. Read by path: few containers have any, so no descriptor is kept for them.

use std::path::PathBuf;

use crate::cgroup::Version;
use crate::cgroup::hugetlb::{page_size, parse_failures};
use crate::inventory::cgroups::for_controller;
use crate::inventory::control_file::ContainerCgroups;
use crate::inventory::limits::{number, strictest};
use crate::inventory::usage::Hugetlb;
use crate::kernel::read::kernel_text;

/// The page sizes this kernel counts, and where.
#[derive(Debug)]
pub(super) struct HugetlbSensor {
    dir: PathBuf,
    version: Version,
    pages: Vec<Hugetlb>,
}

impl HugetlbSensor {
    /// `None` without the controller.
    pub(super) fn open(cgroups: ContainerCgroups<'_>) -> Option<Self> {
        let (cgroup, version) = for_controller(cgroups.dirs, "hugetlb", cgroups.hierarchies)?;
        let dir = cgroup.dir(cgroups.hierarchies);
        let names = std::fs::read_dir(&dir).ok()?.flatten();
        let mut sizes: Vec<String> = names
            .filter_map(|entry| Some(page_size(entry.file_name().to_str()?)?.to_owned()))
            .collect();
        sizes.sort();
        let page = |size| Hugetlb {
            size,
            usage: None,
            limit: None,
            failures: None,
        };
        let mut sensor = Self {
            dir,
            version,
            pages: sizes.into_iter().map(page).collect(),
        };
        sensor.read_limits(cgroups);
        (!sensor.pages.is_empty()).then_some(sensor)
    }

    pub(super) fn read_limits(&mut self, cgroups: ContainerCgroups<'_>) {
        for page in &mut self.pages {
            let size = &page.size;
            page.limit = strictest(cgroups, "hugetlb", &|dir, version| match version {
                Version::V1 => number(dir, &format!("hugetlb.{size}.limit_in_bytes")),
                Version::V2 => number(dir, &format!("hugetlb.{size}.max")),
            });
        }
    }

    /// Usage and failures.
    pub(super) fn read(&mut self) {
        let (dir, version) = (&self.dir, self.version);
        for page in &mut self.pages {
            let text = |what: &str| {
                let name = format!("hugetlb.{}.{what}", page.size);
                kernel_text(&dir.join(name)).ok()?
            };
            let number = |what: &str| text(what)?.trim().parse().ok();
            (page.usage, page.failures) = match version {
                Version::V1 => (number("usage_in_bytes"), number("failcnt")),
                Version::V2 => (
                    number("current"),
                    text("events").as_deref().and_then(parse_failures),
                ),
            };
        }
    }

    /// As last read.
    pub(super) fn pages(&self) -> &[Hugetlb] {
        &self.pages
    }
}
