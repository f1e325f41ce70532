//! The rows: how each entry is made, what must be seen of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::Deleted::{Gone, Refused};
use super::Listed::{Broken, Noted, Skipped, Status};
use super::{Place, Row};
use crate::support::machine::protect;

mod contents;
mod words;

pub(super) use contents::CONTENTS;
pub(super) use words::{CGROUPS, HOOKS, RESCTRL};

/// Every row.
pub(super) fn all() -> [&'static [Row]; 7] {
    [NAMES, PLACES, CONTENTS, CGROUPS, RESCTRL, HOOKS, TREES]
}

/// A good `status` of crun, no process, no cgroup.
pub(super) const CRUN: &str = r#"{"pid":0,"process-start-time":7,"cgroup-path":"/nowhere","scope":"","rootfs":"rootfs","systemd-cgroup":false,"bundle":"/bundle","created":"2023-11-14T23:00:00Z","owner":"root","detached":true}"#;
/// A good `state.json` of youki for `x`.
pub(super) const YOUKI: &str = r#"{"ociVersion":"1.1.0","id":"x","status":"stopped","pid":0,"bundle":"/bundle","created":"2023-11-14T23:00:00Z","creator":0,"useSystemd":false}"#;
/// A good `state.json` of runc for `x`.
pub(super) const RUNC: &str = r#"{"id":"x","init_process_pid":0,"init_process_start":7,"created":"2023-11-14T23:00:00Z","cgroup_paths":{"":"/sys/fs/cgroup/nowhere"},"config":{"labels":["bundle=/bundle"]}}"#;

