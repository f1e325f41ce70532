//! A container as `list` and `state` tell it: the fields of runc in runc's order, for there are
//! readers that look at the text, and after them what only ocitop knows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use crate::cgroup::Limit;
use crate::inventory::attention::AttentionReport;
use crate::inventory::{CgroupView, Container, Machine, Manager};
use crate::oci::{CreatedAt, RuntimeKind};

/// runc's `containerState`. Strings are as found: JSON escapes what a terminal must not see.
#[derive(Serialize)]
pub(super) struct ContainerState<'a> {
    #[serde(rename = "ociVersion")]
    pub(super) oci_version: &'a str,
    id: Cow<'a, str>,
    pid: i32,
    status: &'static str,
    bundle: Option<Cow<'a, str>>,
    rootfs: Option<Cow<'a, str>>,
    created: Option<&'a CreatedAt>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    owner: &'a str,
}

impl<'a> ContainerState<'a> {
    pub(super) fn of(container: &'a Container) -> Self {
        let text = |path: &'a Path| path.to_string_lossy();
        Self {
            oci_version: container.oci_version.as_deref().unwrap_or_default(),
            id: container.key.name().to_string_lossy(),
            pid: container.init.map_or(0, |init| init.pid),
            status: container.condition.as_str(),
            bundle: container.bundle.as_deref().map(text),
            rootfs: container.rootfs.as_deref().map(text),
            created: container.created.as_ref(),
            annotations: &container.annotations,
            owner: &container.owner,
        }
    }
}

/// An entry of `list -f json`.
#[derive(Serialize)]
pub(super) struct ListedEntry<'a> {
    #[serde(flatten)]
    state: ContainerState<'a>,
    runtime: Option<RuntimeKind>,
    root: Cow<'a, str>,
    manager: Option<Manager>,
    cgroup: Vec<CgroupView>,
    rdt: &'a [std::path::PathBuf],
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
    /// What of it needs a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    attention: Option<AttentionReport<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Used>,
}

impl<'a> ListedEntry<'a> {
    /// As of `now`, with `usage` where one look told it.
    pub(super) fn of(
        container: &'a Container,
        machine: &Machine,
        now: Timestamp,
        with_usage: bool,
    ) -> Self {
        Self {
            state: ContainerState::of(container),
            runtime: container.runtime,
            root: container.key.root().to_string_lossy(),
            manager: container.engine(),
            cgroup: container.cgroups_named(machine),
            rdt: &container.rdt,
            problem: container.problem.as_deref(),
            attention: container.attention.as_ref().map(|some| some.told(now)),
            usage: with_usage.then(|| Used::by(container)),
        }
    }
}

/// Gauges, counters and limits; `null` is "not available".
#[derive(Serialize)]
struct Used {
    cpu_seconds: Option<f64>,
    cpu_limit: Option<Limit>,
    memory: Option<u64>,
    memory_limit: Option<Limit>,
    pids: Option<u64>,
    pids_limit: Option<Limit>,
}

impl Used {
    fn by(container: &Container) -> Self {
        let usage = container.usage;
        let detail = container.detail.as_ref();
        Self {
            cpu_seconds: detail.and_then(|detail| detail.cpu.total),
            cpu_limit: usage.cpu_limit,
            memory: usage.memory,
            memory_limit: usage.memory_limit,
            pids: usage.pids,
            pids_limit: usage.pids_limit,
        }
    }
}
