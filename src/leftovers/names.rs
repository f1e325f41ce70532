//! How runtimes and engines name the cgroups of containers, told from the path of one.
//!
//! From their documentation and sources; the table in the tests has a line for each. A name is a
//! hint, never proof: any cgroup may be called `web`. Names that many share (`docker`, `kubepods`,
//! `libpod_parent`) are told apart, because what lies below them has owners that come and go.

use std::fmt;

use serde::Serialize;

use crate::oci::ContainerId;

/// Who names cgroups like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Producer {
    /// runc.
    Runc,
    /// crun.
    Crun,
    /// youki.
    Youki,
    /// dockerd, by whichever runtime.
    Docker,
    /// containerd: ctr, nerdctl, CRI.
    Containerd,
    /// podman.
    Podman,
    /// CRI-O.
    #[serde(rename = "cri-o")]
    CriO,
    /// A pod of the kubelet.
    Kubelet,
    /// LXC, LXD, Incus.
    Lxc,
    /// Kata Containers.
    Kata,
    /// Nomad.
    Nomad,
    /// Some runtime, told by an id of 64 hex digits or by a path of the systemd driver.
    Runtime,
}

impl Producer {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Youki => "youki",
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::Podman => "podman",
            Self::CriO => "cri-o",
            Self::Kubelet => "kubelet",
            Self::Lxc => "lxc",
            Self::Kata => "kata",
            Self::Nomad => "nomad",
            Self::Runtime => "a runtime",
        }
    }
}

impl fmt::Display for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a cgroup's path says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CgroupName {
    /// It is a container's.
    Container(Producer, String),
    /// It is a pod's: containers are below it, and it is the pod's own only while there are none.
    Pod(Producer, String),
    /// Many share it: not to be offered, but what is below it may be.
    Shared,
    /// It is named as systemd names units: systemd's business, what is below may be a container's.
    Unit,
    /// It does not look like a container's.
    Plain,
}

/// What precedes an id of 64 digits in the name of a scope or, with podman and CRI-O, of a cgroup.
const LONG: [(&str, Producer); 9] = [
    ("docker-", Producer::Docker),
    ("nerdctl-", Producer::Containerd),
    ("cri-containerd-", Producer::Containerd),
    ("crio-conmon-", Producer::CriO),
    ("crio-", Producer::CriO),
    ("libpod-conmon-", Producer::Podman),
    ("libpod-payload-", Producer::Podman),
    ("libpod-", Producer::Podman),
    ("buildkit-", Producer::Docker),
];

/// What precedes any id in the name of a scope.
const SHORT: [(&str, Producer); 3] = [
    ("runc-", Producer::Runc),
    ("crun-", Producer::Crun),
    ("youki-", Producer::Youki),
];

/// Parents in which each child is one container, with ids of any form.
const NAMESPACES: [(&str, Producer); 6] = [
    ("moby", Producer::Docker),
    ("k8s.io", Producer::Containerd),
    ("default", Producer::Containerd),
    ("buildkit", Producer::Containerd),
    ("youki", Producer::Youki),
    ("kata_overhead", Producer::Kata),
];

/// Cgroups that many containers share.
const SHARED: [&str; 16] = [
    "docker",
    "buildkit",
    "moby",
    "k8s.io",
    "default",
    "youki",
    "kubepods",
    "burstable",
    "besteffort",
    "guaranteed",
    "libpod_parent",
    "lxc",
    "lxc.pivot",
    "ecs",
    "kata_overhead",
    "conmon",
];

/// What systemd names its units (systemd.unit(5)), as far as they have cgroups.
const UNITS: [&str; 6] = [".slice", ".service", ".scope", ".mount", ".socket", ".swap"];

/// Whether a name is that of a unit of this type: `web.scope`.
pub(super) fn is_unit(name: &str, kind: &str) -> bool {
    name.strip_suffix(kind)
        .is_some_and(|stem| stem.ends_with('.'))
}

