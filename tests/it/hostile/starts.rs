//! Containers that say they are created, with something else where their init waits.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use ocitop::oci::RuntimeKind;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

use super::entries::{fifo, socket};
use super::{Place, all_hold, picture, same};

/// A running container of the fixture machine that claims to be created.
fn created(runtime: RuntimeKind) -> Place {
    let Place { machine, id } = Place::new(b"x");
    let machine = machine.running("x", runtime);
    let place = Place { machine, id };
    if runtime == RuntimeKind::Youki {
        place
            .machine
            .edit("x", |state| state["status"] = "created".into());
    }
    place
}

/// A socket whose backlog is full: a connect would wait for ever.
fn full(path: &Path) -> Vec<rustix::fd::OwnedFd> {
    let open = |flags| socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
    let listener = open(SocketFlags::empty());
    let address = SocketAddrUnix::new(path).unwrap();
    rustix::net::bind(&listener, &address).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let mut held = vec![listener];
    loop {
        let socket = open(SocketFlags::NONBLOCK);
        let refused = rustix::net::connect(&socket, &address).is_err();
        held.push(socket);
        if refused {
            return held;
        }
    }
}

type Make = fn(&Place, &Path) -> Vec<rustix::fd::OwnedFd>;

const ROWS: [(&str, RuntimeKind, &str, Make); 13] = [
    (
        "runc: a symlink",
        RuntimeKind::Runc,
        "exec.fifo",
        |p, at| link(p, at),
    ),
    (
        "runc: a regular file",
        RuntimeKind::Runc,
        "exec.fifo",
        |_, at| file(at),
    ),
    (
        "runc: a directory",
        RuntimeKind::Runc,
        "exec.fifo",
        |_, at| dir(at),
    ),
    ("runc: a socket", RuntimeKind::Runc, "exec.fifo", |_, at| {
        sock(at)
    }),
    (
        "runc: nobody writes",
        RuntimeKind::Runc,
        "exec.fifo",
        |_, at| pipe(at),
    ),
    (
        "crun: a symlink",
        RuntimeKind::Crun,
        "exec.fifo",
        |p, at| link(p, at),
    ),
    (
        "crun: a regular file",
        RuntimeKind::Crun,
        "exec.fifo",
        |_, at| file(at),
    ),
    (
        "crun: nobody reads",
        RuntimeKind::Crun,
        "exec.fifo",
        |_, at| pipe(at),
    ),
    (
        "youki: a symlink to a socket",
        RuntimeKind::Youki,
        "notify.sock",
        |p, at| {
            let listener = UnixListener::bind(p.canary().join("s")).unwrap();
            symlink(p.canary().join("s"), at).unwrap();
            vec![listener.into()]
        },
    ),
    (
        "youki: a regular file",
        RuntimeKind::Youki,
        "notify.sock",
        |_, at| file(at),
    ),
    (
        "youki: nobody listens",
        RuntimeKind::Youki,
        "notify.sock",
        |_, at| sock(at),
    ),
    (
        "youki: a full backlog",
        RuntimeKind::Youki,
        "notify.sock",
        |_, at| full(at),
    ),
    (
        "youki: nothing",
        RuntimeKind::Youki,
        "notify.sock",
        |_, _| Vec::new(),
    ),
];

fn link(place: &Place, at: &Path) -> Vec<rustix::fd::OwnedFd> {
    symlink(place.canary().join("precious"), at).unwrap();
    Vec::new()
}

fn file(at: &Path) -> Vec<rustix::fd::OwnedFd> {
    fs::write(at, "").unwrap();
    Vec::new()
}

fn dir(at: &Path) -> Vec<rustix::fd::OwnedFd> {
    fs::create_dir(at).unwrap();
    Vec::new()
}

fn sock(at: &Path) -> Vec<rustix::fd::OwnedFd> {
    socket(at);
    Vec::new()
}

fn pipe(at: &Path) -> Vec<rustix::fd::OwnedFd> {
    fifo(at);
    Vec::new()
}

#[test]
fn nothing_hostile_is_started_or_waited_for() {
    let mut failed = Vec::new();
    for (name, runtime, file, make) in ROWS {
        let place = created(runtime);
        let held = make(&place, &place.dir().join(file));
        let whole = [place.outside(), vec![place.machine.root()]].concat();
        let before = picture(&whole);
        let outcome = place.on_id(&["start"]).and_then(|said| {
            if said.code == Some(0) {
                return Err("started".to_owned());
            }
            same(&before, &picture(&whole), "start")
        });
        failed.extend(outcome.err().map(|why| format!("{name}: {why}")));
        drop(held);
    }
    all_hold(&failed);
}