/// A good container of crun.
pub(super) fn crun(place: &Place) {
    place.write("status", CRUN);
    place.write("config.json", r#"{"ociVersion":"1.0.2","linux":{}}"#);
}

/// A good container of youki.
pub(super) fn youki(place: &Place) {
    place.write("state.json", YOUKI);
    place.write("youki_config.json", r#"{"cgroup_path":"/nowhere"}"#);
}

/// A good container of runc.
pub(super) fn runc(place: &Place) {
    place.write("state.json", RUNC);
}

pub(super) fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

pub(super) fn socket(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
}

const LONG: [u8; 255] = [b'a'; 255];

macro_rules! row {
    ($name:literal, $id:expr, $make:expr, $list:expr, $delete:expr) => {
        Row {
            name: $name,
            id: $id,
            make: $make,
            list: $list,
            delete: $delete,
        }
    };
}
pub(super) use row;

const INVALID: &str = "invalid container ID format";

pub(super) const NAMES: &[Row] = &[
    row!(
        "two dots and a letter",
        b"..x",
        crun,
        Status("stopped"),
        Gone
    ),
    row!("three dots", b"...", crun, Status("stopped"), Gone),
    row!("hidden", b".hidden", crun, Status("stopped"), Gone),
    row!("like an option", b"-rf", crun, Status("stopped"), Gone),
    row!("255 bytes", &LONG, crun, Status("stopped"), Gone),
    row!("a blank", b"a b", crun, Status("stopped"), Gone),
    row!("an at sign", b"web@1", crun, Status("stopped"), Gone),
    row!("a colon", b"a:b", crun, Status("stopped"), Gone),
    row!("Hangul", "웹".as_bytes(), crun, Status("stopped"), Gone),
    row!("only a blank", b" ", crun, Status("stopped"), Gone),
    row!("a command", b"$(reboot);", crun, Status("stopped"), Gone),
    row!("a glob", b"*", crun, Status("stopped"), Gone),
    row!("a line end", b"a\nb", crun, Status("stopped"), Gone),
    row!("an escape", b"a\x1b[31mb", crun, Status("stopped"), Gone),
    row!(
        "not UTF-8",
        b"a\xffb",
        crun,
        Broken(INVALID),
        Refused("UTF-8")
    ),
    row!(
        "a bidi override",
        b"a\xe2\x80\xaeb",
        crun,
        Status("stopped"),
        Gone
    ),
    row!("a backslash", b"a\\n", crun, Status("stopped"), Gone),
    // A container of that very name comes before container `x` of youki.
    row!("like runtime:id", b"youki:x", crun, Status("stopped"), Gone),
    // Nor does a name reach out of what it is looked for in.
    row!(
        "like a cgroup path",
        b"..:..",
        crun,
        Status("stopped"),
        Gone
    ),
];

const NOT_DIR: &str = "not a directory; not followed";

pub(super) const PLACES: &[Row] = &[
    row!(
        "a symlink to /etc",
        b"x",
        |p| symlink("/etc", p.dir()).unwrap(),
        Broken(NOT_DIR),
        Refused("symlink")
    ),
    row!(
        "a symlink to a tree outside",
        b"x",
        |p| symlink(p.canary(), p.dir()).unwrap(),
        Broken(NOT_DIR),
        Refused("symlink")
    ),
    row!(
        "a relative symlink outside",
        b"x",
        |p| symlink("../canary", p.dir()).unwrap(),
        Broken(NOT_DIR),
        Refused("symlink")
    ),
    row!(
        "a symlink to another container",
        b"x",
        |p| symlink("bystander", p.dir()).unwrap(),
        Broken(NOT_DIR),
        Refused("symlink")
    ),
    row!(
        "a dangling symlink",
        b"x",
        |p| symlink("nothing", p.dir()).unwrap(),
        Broken(NOT_DIR),
        Refused("symlink")
    ),
    row!(
        "a symlink loop",
        b"x",
        |p| symlink("x", p.dir()).unwrap(),
        Broken(NOT_DIR),
        Refused("symlink")
    ),
    row!(
        "a FIFO",
        b"x",
        |p| fifo(&p.dir()),
        Broken(NOT_DIR),
        Refused("FIFO")
    ),
    row!(
        "a socket",
        b"x",
        |p| socket(&p.dir()),
        Broken(NOT_DIR),
        Refused("socket")
    ),
    row!(
        "a file",
        b"x",
        |p| fs::write(p.dir(), "").unwrap(),
        Skipped,
        Refused("file")
    ),
    row!(
        "an empty directory",
        b"x",
        |p| drop(p.make_dir()),
        Broken("no state file"),
        Gone
    ),
    row!(
        "status: an absolute symlink",
        b"x",
        |p| link(p, "status", &p.canary().join("precious")),
        Broken("status"),
        Gone
    ),
    row!(
        "status: a dangling symlink",
        b"x",
        |p| link(p, "status", Path::new("nothing")),
        Broken("status"),
        Gone
    ),
    row!(
        "status: a FIFO",
        b"x",
        |p| fifo(&p.make_dir().join("status")),
        Broken("status is a FIFO"),
        Gone
    ),
    row!(
        "status: a socket",
        b"x",
        |p| socket(&p.make_dir().join("status")),
        Broken("status is a socket"),
        Gone
    ),
    row!(
        "status: a directory",
        b"x",
        |p| fs::create_dir_all(p.make_dir().join("status/in")).unwrap(),
        Broken("status is a directory"),
        Gone
    ),
    row!(
        "state.json: a relative symlink",
        b"x",
        |p| link(p, "state.json", Path::new("../../canary/precious")),
        Broken("state.json"),
        Gone
    ),
    row!(
        "state.json: the bystander's",
        b"x",
        |p| link(p, "state.json", Path::new("../bystander/state.json")),
        Broken("state.json"),
        Gone
    ),
    row!(
        "state.json: a symlink loop",
        b"x",
        |p| link(p, "state.json", Path::new("state.json")),
        Broken("state.json"),
        Gone
    ),
    row!(
        "state.json: a FIFO",
        b"x",
        |p| fifo(&p.make_dir().join("state.json")),
        Broken("state.json is a FIFO"),
        Gone
    ),
    row!(
        "state.json: a socket",
        b"x",
        |p| socket(&p.make_dir().join("state.json")),
        Broken("state.json is a socket"),
        Gone
    ),
    row!(
        "state.json: a directory",
        b"x",
        |p| fs::create_dir(p.make_dir().join("state.json")).unwrap(),
        Broken("state.json is a directory"),
        Gone
    ),
    row!(
        "youki_config.json: a symlink",
        b"x",
        |p| {
            youki(p);
            fs::remove_file(p.dir().join("youki_config.json")).unwrap();
            link(p, "youki_config.json", &p.canary().join("precious"));
        },
        Noted("stopped", "youki_config.json"),
        Gone
    ),
    row!(
        "youki_config.json: a FIFO",
        b"x",
        |p| {
            p.write("state.json", YOUKI);
            fifo(&p.dir().join("youki_config.json"));
        },
        Noted("stopped", "youki_config.json is a FIFO"),
        Gone
    ),
    row!(
        "config.json: a symlink",
        b"x",
        |p| {
            p.write("status", CRUN);
            link(p, "config.json", &p.canary().join("precious"));
        },
        Noted("stopped", "config.json"),
        Gone
    ),
    row!(
        "config.json: a directory",
        b"x",
        |p| {
            p.write("status", CRUN);
            fs::create_dir(p.dir().join("config.json")).unwrap();
        },
        Noted("stopped", "config.json is a directory"),
        Gone
    ),
    row!(
        "exec.fifo: a regular file",
        b"x",
        |p| {
            runc(p);
            p.write("exec.fifo", "");
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "exec.fifo: a symlink",
        b"x",
        |p| {
            crun(p);
            link(p, "exec.fifo", &p.canary().join("precious"));
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "notify.sock: a symlink",
        b"x",
        |p| {
            youki(p);
            link(p, "notify.sock", &p.canary().join("precious"));
        },
        Status("stopped"),
        Gone
    ),
];

fn link(place: &Place, file: &str, target: &Path) {
    symlink(target, place.make_dir().join(file)).unwrap();
}

pub(super) const TREES: &[Row] = &[
    row!(
        "symlinks inside",
        b"x",
        |p| {
            crun(p);
            link(p, "a", &p.canary());
            link(p, "b", Path::new("/etc"));
            link(p, "c", Path::new(".."));
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "hard links to a file outside",
        b"x",
        |p| {
            crun(p);
            fs::hard_link(p.canary().join("precious"), p.dir().join("hard")).unwrap();
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "a state file that is a hard link",
        b"x",
        |p| {
            let dir = p.make_dir();
            fs::hard_link(p.canary().join("precious"), dir.join("status")).unwrap();
        },
        Broken("parse status"),
        Gone
    ),
    row!(
        "300 directories deep",
        b"x",
        |p| {
            crun(p);
            deep(&p.dir(), 300);
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "two trees 100 deep, files in them",
        b"x",
        |p| {
            crun(p);
            for name in ["one", "two"] {
                let top = p.dir().join(name);
                fs::create_dir(&top).unwrap();
                deep(&top, 100);
            }
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "5,000 files",
        b"x",
        |p| {
            crun(p);
            for number in 0..5000 {
                fs::write(p.dir().join(number.to_string()), "").unwrap();
            }
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "names that a terminal obeys",
        b"x",
        |p| {
            crun(p);
            fs::create_dir(p.dir().join("\x1b[2J\n")).unwrap();
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "a directory that nobody may read",
        b"x",
        |p| {
            crun(p);
            let shut = p.dir().join("shut");
            fs::create_dir(&shut).unwrap();
            protect(&shut, 0o700);
        },
        Status("stopped"),
        Gone
    ),
    row!(
        "FIFOs and sockets inside",
        b"x",
        |p| {
            crun(p);
            fifo(&p.dir().join("fifo"));
            socket(&p.dir().join("sock"));
        },
        Status("stopped"),
        Gone
    ),
];

/// Makes `count` directories, each in the one before, a file in each.
fn deep(top: &Path, count: usize) {
    let mut dir = top.to_owned();
    for _ in 0..count {
        dir.push("d");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("f"), "").unwrap();
    }
}