fn is_long(id: &str) -> bool {
    id.len() == 64
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_id(id: &str) -> bool {
    id.parse::<ContainerId>().is_ok_and(|id| id.is_portable())
}

/// A pod's uid: a UUID, or for a static pod 32 hex digits.
fn is_uid(uid: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<&str> = uid.split(['-', '_']).collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    parts.iter().all(|part| hex(part)) && (lengths == [8, 4, 4, 4, 12] || lengths == [32])
}

fn container(producer: Producer, id: &str) -> CgroupName {
    CgroupName::Container(producer, id.to_owned())
}

/// What the last name of a path says; `above` are those above it, from the hierarchy's root.
pub fn parse(above: &[&str], name: &str) -> CgroupName {
    let parent = above.last().copied().unwrap_or_default();
    if let Some(id) = name.strip_prefix(":youki:").filter(|id| is_id(id)) {
        return container(Producer::Youki, id);
    }
    if let Some(found) = literal(name) {
        return found;
    }
    if let Some(stem) = name.strip_suffix(".scope") {
        return scope(parent, stem);
    }
    if let Some(stem) = name.strip_suffix(".slice") {
        return pod_slice(stem).unwrap_or(CgroupName::Unit);
    }
    if UNITS.iter().any(|end| name.ends_with(end)) {
        return CgroupName::Unit;
    }
    if is_long(name) {
        return container(of_parent(above), name);
    }
    // Without systemd docker and containerd give the bare id; these two keep their prefix.
    let prefixed = long(name);
    if let Some((id, producer @ (Producer::Podman | Producer::CriO))) = prefixed {
        return container(producer, id);
    }
    let below = |top: &str| above.contains(&top);
    if let Some(uid) = name
        .strip_prefix("pod")
        .filter(|uid| is_uid(uid) && below("kubepods"))
    {
        return CgroupName::Pod(Producer::Kubelet, uid.to_owned());
    }
    for prefix in ["lxc.payload.", "lxc.monitor."] {
        if let Some(id) = name.strip_prefix(prefix).filter(|id| is_id(id)) {
            return container(Producer::Lxc, id);
        }
    }
    if let Some(id) = name.strip_prefix("kata_").filter(|id| is_long(id)) {
        return container(Producer::Kata, id);
    }
    let shared = SHARED.contains(&name) && (name != "conmon" || parent == "libpod_parent");
    let inner = matches!(name, "burstable" | "besteffort" | "guaranteed") && parent != "kubepods";
    if shared && !inner {
        return CgroupName::Shared;
    }
    match NAMESPACES.iter().find(|(known, _)| *known == parent) {
        // At the top of its hierarchy only: `default` may be anybody's anywhere else.
        Some((_, producer)) if above.len() == 1 && is_id(name) => container(*producer, name),
        _ => CgroupName::Plain,
    }
}

/// A systemd-style path that a cgroupfs driver took literally: `SLICE:PREFIX:NAME`.
fn literal(name: &str) -> Option<CgroupName> {
    let mut parts = name.splitn(3, ':');
    let (slice, prefix, id) = (parts.next()?, parts.next()?, parts.next()?);
    if !is_unit(slice, "slice") || !is_id(id) {
        return None;
    }
    let dashed = format!("{prefix}-");
    let known = LONG
        .iter()
        .chain(&SHORT)
        .find(|(known, _)| *known == dashed);
    let producer = known.map_or(Producer::Runtime, |(_, producer)| *producer);
    Some(container(producer, id))
}

fn scope(parent: &str, stem: &str) -> CgroupName {
    if let Some((id, producer)) = long(stem) {
        return container(producer, id);
    }
    let short = SHORT.iter().find_map(|(prefix, producer)| {
        let id = stem.strip_prefix(prefix).filter(|id| is_id(id))?;
        Some(container(*producer, id))
    });
    if let Some(found) = short {
        return found;
    }
    // Nomad: `ALLOC.TASK`, where ALLOC is a UUID.
    match stem.split_once('.') {
        Some((alloc, _)) if parent == "nomad.slice" && is_uid(alloc) && is_id(stem) => {
            container(Producer::Nomad, stem)
        }
        _ => CgroupName::Unit,
    }
}

fn long(stem: &str) -> Option<(&str, Producer)> {
    LONG.iter().find_map(|(prefix, producer)| {
        let id = stem.strip_prefix(prefix).filter(|id| is_long(id))?;
        Some((id, *producer))
    })
}

/// `kubepods-burstable-podUID`, kind's `kubelet-kubepods-…`, `machine-libpod_pod_ID`.
fn pod_slice(stem: &str) -> Option<CgroupName> {
    let (before, last) = stem.rsplit_once('-').unwrap_or(("", stem));
    if let Some(id) = last.strip_prefix("libpod_pod_").filter(|id| is_long(id)) {
        return Some(CgroupName::Pod(Producer::Podman, id.to_owned()));
    }
    let uid = last.strip_prefix("pod").filter(|uid| is_uid(uid))?;
    let kubelet = before.split('-').any(|part| part == "kubepods");
    kubelet.then(|| CgroupName::Pod(Producer::Kubelet, uid.to_owned()))
}

/// Whose an id of 64 digits is, by what it lies in.
fn of_parent(above: &[&str]) -> Producer {
    let inside = |name: &str| above.contains(&name);
    if inside("docker") || inside("moby") {
        Producer::Docker
    } else if inside("kubepods") || inside("k8s.io") {
        Producer::Containerd
    } else if inside("libpod_parent") {
        Producer::Podman
    } else {
        Producer::Runtime
    }
}

#[cfg(test)]
mod tests;
