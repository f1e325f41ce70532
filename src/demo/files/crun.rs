//! What crun writes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::facts::{RecordFacts, put};
use crate::demo::containers::Situation;
use crate::oci::record;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CrunStatusFile<'a> {
    pid: i32,
    process_start_time: u64,
    cgroup_path: String,
    scope: &'static str,
    rootfs: PathBuf,
    systemd_cgroup: bool,
    bundle: &'a Path,
    created: String,
    owner: String,
    detached: bool,
    #[serde(rename = "external_descriptors")]
    external_descriptors: &'static str,
}

pub(super) fn write(dir: &Path, facts: &RecordFacts<'_>) -> io::Result<()> {
    let uid = nix::unistd::geteuid();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    let status = CrunStatusFile {
        pid: facts.init.pid,
        process_start_time: facts.init.start_time,
        cgroup_path: facts
            .groups
            .path
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        scope: "",
        rootfs: facts.bundle.join("rootfs"),
        systemd_cgroup: false,
        bundle: facts.bundle,
        created: format!("{:.6}", facts.created),
        owner: user.map_or_else(|| uid.to_string(), |user| user.name),
        detached: true,
        external_descriptors: r#"["/dev/null","/dev/null","/dev/null"]"#,
    };
    let mut text = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    status.serialize(&mut serde_json::Serializer::with_formatter(
        &mut text, indent,
    ))?;
    text.push(b'\n');
    if facts.container.situation == Situation::Corrupt {
        text.truncate(text.len() / 3);
    }
    put(dir, record::crun::STATUS, 0o700, &text)?;
    let config = fs::read(facts.bundle.join("config.json"))?;
    put(dir, record::crun::CONFIG, 0o700, &config)
}
