//! The engine above a container, told from its root, bundle and annotations.

mod commands;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::engine::ContainerEngine;
use super::roots::user_of;
use crate::oci::ContainerKey;
use crate::oci::record::{Record, RecordedCgroup};
pub use commands::{EngineCommand, Object, Request};

/// The engine above the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// dockerd.
    Docker,
    /// containerd (ctr, nerdctl, CRI).
    Containerd,
    /// CRI-O.
    #[serde(rename = "cri-o")]
    CriO,
    /// podman.
    Podman,
}

impl Manager {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
        }
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which engine manages this container, if any shows. Where the engine put it comes before what its
/// annotations say: those come from whoever made it, too.
///
/// ```
/// use ocitop::inventory::{Manager, manager::manager_of};
/// let bundle = "/var/lib/containers/storage/overlay-containers/7f3c/userdata";
/// let found = manager_of("/run/crun".as_ref(), bundle.as_ref(), &Default::default());
/// assert_eq!(found, Some(Manager::Podman));
/// ```
pub fn manager_of(
    root: &Path,
    bundle: &Path,
    annotations: &BTreeMap<String, String>,
) -> Option<Manager> {
    let has = |path: &Path, name: &str| path.components().any(|part| part.as_os_str() == name);
    let docker = |path: &Path| has(path, "docker") || has(path, "moby");
    if task_dir(bundle).is_some() {
        return Some(if docker(bundle) {
            Manager::Docker
        } else {
            Manager::Containerd
        });
    }
    match () {
        () if docker(root) => return Some(Manager::Docker),
        () if has(root, "containerd") => return Some(Manager::Containerd),
        () => {}
    }
    match annotations.get("io.container.manager").map(String::as_str) {
        Some("libpod") => return Some(Manager::Podman),
        Some("cri-o") => return Some(Manager::CriO),
        _ => {}
    }
    let is_of_crio = |key: &String| key.starts_with("io.kubernetes.cri-o.");
    if annotations.keys().any(is_of_crio) {
        return Some(Manager::CriO);
    }
    let is_stored = has(bundle, "overlay-containers") || has(bundle, "vfs-containers");
    is_stored.then_some(Manager::Podman)
}

/// Where containerd keeps the task of this bundle: its own directory, the namespace, the id.
fn task_dir(bundle: &Path) -> Option<(PathBuf, OsString)> {
    let mut above = PathBuf::new();
    let mut parts = bundle.components();
    while let Some(part) = parts.next() {
        let name = part.as_os_str().to_str().unwrap_or_default();
        if name.starts_with("io.containerd.runtime.v") {
            let namespace = parts.next().map_or(OsStr::new(""), |part| part.as_os_str());
            return Some((above, namespace.to_owned()));
        }
        above.push(part);
    }
    None
}

/// A container that an engine manages, and what of it is needed to name it to that engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// Which engine.
    pub engine: Manager,
    /// What the engine calls it.
    id: OsString,
    /// Whose engine, if not root's.
    user: Option<u32>,
    /// How the engine is asked.
    client: Client,
}

/// The program by which an engine is asked, and what that has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Client {
    Docker,
    /// The pod it is in.
    Podman(Option<String>),
    Ctr(Containerd),
    Nerdctl(Containerd),
    Cri(Cri),
}

/// Which containerd, and which of its namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Containerd {
    /// Its socket, if that is not the one that its clients look for.
    address: Option<PathBuf>,
    namespace: OsString,
}

/// What Kubernetes knows it by.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cri {
    /// As for containerd.
    address: Option<PathBuf>,
    /// It is the sandbox of a pod (the pause container), with which the pod ends.
    is_sandbox: bool,
    /// Namespace and name of its pod.
    pod: Option<(String, String)>,
}

impl Managed {
    /// As a record says, which `uid` could write.
    pub fn told_by(key: &ContainerKey, uid: u32, record: &Record) -> Option<Self> {
        let (bundle, annotations) = (record.bundle.as_path(), &record.annotations);
        let engine = manager_of(key.root(), bundle, annotations)?;
        let task = task_dir(bundle);
        let address = task.as_ref().and_then(|(dir, _)| socket_of(dir));
        let any = |prefix: &str| annotations.keys().any(|key| key.starts_with(prefix));
        let client = match engine {
            Manager::Docker => Client::Docker,
            Manager::Podman => Client::Podman(pod_of(&record.cgroup)),
            Manager::CriO => Client::Cri(Cri::of(annotations, None)),
            Manager::Containerd if any("io.kubernetes.cri.") => {
                Client::Cri(Cri::of(annotations, address))
            }
            Manager::Containerd => {
                // containerd's shims give each namespace a state root of its name.
                let of_root = || key.root().file_name().unwrap_or_default().to_owned();
                let namespace = task.map_or_else(of_root, |(_, namespace)| namespace);
                let asked = Containerd { address, namespace };
                if any("nerdctl/") {
                    Client::Nerdctl(asked)
                } else {
                    Client::Ctr(asked)
                }
            }
        };
        Some(Self {
            engine,
            id: key.name().to_owned(),
            // Where users lay out directories, theirs is all that a record can speak of.
            user: Some(uid).filter(|uid| *uid != 0).or(user_of(key.root())),
            client,
        })
    }

