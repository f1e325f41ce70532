//! crun: `status` (0.14 on) and the full `config.json` beside it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::{
    CreatedAt, Hooks, RdtGroup, Record, RecordError, RecordedCgroup, RecordedInit, RecordedRdt,
    checked_pid, from_json,
};
use crate::oci::RuntimeKind;

/// Name of the state file.
pub const STATUS: &str = "status";
/// Name of the copy of the bundle's configuration.
pub const CONFIG: &str = "config.json";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CrunStatus {
    pid: i64,
    process_start_time: Option<u64>,
    cgroup_path: PathBuf,
    /// Empty without systemd's driver.
    scope: Option<String>,
    /// Written by 1.10 to 1.23 only.
    intelrdt: Option<String>,
    rootfs: Option<PathBuf>,
    bundle: PathBuf,
    created: Option<String>,
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CrunConfig {
    oci_version: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
    hooks: Option<oci_spec::runtime::Hooks>,
    linux: Option<CrunLinux>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct CrunLinux {
    cgroups_path: Option<String>,
    namespaces: Option<Vec<CrunNamespace>>,
    intel_rdt: Option<CrunIntelRdt>,
}

#[derive(Deserialize)]
struct CrunNamespace {
    #[serde(rename = "type")]
    kind: String,
    path: Option<String>,
}

#[derive(Deserialize)]
struct CrunIntelRdt {
    #[serde(rename = "closID")]
    clos_id: Option<String>,
    #[serde(rename = "enableMonitoring")]
    enable_monitoring: Option<bool>,
}

/// Parses `status`. `id` is the directory's name: the file holds none. Hooks, annotations and the
/// namespaces stay unknown until [`complete`].
pub fn parse(id: &str, status: &[u8]) -> Result<Record, RecordError> {
    let status: CrunStatus = from_json(STATUS, status)?;
    let pid = checked_pid(STATUS, status.pid)?;
    let start_time = status.process_start_time.filter(|ticks| *ticks > 0);
    let group = status.intelrdt.filter(|name| !name.is_empty());
    Ok(Record {
        runtime: RuntimeKind::Crun,
        id: id.to_owned(),
        oci_version: None,
        stored_status: None,
        init: pid.map(|pid| RecordedInit { pid, start_time }),
        bundle: status.bundle,
        rootfs: status.rootfs,
        created: status.created.map(|text| CreatedAt(text.into())),
        annotations: BTreeMap::new(),
        owner: status.owner,
        cgroup: if status.cgroup_path.as_os_str().is_empty() {
            RecordedCgroup::Disabled
        } else {
            RecordedCgroup::Everywhere(status.cgroup_path)
        },
        scope: status.scope.filter(|name| !name.is_empty()),
        rdt: RecordedRdt {
            // A group of another name is a closID that the spec gave: it may be shared.
            owns_control: group.as_deref() == Some(id),
            control: group.map(RdtGroup::Named),
            monitoring: None,
            class: None,
        },
        hooks: None,
        private_pid_namespace: None,
    })
}

/// What `config.json` alone says of a container whose `status` is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromConfig {
    /// Where crun puts it: `linux.cgroupsPath`, else its id.
    pub cgroup: RecordedCgroup,
    /// Its hooks.
    pub hooks: Hooks,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Runtime-spec version.
    pub oci_version: Option<String>,
    /// Whether it has a pid namespace of its own.
    pub private_pid_namespace: bool,
    /// Its resctrl groups, derived as crun 1.24 and later do.
    pub rdt: RecordedRdt,
}

/// Parses `config.json`.
pub fn parse_config(id: &str, config: &[u8]) -> Result<FromConfig, RecordError> {
    let config: CrunConfig = from_json(CONFIG, config)?;
    let linux = config.linux.unwrap_or_default();
    let own_pid =
        |ns: &CrunNamespace| ns.kind == "pid" && ns.path.as_deref().unwrap_or("").is_empty();
    let cgroup = match linux.cgroups_path.filter(|path| !path.is_empty()) {
        Some(path) if path.contains(':') => RecordedCgroup::SliceOrLiteral(path),
        Some(path) => RecordedCgroup::Everywhere(PathBuf::from(path)),
        None => RecordedCgroup::Everywhere(PathBuf::from(id)),
    };
    Ok(FromConfig {
        cgroup,
        hooks: config.hooks.as_ref().map(Hooks::from).unwrap_or_default(),
        annotations: config.annotations.unwrap_or_default(),
        oci_version: config.oci_version,
        private_pid_namespace: linux.namespaces.iter().flatten().any(own_pid),
        rdt: linux
            .intel_rdt
            .map(|rdt| derived_rdt(id, rdt))
            .unwrap_or_default(),
    })
}

fn derived_rdt(id: &str, rdt: CrunIntelRdt) -> RecordedRdt {
    let clos_id = rdt.clos_id.filter(|name| !name.is_empty());
    let owned = clos_id.is_none();
    let group = clos_id.unwrap_or_else(|| id.to_owned());
    let monitoring = format!("{group}/mon_groups/{id}");
    RecordedRdt {
        class: (!owned).then(|| group.clone()),
        control: Some(RdtGroup::Named(group)),
        owns_control: owned,
        monitoring: (rdt.enable_monitoring == Some(true)).then_some(RdtGroup::Named(monitoring)),
    }
}

/// Adds what `config.json` says to a record.
pub fn complete(record: &mut Record, config: &[u8]) -> Result<(), RecordError> {
    let found = parse_config(&record.id, config)?;
    record.hooks = Some(found.hooks);
    record.annotations = found.annotations;
    record.oci_version = found.oci_version;
    record.private_pid_namespace = Some(found.private_pid_namespace);
    if record.rdt.control.is_none() {
        record.rdt = found.rdt;
    } else {
        // A closID that the spec gave may be shared, also if it equals the id.
        record.rdt.owns_control &= found.rdt.owns_control;
        record.rdt.monitoring = found.rdt.monitoring;
    }
    Ok(())
}
