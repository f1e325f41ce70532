//! runc: `state.json` (1.0 to 1.5), where many keys flip between "always" and "omitted".

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{
    CreatedAt, Hook, Hooks, RdtGroup, Record, RecordError, RecordedCgroup, RecordedInit,
    RecordedRdt, checked_pid, from_json,
};
use crate::oci::RuntimeKind;

/// Name of the state file.
pub const STATE: &str = "state.json";

#[derive(Deserialize)]
struct RuncState {
    id: String,
    init_process_pid: i64,
    #[serde(default)]
    init_process_start: u64,
    created: Option<String>,
    #[serde(default)]
    config: RuncConfig,
    cgroup_paths: Option<BTreeMap<String, PathBuf>>,
    intel_rdt_path: Option<PathBuf>,
    intel_rdt_mon_path: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
struct RuncConfig {
    rootfs: Option<PathBuf>,
    labels: Option<Vec<String>>,
    version: Option<String>,
    namespaces: Option<Vec<RuncNamespace>>,
    #[serde(rename = "Hooks")]
    hooks: Option<RuncHooks>,
    intel_rdt: Option<RuncIntelRdt>,
}

#[derive(Deserialize)]
struct RuncNamespace {
    #[serde(rename = "type")]
    kind: String,
    path: Option<String>,
}

#[derive(Deserialize)]
struct RuncHooks {
    poststart: Option<Vec<Option<RuncHook>>>,
    poststop: Option<Vec<Option<RuncHook>>>,
}

#[derive(Deserialize)]
struct RuncHook {
    path: PathBuf,
    args: Option<Vec<String>>,
    env: Option<Vec<String>>,
    /// Go's `time.Duration`: nanoseconds.
    timeout: Option<i64>,
}

#[derive(Deserialize)]
struct RuncIntelRdt {
    #[serde(rename = "closID")]
    clos_id: Option<String>,
}

impl From<RuncHook> for Hook {
    fn from(hook: RuncHook) -> Self {
        let nanos = hook
            .timeout
            .and_then(|n| u64::try_from(n).ok())
            .filter(|n| *n > 0);
        Self {
            path: hook.path,
            args: hook.args.unwrap_or_default(),
            env: hook.env,
            timeout: nanos.map(Duration::from_nanos),
        }
    }
}

fn hooks(list: Option<Vec<Option<RuncHook>>>) -> Vec<Hook> {
    list.into_iter()
        .flatten()
        .flatten()
        .map(Hook::from)
        .collect()
}

/// `labels` holds the annotations and the bundle as `key=value`.
fn split_labels(labels: Vec<String>) -> (PathBuf, BTreeMap<String, String>) {
    let mut bundle = PathBuf::new();
    let mut annotations = BTreeMap::new();
    for label in labels {
        match label.split_once('=') {
            Some(("bundle", path)) => bundle = PathBuf::from(path),
            Some((key, value)) => drop(annotations.insert(key.to_owned(), value.to_owned())),
            None => {}
        }
    }
    (bundle, annotations)
}

fn recorded_rdt(
    id: &str,
    control: Option<PathBuf>,
    monitoring: Option<PathBuf>,
    config: Option<&RuncIntelRdt>,
) -> RecordedRdt {
    let some = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
    let named = config
        .and_then(|rdt| rdt.clos_id.as_deref())
        .is_some_and(|id| !id.is_empty());
    RecordedRdt {
        // 1.5 forgets in another process that it made `<mount>/<id>`.
        control: match some(control) {
            Some(path) => Some(RdtGroup::Path(path)),
            None if config.is_some() && !named => Some(RdtGroup::Named(id.to_owned())),
            None => None,
        },
        // runc makes `<mount>/<id>` only where the spec gives no closID; a named one is shared.
        owns_control: !named,
        monitoring: some(monitoring).map(RdtGroup::Path),
        class: config
            .and_then(|rdt| rdt.clos_id.clone())
            .filter(|id| !id.is_empty()),
    }
}

/// Parses `state.json`.
pub fn parse(state: &[u8]) -> Result<Record, RecordError> {
    parse_state(from_json(STATE, state)?)
}

fn parse_state(state: RuncState) -> Result<Record, RecordError> {
    let pid = checked_pid(STATE, state.init_process_pid)?;
    let start_time = Some(state.init_process_start).filter(|ticks| *ticks > 0);
    let config = state.config;
    let (bundle, annotations) = split_labels(config.labels.unwrap_or_default());
    let private_pid = config.namespaces.map(|list| {
        let own = |ns: &RuncNamespace| ns.path.as_deref().unwrap_or_default().is_empty();
        list.iter().any(|ns| ns.kind == "NEWPID" && own(ns))
    });
    let hooks = config.hooks.map_or_else(Hooks::default, |lists| Hooks {
        poststart: hooks(lists.poststart),
        poststop: hooks(lists.poststop),
    });
    Ok(Record {
        runtime: RuntimeKind::Runc,
        rdt: recorded_rdt(
            &state.id,
            state.intel_rdt_path,
            state.intel_rdt_mon_path,
            config.intel_rdt.as_ref(),
        ),
        id: state.id,
        oci_version: config.version,
        stored_status: None,
        init: pid.map(|pid| RecordedInit { pid, start_time }),
        bundle,
        rootfs: config.rootfs,
        created: state.created.map(|text| CreatedAt(text.into())),
        annotations,
        owner: None,
        cgroup: match state.cgroup_paths {
            Some(paths) if !paths.is_empty() => RecordedCgroup::PerController(paths),
            _ => RecordedCgroup::Unknown,
        },
        hooks: Some(hooks),
        scope: None,
        private_pid_namespace: private_pid,
    })
}
