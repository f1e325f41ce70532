//! youki: `state.json` (every version since 0.0.1) and `youki_config.json`.
//!
//! Both generations of the RDT fields are read: `cleanUpIntelRdtSubdirectory` (0.1 to 0.6: the
//! group is named after the container) and `intelRdtDir`/`intelRdtMonitoringDir` (0.7 on).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::{
    CreatedAt, Hooks, RdtGroup, Record, RecordError, RecordedCgroup, RecordedInit, RecordedRdt,
    checked_pid, from_json,
};
use crate::oci::{RuntimeKind, Status};

/// Name of the state file.
pub const STATE: &str = "state.json";
/// Name of the file with the cgroup path and the hooks.
pub const CONFIG: &str = "youki_config.json";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct YoukiState {
    oci_version: String,
    id: String,
    status: Status,
    pid: Option<i64>,
    bundle: PathBuf,
    annotations: Option<BTreeMap<String, String>>,
    created: Option<String>,
    creator: Option<u32>,
    clean_up_intel_rdt_subdirectory: Option<bool>,
    intel_rdt_dir: Option<PathBuf>,
    intel_rdt_monitoring_dir: Option<PathBuf>,
}

#[derive(Deserialize)]
struct YoukiConfig {
    hooks: Option<oci_spec::runtime::Hooks>,
    cgroup_path: PathBuf,
}

/// Parses `state.json`. The cgroup path and the hooks stay unknown until [`complete`].
pub fn parse(state: &[u8]) -> Result<Record, RecordError> {
    let state: YoukiState = from_json(STATE, state)?;
    let pid = state.pid.map_or(Ok(None), |pid| checked_pid(STATE, pid))?;
    let by_id = state.clean_up_intel_rdt_subdirectory == Some(true);
    let control = match state.intel_rdt_dir {
        Some(dir) => Some(RdtGroup::Path(dir)),
        None if by_id => Some(RdtGroup::Named(state.id.clone())),
        None => None,
    };
    Ok(Record {
        runtime: RuntimeKind::Youki,
        oci_version: Some(state.oci_version),
        stored_status: Some(state.status),
        init: pid.map(|pid| RecordedInit {
            pid,
            start_time: None,
        }),
        bundle: state.bundle,
        rootfs: None,
        created: state.created.map(|text| CreatedAt(text.into())),
        annotations: state.annotations.unwrap_or_default(),
        owner: state.creator.map(|uid| uid.to_string()),
        cgroup: RecordedCgroup::Unknown,
        rdt: RecordedRdt {
            // youki records a control group only if it made it for this container.
            owns_control: control.is_some(),
            control,
            monitoring: state.intel_rdt_monitoring_dir.map(RdtGroup::Path),
            class: None,
        },
        hooks: None,
        scope: None,
        private_pid_namespace: None,
        id: state.id,
    })
}

/// What `youki_config.json` alone says: the cgroup path and the hooks. It outlives a lost
/// `state.json`, so it can stand without a [`Record`].
pub fn parse_config(config: &[u8]) -> Result<(RecordedCgroup, Hooks), RecordError> {
    let config: YoukiConfig = from_json(CONFIG, config)?;
    let cgroup = match config.cgroup_path.to_str() {
        // A path like `:youki:ID` or `slice:prefix:name` is a systemd name where youki uses
        // systemd, and a literal directory name where it does not.
        Some(text) if !text.starts_with('/') && text.contains(':') => {
            RecordedCgroup::SliceOrLiteral(text.to_owned())
        }
        _ if config.cgroup_path.as_os_str().is_empty() => RecordedCgroup::Unknown,
        _ => RecordedCgroup::Everywhere(config.cgroup_path),
    };
    Ok((
        cgroup,
        config.hooks.as_ref().map(Hooks::from).unwrap_or_default(),
    ))
}

/// Adds what `youki_config.json` says to a record.
pub fn complete(record: &mut Record, config: &[u8]) -> Result<(), RecordError> {
    let (cgroup, hooks) = parse_config(config)?;
    record.cgroup = cgroup;
    record.hooks = Some(hooks);
    Ok(())
}

/// The state file again with another `status`, every other byte of meaning kept.
pub fn with_status(state: &[u8], status: Status) -> Result<Vec<u8>, RecordError> {
    // A `Value` and not `State`: what this version of youki wrote and ocitop does not know must
    // survive the rewrite. The input was already parsed typed, under a size cap.
    let mut value: serde_json::Map<String, serde_json::Value> = from_json(STATE, state)?;
    value.insert("status".to_owned(), status.as_str().into());
    serde_json::to_vec(&value).map_err(|source| RecordError::Syntax {
        file: STATE,
        source,
    })
}
