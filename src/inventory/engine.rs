//! The engine that a shim or a monitor works for, as its command line tells: containerd-shim(8)
//! `-namespace` and `-address`, conmon(8) with the paths of podman or CRI-O.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use serde::Serialize;

use super::Manager;
use super::manager::{EngineCommand, Managed, Request, manager_of};

/// Longest name of a namespace or of a socket that is believed.
const LONGEST: usize = 256;
/// The namespaces of containerd that dockerd and the CRI plugin use.
const MOBY: &str = "moby";
const CRI: &str = "k8s.io";
/// The socket that containerd's own commands ask without being told.
const SOCKET: &str = "/run/containerd/containerd.sock";

/// An engine, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerEngine {
    /// Which.
    pub manager: Manager,
    /// The namespace of containerd.
    pub namespace: Option<String>,
    /// The socket of containerd.
    pub address: Option<String>,
}

impl ContainerEngine {
    /// The engine of the shim or monitor with this name and this command line.
    pub fn of(command: &str, line: &[u8]) -> Option<Self> {
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        if command.starts_with("conmon") {
            let crio = words.iter().any(|word| holds(word, b"/crio"));
            return Some(Self::named(if crio {
                Manager::CriO
            } else {
                Manager::Podman
            }));
        }
        if command.starts_with("docker-containe") {
            return Some(Self::named(Manager::Docker));
        }
        if !command.starts_with("containerd-shim") {
            return None;
        }
        let namespace = option(&words, b"-namespace")?;
        Some(if namespace == MOBY {
            Self::named(Manager::Docker)
        } else {
            Self {
                manager: Manager::Containerd,
                namespace: Some(namespace),
                address: option(&words, b"-address"),
            }
        })
    }

    pub(super) fn named(manager: Manager) -> Self {
        Self {
            manager,
            namespace: None,
            address: None,
        }
    }

    /// The engine whose record of a container this is.
    pub fn of_record(path: &Path) -> Option<Self> {
        let has = |name: &str| path.iter().any(|part| part == name);
        let manager = if has("crio") {
            Manager::CriO
        } else {
            manager_of(path, path, &BTreeMap::new())?
        };
        // `io.containerd.runtime.v2.task/NAMESPACE/ID`
        let namespace = path
            .parent()
            .and_then(Path::file_name)
            .and_then(OsStr::to_str);
        let namespaced = manager == Manager::Containerd;
        Some(Self {
            namespace: namespace.filter(|_| namespaced).map(str::to_owned),
            ..Self::named(manager)
        })
    }

    /// Its own commands that remove a container of this id.
    pub fn removal(&self, id: &str) -> Vec<EngineCommand> {
        Managed::by(self, id).commands(Request::Remove)
    }

    /// The socket, if that is not the one that is asked without being told.
    pub(super) fn other_socket(&self) -> Option<&Path> {
        let other = self.address.as_deref().filter(|socket| *socket != SOCKET);
        other.map(Path::new)
    }

    /// Whether Kubernetes asks it.
    pub(super) fn is_cri(&self) -> bool {
        self.namespace.as_deref() == Some(CRI)
    }
}

fn holds(word: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(word, part).is_some()
}

/// The value of an option of Go's: `-name VALUE`, `--name VALUE`, `-name=VALUE`.
fn option(words: &[&[u8]], name: &[u8]) -> Option<String> {
    let after = |word: &[u8]| {
        let word = word
            .strip_prefix(b"-")
            .filter(|rest| rest.starts_with(b"-"))
            .unwrap_or(word);
        word.strip_prefix(name).map(<[u8]>::to_vec)
    };
    let mut words = words.iter();
    let value = loop {
        match after(words.next()?) {
            Some(rest) if rest.is_empty() => break words.next()?.to_vec(),
            Some(rest) if rest.starts_with(b"=") => break rest.get(1..)?.to_vec(),
            _ => {}
        }
    };
    let value = OsStr::from_bytes(&value).to_str()?;
    (1..=LONGEST)
        .contains(&value.len())
        .then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(command: &str, words: &[&str]) -> String {
        let line = words.join("\0");
        let engine = ContainerEngine::of(command, line.as_bytes());
        engine.map_or_else(String::new, |engine| removal(&engine))
    }

    /// Its only command.
    fn removal(engine: &ContainerEngine) -> String {
        let told = engine.removal("web");
        assert_eq!(told.len(), 1);
        told[0].command.clone()
    }

    #[test]
    fn the_way_of_each_engine_is_told_with_what_its_command_needs() {
        let shim = |words: &[&str]| said("containerd-shim", words);
        let socket = "/run/containerd/containerd.sock";
        let ctr = "ctr -n default task rm -f web; ctr -n default container rm web";
        assert_eq!(
            shim(&["s", "-namespace", "default", "-address", socket]),
            ctr
        );
        assert_eq!(shim(&["s", "--namespace=default", "-id", "web"]), ctr);
        let other = "/run/k3s/containerd/containerd.sock";
        assert_eq!(
            shim(&["s", "-namespace", "teama", "-address", other]),
            format!(
                "ctr -a {other} -n teama task rm -f web; ctr -a {other} -n teama container rm web"
            )
        );
        assert_eq!(shim(&["s", "-namespace", "k8s.io"]), "crictl rm -f web");
        assert_eq!(
            shim(&["s", "-namespace", "k8s.io", "-address", other]),
            format!("crictl -r unix://{other} rm -f web")
        );
        assert_eq!(shim(&["s", "-namespace", "moby"]), "docker rm -f web");
        let old = ["s", "-workdir", "/x"];
        assert_eq!(said("docker-containe", &old), "docker rm -f web");
        assert_eq!(shim(&old), "");
        let monitor = |words: &[&str]| said("conmon", words);
        assert_eq!(
            monitor(&["conmon", "-c", "web", "--exit-dir", "/run/libpod/exits"]),
            "podman rm -f web"
        );
        assert_eq!(
            monitor(&["conmon", "-c", "web", "--exit-dir", "/var/run/crio/exits"]),
            "crictl rm -f web"
        );
        assert_eq!(said("runc", &["runc", "delete", "web"]), "");
    }

    #[test]
    fn a_record_tells_whose_it_is_by_where_it_is() {
        for (path, command) in [
            ("/var/lib/docker/containers/web", "docker rm -f web"),
            (
                "/run/containerd/io.containerd.runtime.v2.task/teama/web",
                "ctr -n teama task rm -f web; ctr -n teama container rm web",
            ),
            (
                "/run/containerd/io.containerd.runtime.v2.task/moby/web",
                "docker rm -f web",
            ),
            (
                "/var/lib/containers/storage/overlay-containers/web",
                "podman rm -f web",
            ),
            ("/run/crio/web", "crictl rm -f web"),
        ] {
            let engine = ContainerEngine::of_record(Path::new(path)).unwrap();
            assert_eq!(removal(&engine), command);
        }
        assert_eq!(
            ContainerEngine::of_record(Path::new("/var/lib/lxc/web")),
            None
        );
    }

    #[test]
    fn what_a_command_line_says_is_one_word_to_a_shell_and_of_a_size() {
        let hostile = said(
            "containerd-shim",
            &["s", "-namespace", "a'; rm -rf ~", "-id"],
        );
        let word = r"'a'\''; rm -rf ~'";
        let both = format!("ctr -n {word} task rm -f web; ctr -n {word} container rm web");
        assert_eq!(hostile, both);
        let long = "a".repeat(LONGEST + 1);
        assert_eq!(said("containerd-shim", &["s", "-namespace", &long]), "");
    }
}
