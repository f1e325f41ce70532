//! What an engine is told to do with a container of its own, as commands for a shell. Every name in them
//! was read from disk, and whoever made the container chose it: each is one quoted word.

use std::ffi::OsStr;
use std::path::Path;

use super::{Client, Containerd, Cri, Managed, Manager};
use crate::kernel::Signal;
use crate::text::shell::{operand, quoted};

/// What the engine is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
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
pub struct EngineCommand {
    /// To what.
    pub object: Object,
    /// For a shell of the host's, root's or that of the engine's user.
    pub command: String,
}

impl Managed {
    /// The engine's own way, the one that lasts first; none where the engine has none, or where it is a
    /// user's record that speaks of an engine of root's.
    pub fn commands(&self, request: Request) -> Vec<EngineCommand> {
        self.commands_for(request, rustix::process::geteuid().as_raw())
    }

    /// These in one line; `None` if there are none.
    pub fn way(&self, request: Request) -> Option<String> {
        let told = self.commands(request);
        let word = |one: &EngineCommand| match one.object {
            Object::Pod if told.len() > 1 => format!("of its pod: {}", one.command),
            Object::Container | Object::Pod => one.command.clone(),
        };
        let words: Vec<String> = told.iter().map(word).collect();
        Some(words.join("; or ")).filter(|words| !words.is_empty())
    }

    /// As user `viewer` has to say it.
    pub(super) fn commands_for(&self, request: Request, viewer: u32) -> Vec<EngineCommand> {
        let id = self.id.as_os_str();
        let foreign = matches!(self.engine, Manager::Containerd | Manager::CriO);
        if self.user.is_some() && foreign {
            return Vec::new();
        }
        match &self.client {
            Client::Docker => self.docker(request, viewer),
            Client::Podman(pod) => self.podman(pod.as_deref(), request, viewer),
            Client::Ctr(at) => of_container(ctr(at, request, id)),
            Client::Nerdctl(at) => of_container(nerdctl(at, request, id)),
            Client::Cri(cri) => cri.commands(request, id),
        }
    }

    fn docker(&self, request: Request, viewer: u32) -> Vec<EngineCommand> {
        let verb = like_docker(request);
        let command = format!("docker {verb} {}", operand(&self.id));
        let socket = |user| format!("DOCKER_HOST=unix:///run/user/{user}/docker.sock");
        of_container(match self.user {
            None => command,
            Some(user) if user == viewer => format!("{} {command}", socket(user)),
            Some(user) => as_user(user, &socket(user), &command),
        })
    }

    fn podman(&self, pod: Option<&str>, request: Request, viewer: u32) -> Vec<EngineCommand> {
        let verb = like_docker(request);
        let whose = |command: String| match self.user {
            Some(user) if user != viewer => {
                as_user(user, &format!("XDG_RUNTIME_DIR=/run/user/{user}"), &command)
            }
            _ => command,
        };
        let mut told = of_container(whose(format!("podman {verb} {}", operand(&self.id))));
        // podman removes the container that holds a pod together only with the pod.
        told.extend(pod.map(|pod| EngineCommand {
            object: Object::Pod,
            command: whose(format!("podman pod {verb} {}", operand(pod))),
        }));
        told
    }
}

impl Cri {
    fn commands(&self, request: Request, id: &OsStr) -> Vec<EngineCommand> {
        let (kind, object) = if self.is_sandbox {
            ("p", Object::Pod)
        } else {
            ("", Object::Container)
        };
        let verb = match request {
            Request::Remove => format!("rm{kind} -f"),
            Request::Stop => format!("stop{kind}"),
            Request::Signal(_) | Request::Pause | Request::Resume => return Vec::new(),
        };
        let at = self.address.as_deref().map_or_else(String::new, |socket| {
            let mut url = std::ffi::OsString::from("unix://");
            url.push(socket);
            format!("-r {} ", quoted(url))
        });
        let mut told = Vec::new();
        // Of a container that is removed on the node alone the kubelet makes another.
        if let (Request::Remove, Some((namespace, name))) = (request, &self.pod) {
            let (namespace, name) = (quoted(namespace), operand(name));
            told.push(EngineCommand {
                object: Object::Pod,
                command: format!("kubectl -n {namespace} delete pod {name}"),
            });
        }
        told.push(EngineCommand {
            object,
            command: format!("crictl {at}{verb} {}", operand(id)),
        });
        told
    }
}

fn of_container(command: String) -> Vec<EngineCommand> {
    let object = Object::Container;
    vec![EngineCommand { object, command }]
}

/// The verb of docker, podman and nerdctl.
fn like_docker(request: Request) -> String {
    match request {
        Request::Remove => "rm -f".to_owned(),
        Request::Stop => "stop".to_owned(),
        Request::Signal(signal) => format!("kill -s {}", signal.0),
        Request::Pause => "pause".to_owned(),
        Request::Resume => "unpause".to_owned(),
    }
}

fn ctr(at: &Containerd, request: Request, id: &OsStr) -> String {
    let (ctr, id) = (at.client("ctr"), operand(id));
    match request {
        // The container stays when its task is gone.
        Request::Remove => format!("{ctr} task rm -f {id}; {ctr} container rm {id}"),
        Request::Stop => format!("{ctr} task kill -s {} {id}", Signal::TERM.0),
        Request::Signal(signal) => format!("{ctr} task kill -s {} {id}", signal.0),
        Request::Pause => format!("{ctr} task pause {id}"),
        Request::Resume => format!("{ctr} task resume {id}"),
    }
}

fn nerdctl(at: &Containerd, request: Request, id: &OsStr) -> String {
    let verb = like_docker(request);
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