    /// One of root's engine, of which no more is known.
    pub fn plainly(engine: Manager, id: impl Into<OsString>) -> Self {
        Self::by(&ContainerEngine::named(engine), id)
    }

    /// One of an engine that a shim or a monitor works for.
    pub fn by(engine: &ContainerEngine, id: impl Into<OsString>) -> Self {
        let address = engine.other_socket().map(Path::to_owned);
        let client = match engine.manager {
            Manager::Docker => Client::Docker,
            Manager::Podman => Client::Podman(None),
            Manager::CriO => Client::Cri(Cri::of(&BTreeMap::new(), None)),
            Manager::Containerd if engine.is_cri() => {
                Client::Cri(Cri::of(&BTreeMap::new(), address))
            }
            Manager::Containerd => Client::Ctr(Containerd {
                address,
                namespace: engine.namespace.as_deref().unwrap_or("default").into(),
            }),
        };
        Self {
            engine: engine.manager,
            id: id.into(),
            user: None,
            client,
        }
    }
}

impl Cri {
    /// From the annotations of containerd's CRI plugin, CRI-O's, or the kubelet's own.
    fn of(annotations: &BTreeMap<String, String>, address: Option<PathBuf>) -> Self {
        let first = |keys: [&str; 3]| {
            let mut found = keys.into_iter().filter_map(|key| annotations.get(key));
            found.find(|value| !value.is_empty()).cloned()
        };
        let namespace = first([
            "io.kubernetes.cri.sandbox-namespace",
            "io.kubernetes.cri-o.Namespace",
            "io.kubernetes.pod.namespace",
        ]);
        let name = first([
            "io.kubernetes.cri.sandbox-name",
            "io.kubernetes.cri-o.KubeName",
            "io.kubernetes.pod.name",
        ]);
        let kind = first([
            "io.kubernetes.cri.container-type",
            "io.kubernetes.cri-o.ContainerType",
            "",
        ]);
        Self {
            address,
            is_sandbox: kind.as_deref() == Some("sandbox"),
            pod: namespace.zip(name),
        }
    }
}

/// The socket of the containerd that keeps its state here, if it is not the usual one.
fn socket_of(dir: &Path) -> Option<PathBuf> {
    let usual = ["/run/containerd", "/var/run/containerd"].map(Path::new);
    if usual.contains(&dir) {
        return None;
    }
    let beside = dir.iter().any(|name| name == "microk8s");
    let at = if beside { dir.parent()? } else { dir };
    Some(at.join("containerd.sock"))
}

/// The pod whose cgroup a container of podman's is in.
fn pod_of(cgroup: &RecordedCgroup) -> Option<String> {
    let paths: Vec<&str> = match cgroup {
        RecordedCgroup::PerController(paths) => {
            paths.values().filter_map(|path| path.to_str()).collect()
        }
        RecordedCgroup::Everywhere(path) => path.to_str().into_iter().collect(),
        RecordedCgroup::SliceOrLiteral(text) => vec![text],
        RecordedCgroup::Disabled | RecordedCgroup::Unknown => Vec::new(),
    };
    paths.into_iter().find_map(pod_in)
}

/// `…/machine-libpod_pod_ID.slice/…` with systemd, `…/libpod_parent/ID/…` without.
fn pod_in(path: &str) -> Option<String> {
    let names: Vec<&str> = path.split(['/', ':']).collect();
    let slice = names.iter().find_map(|name| {
        let (_, pod) = name.split_once("libpod_pod_")?;
        pod.strip_suffix(".slice")
    });
    let below = || {
        names.windows(2).find_map(|names| match names {
            ["libpod_parent", id] => Some(*id),
            _ => None,
        })
    };
    let id = slice.or_else(below)?;
    let is_id = id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

#[cfg(test)]
mod tests;
