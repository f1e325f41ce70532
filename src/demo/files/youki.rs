//! What youki writes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::facts::{RecordFacts, annotations, cgroups_path, put};
use crate::demo::child::{HIDDEN, REFUSE};
use crate::demo::containers::Situation;
use crate::demo::start_wait::bind;
use crate::oci::{Status, record};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct YoukiStateFile<'a> {
    oci_version: &'static str,
    id: &'a str,
    status: Status,
    pid: i32,
    bundle: &'a Path,
    annotations: BTreeMap<&'static str, String>,
    created: String,
    creator: u32,
    use_systemd: bool,
    intel_rdt_dir: Option<PathBuf>,
}

#[derive(Serialize)]
struct YoukiConfigFile {
    hooks: Value,
    cgroup_path: String,
}

pub(super) fn write(dir: &Path, facts: &RecordFacts<'_>) -> io::Result<()> {
    let state = YoukiStateFile {
        oci_version: "1.1.0",
        id: &facts.container.id,
        status: facts.status,
        pid: facts.init.pid,
        bundle: facts.bundle,
        annotations: annotations(facts.container),
        created: format!("{:.9}", facts.created),
        creator: rustix::process::geteuid().as_raw(),
        use_systemd: false,
        intel_rdt_dir: None,
    };
    let hooks = if facts.container.situation == Situation::FailingHook {
        json!({"poststop": [{
            "path": facts.program, "args": ["ocitop", HIDDEN, REFUSE], "timeout": 5,
        }]})
    } else {
        Value::Null
    };
    let config = YoukiConfigFile {
        hooks,
        cgroup_path: cgroups_path(facts.container, facts.groups),
    };
    put(
        dir,
        record::youki::STATE,
        0o644,
        &serde_json::to_vec(&state)?,
    )?;
    put(
        dir,
        record::youki::CONFIG,
        0o644,
        &serde_json::to_vec(&config)?,
    )?;
    // The socket file outlives the start; a waiting init has bound its own.
    if facts.container.situation == Situation::Created {
        return Ok(());
    }
    bind(dir).map(drop)
}
