//! What an engine is told to do with a container of its own, as commands for a shell. Every name in them
//! was read from disk, and whoever made the container chose it: each is one quoted word.

use std::ffi::OsStr;
use std::path::Path;

use super::{Client, Containerd, Cri, Managed, Manager};
use crate::kernel::Signal;
use crate::text::shell::{operand, quoted};

/// What the engine is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Remove it, running or not.
    Remove,
    /// Stop it.
    Stop,
    /// Send a signal to it.
    Signal(Signal),
    /// Freeze it.
    Pause,
    /// Thaw it.
    Resume,
}

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Object {
    /// The container.
    Container,
    /// The pod that it is in, with all that is in that.
    Pod,
}

/// One command that does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// To what.
    pub object: Object,
    /// For a shell of the host's, root's or that of the engine's user.
    pub command: String,
}

impl Managed {
    /// The engine's own way, the one that lasts first; none where the engine has none, or where it is a
    /// user's record that speaks of an engine of root's.
    pub fn commands(&self, deed: Deed) -> Vec<Told> {
        self.commands_for(deed, rustix::process::geteuid().as_raw())
    }

    /// These in one line; `None` if there are none.
    pub fn way(&self, deed: Deed) -> Option<String> {
        let told = self.commands(deed);
        let word = |one: &Told| match one.object {
            Object::Pod if told.len() > 1 => format!("of its pod: {}", one.command),
            _ => one.command.clone(),
        };
        let words: Vec<String> = told.iter().map(word).collect();
        Some(words.join("; or ")).filter(|words| !words.is_empty())
    }

    /// As user `viewer` has to say it.
    pub(super) fn commands_for(&self, deed: Deed, viewer: u32) -> Vec<Told> {
        let id = self.id.as_os_str();
        let foreign = matches!(self.engine, Manager::Containerd | Manager::CriO);
        if self.user.is_some() && foreign {
            return Vec::new();
        }
        match &self.client {
            Client::Docker => self.docker(deed, viewer),
            Client::Podman(pod) => self.podman(pod.as_deref(), deed, viewer),
            Client::Ctr(at) => of_container(ctr(at, deed, id)),
            Client::Nerdctl(at) => of_container(nerdctl(at, deed, id)),
            Client::Cri(cri) => cri.commands(deed, id),
        }
    }

    fn docker(&self, deed: Deed, viewer: u32) -> Vec<Told> {
        let verb = like_docker(deed);
        let command = format!("docker {verb} {}", operand(&self.id));
        let socket = |user| format!("DOCKER_HOST=unix:///run/user/{user}/docker.sock");
        of_container(match self.user {
            None => command,
            Some(user) if user == viewer => format!("{} {command}", socket(user)),
            Some(user) => as_user(user, &socket(user), &command),
        })
    }

    fn podman(&self, pod: Option<&str>, deed: Deed, viewer: u32) -> Vec<Told> {
        let verb = like_docker(deed);
        let whose = |command: String| match self.user {
            Some(user) if user != viewer => {
                as_user(user, &format!("XDG_RUNTIME_DIR=/run/user/{user}"), &command)
            }
            _ => command,
        };
        let mut told = of_container(whose(format!("podman {verb} {}", operand(&self.id))));
        // podman removes the container that holds a pod together only with the pod.
        told.extend(pod.map(|pod| Told {
            object: Object::Pod,
            command: whose(format!("podman pod {verb} {}", operand(pod))),
        }));
        told
    }
}

impl Cri {
    fn commands(&self, deed: Deed, id: &OsStr) -> Vec<Told> {
        let (kind, object) = if self.is_sandbox {
            ("p", Object::Pod)
        } else {
            ("", Object::Container)
        };
        let verb = match deed {
            Deed::Remove => format!("rm{kind} -f"),
            Deed::Stop => format!("stop{kind}"),
            Deed::Signal(_) | Deed::Pause | Deed::Resume => return Vec::new(),
        };
        let at = self.address.as_deref().map_or_else(String::new, |socket| {
            let mut url = std::ffi::OsString::from("unix://");
            url.push(socket);
            format!("-r {} ", quoted(url))
        });
        let mut told = Vec::new();
        // Of a container that is removed on the node alone the kubelet makes another.
        if let (Deed::Remove, Some((namespace, name))) = (deed, &self.pod) {
            let (namespace, name) = (quoted(namespace), operand(name));
            told.push(Told {
                object: Object::Pod,
                command: format!("kubectl -n {namespace} delete pod {name}"),
            });
        }
        told.push(Told {
            object,
            command: format!("crictl {at}{verb} {}", operand(id)),
        });
        told
    }
}

fn of_container(command: String) -> Vec<Told> {
    let object = Object::Container;
    vec![Told { object, command }]
}

/// The verb of docker, podman and nerdctl.
fn like_docker(deed: Deed) -> String {
    match deed {
        Deed::Remove => "rm -f".to_owned(),
        Deed::Stop => "stop".to_owned(),
        Deed::Signal(signal) => format!("kill -s {}", signal.0),
        Deed::Pause => "pause".to_owned(),
        Deed::Resume => "unpause".to_owned(),
    }
}

fn ctr(at: &Containerd, deed: Deed, id: &OsStr) -> String {
    let (ctr, id) = (at.client("ctr"), operand(id));
    match deed {
        // The container stays when its task is gone.
        Deed::Remove => format!("{ctr} task rm -f {id}; {ctr} container rm {id}"),
        Deed::Stop => format!("{ctr} task kill -s {} {id}", Signal::TERM.0),
        Deed::Signal(signal) => format!("{ctr} task kill -s {} {id}", signal.0),
        Deed::Pause => format!("{ctr} task pause {id}"),
        Deed::Resume => format!("{ctr} task resume {id}"),
    }
}

fn nerdctl(at: &Containerd, deed: Deed, id: &OsStr) -> String {
    let verb = like_docker(deed);
    format!("{} {verb} {}", at.client("nerdctl"), operand(id))
}

impl Containerd {
    /// Its client, told where and in which namespace.
    fn client(&self, program: &str) -> String {
        let at = |socket: &Path| format!(" -a {}", quoted(socket));
        let at = self.address.as_deref().map_or_else(String::new, at);
        format!("{program}{at} -n {}", quoted(&self.namespace))
    }
}

/// A command as another user, from a shell of root's: with that user's HOME, in a directory that user may
/// enter, and told where that user's engine listens. The shell asks for the name, which may be known
/// to the network alone.
fn as_user(user: u32, variable: &str, command: &str) -> String {
    format!("runuser -u \"$(id -nu {user})\" -- env -C / {variable} {command}")
}
