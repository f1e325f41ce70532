//! Leftovers planted among look-alikes and live containers: all that is certain must be one, nearly
//! all must be found, and cleaning must leave everything else as it was. Everything lies below the
//! rig's own cgroup and in its own directory, and nothing else is looked at.

mod carried;
mod strays;
mod systemd;
mod unified;
mod unprivileged;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use crate::rig::{Ended, Rig, has_v1, skip, slowness, tops, until};

/// Planted of each of the eight kinds; a slow machine would take minutes over as many.
fn each() -> usize {
    if slowness() > 1 { 5 } else { 25 }
}

/// Live ones that are plain processes in cgroups named as containers are, with a shim that was told
/// the id.
fn live_ones() -> usize {
    each() * 20
}

/// An id of 64 digits that nobody else has.
fn id64(rig: &Rig, kind: usize, number: usize) -> String {
    let seed = format!("{}{kind}-{number}", rig.prefix());
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut id = String::new();
    for round in 0..4_u8 {
        for byte in seed.bytes().chain([round]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        std::fmt::Write::write_fmt(&mut id, format_args!("{state:016x}")).unwrap();
    }
    id
}

fn uid(number: usize) -> String {
    format!("{number:08x}-1111-2222-3333-444455556666")
}

/// Makes `path` below the rig's cgroup in these hierarchies; the directories.
fn plant(rig: &Rig, tops: &[PathBuf], path: &str) -> Vec<PathBuf> {
    let dirs = tops.iter().map(|top| top.join(rig.prefix()).join(path));
    let dirs: Vec<PathBuf> = dirs.collect();
    for dir in &dirs {
        fs::create_dir_all(dir).unwrap();
        // A new cpuset has no CPU until it is given one, and takes no process before.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            inherit(dir, file);
        }
    }
    dirs
}

fn inherit(dir: &Path, file: &str) {
    // On v2 an empty one has those of the one above.
    let has_it = has_v1() && dir.join(file).exists();
    let Some(above) = dir.parent().filter(|_| has_it) else {
        return;
    };
    let empty =
        |dir: &Path| fs::read_to_string(dir.join(file)).is_ok_and(|text| text.trim().is_empty());
    if empty(above) {
        inherit(above, file);
    }
    if empty(dir) {
        fs::write(dir.join(file), fs::read(above.join(file)).unwrap()).unwrap();
    }
}

/// Makes everything below as old as three hours.
fn age(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            age(&entry.path());
        }
    }
    let then = SystemTime::now() - Duration::from_hours(3);
    fs::File::open(dir).unwrap().set_modified(then).unwrap();
}

/// Every directory below.
fn tree(dir: &Path, out: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            tree(&entry.path(), out);
            out.insert(entry.path());
        }
    }
}

fn everything(rig: &Rig) -> BTreeSet<PathBuf> {
    let mut out = BTreeSet::new();
    for top in rig.cgroups("") {
        tree(&top, &mut out);
        out.insert(top);
    }
    tree(&rig.root(), &mut out);
    out
}

/// The planted ones: each by its directories, the first of which it is told by.
fn plant_all(rig: &Rig) -> Vec<Vec<PathBuf>> {
    let all = tops();
    let some = &all[..all.len().div_ceil(2)];
    let mut planted = Vec::new();
    for number in 0..each() {
        let id = |kind| id64(rig, kind, number);
        let paths = [
            format!("docker/{}", id(0)),
            format!("system.slice/docker-{}.scope", id(1)),
            format!("system.slice/runc-{}.scope/in", id(2)),
            format!("system.slice/crun-{}.scope/container", id(3)),
            format!(":youki:web-{number}"),
            format!("kubepods/burstable/pod{}/{}", uid(number), id(5)),
        ];
        for path in paths {
            plant(rig, &all, &path);
            // What is below the container's own cgroup goes with it.
            let own = path.trim_end_matches("/in").trim_end_matches("/container");
            planted.push(plant(rig, &all, own));
        }
        planted.push(plant(rig, some, &format!("libpod_parent/libpod-{}", id(6))));
        planted.push(broken_state(rig, number));
    }
    planted
}

/// A state directory that a crash left, with the cgroup of its name.
fn broken_state(rig: &Rig, number: usize) -> Vec<PathBuf> {
    let id = format!("{}-broken-{number}", rig.id());
    let dir = rig.root().join(&id);
    fs::create_dir_all(&dir).unwrap();
    match number % 3 {
        0 => fs::write(dir.join("state.json"), "").unwrap(),
        1 => fs::write(dir.join("state.json"), "{\"ociVersion\":\"1.0\",\"id\":").unwrap(),
        _ => {}
    }
    let mut dirs = vec![dir];
    dirs.extend(plant(rig, &tops(), &id));
    dirs
}

fn look_alikes(rig: &Rig) {
    let short = id64(rig, 9, 0).split_off(1);
    for path in [
        "system.slice/docker.service",
        "system.slice/containerd.service/worker",
        "user.slice/user-1000.slice/session-3.scope",
        "machine.slice/machine-qemu.scope",
        "process_api/0679feefa17c6ed19b77f8f9f8ec2269",
        "system.slice/docker-7f3c.scope",
        "docker-of-mine",
        "runc-web",
        "kubepods/besteffort",
        "libpod_parent/conmon",
        "init.scope",
        &short,
        &id64(rig, 9, 1).to_uppercase(),
    ] {
        plant(rig, &tops(), path);
    }
}

/// A process that is in a cgroup, and the shim that was told its id.
struct Lived(Vec<Child>);

impl Drop for Lived {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// A program that is named as a shim is, and waits.
fn shim(rig: &Rig) -> PathBuf {
    let shim = rig.scratch("containerd-shim-x");
    fs::write(&shim, "#!/bin/sh\nread forever\n").unwrap();
    fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
    shim
}

fn live(rig: &Rig) -> Lived {
    let shim = shim(rig);
    let mut children = Vec::new();
    for number in 0..live_ones() {
        let id = id64(rig, 8, number);
        let path = format!("kubepods/pod{}/{id}", uid(1000 + number));
        let dirs = plant(rig, &tops(), &path);
        let sleeper = Command::new("sleep")
            .arg("3000")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        for dir in dirs {
            fs::write(dir.join("cgroup.procs"), sleeper.id().to_string()).unwrap();
        }
        children.push(sleeper);
        let told = Command::new(&shim)
            .args(["-namespace", "k8s.io", "-id", &id])
            .stdin(Stdio::piped())
            .spawn();
        children.push(told.unwrap());
    }
    Lived(children)
}

/// `ocitop leftovers`, within the rig alone.
fn leftovers(rig: &Rig, args: &[&str]) -> Ended {
    let mut words = vec!["leftovers".to_owned()];
    words.extend(args.iter().map(|arg| (*arg).to_owned()));
    let own = tops().into_iter().map(|top| top.join(rig.prefix()));
    for dir in own.chain([rig.root()]) {
        words.extend(["--within".to_owned(), dir.to_str().unwrap().to_owned()]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    rig.ocitop(&words)
}

/// The first path of each that has this confidence.
fn of(list: &Value, confidence: &str) -> Vec<Vec<PathBuf>> {
    let list = list.as_array().unwrap().iter();
    let wanted = list.filter(|one| one["confidence"] == confidence);
    let paths = |one: &Value| -> Vec<PathBuf> {
        let paths = one["paths"].as_array().unwrap().iter();
        paths.map(|path| path.as_str().unwrap().into()).collect()
    };
    wanted.map(paths).collect()
}

/// A figure, told where libtest does not swallow it.
fn say(text: &str) {
    let line = format!("leftovers: {text}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Fails unless all that is certain was planted, all that is likely too (but for `stopped`), and
/// nearly all that was planted is among them. Prints the figures.
fn assert_found(planted: &[Vec<PathBuf>], list: &Value, stopped: &PathBuf) {
    let ours: BTreeSet<&PathBuf> = planted.iter().flatten().collect();
    let (certain, likely) = (of(list, "certain"), of(list, "likely"));
    let wrong = |all: &[Vec<PathBuf>]| -> Vec<PathBuf> {
        let paths = all.iter().flatten();
        let strange =
            paths.filter(|path| !ours.contains(path) && path.file_name() != stopped.file_name());
        strange.cloned().collect()
    };
    let seen: BTreeSet<&PathBuf> = certain.iter().chain(&likely).flatten().collect();
    let found = planted
        .iter()
        .filter(|dirs| seen.contains(&dirs[0]))
        .count();
    say(&format!(
        "{} planted, {} certain, {} likely, {} wrong, recall {:.1} %",
        planted.len(),
        certain.len(),
        likely.len(),
        wrong(&certain).len() + wrong(&likely).len(),
        100.0 * found as f64 / planted.len() as f64,
    ));
    assert_eq!(
        wrong(&certain),
        Vec::<PathBuf>::new(),
        "certain and no leftover"
    );
    assert!(!certain.iter().flatten().any(|path| path == stopped));
    assert_eq!(
        wrong(&likely),
        Vec::<PathBuf>::new(),
        "likely and no leftover"
    );
    assert!(
        found * 100 >= planted.len() * 95,
        "{found} of {}",
        planted.len()
    );
    assert_eq!(certain.len(), each());
}

/// Cleans all that is certain, then what is likely, by its paths.
fn clean_all(rig: &Rig, likely: &[Vec<PathBuf>], stopped: &PathBuf) {
    leftovers(rig, &["clean", "--yes"]).ok();
    let list = leftovers(rig, &["list", "-f", "json"]).json();
    assert_eq!(of(&list, "certain"), Vec::<Vec<PathBuf>>::new());
    let mut words = vec!["clean", "--yes"];
    let chosen = likely.iter().filter(|paths| !paths.contains(stopped));
    words.extend(chosen.map(|paths| paths[0].to_str().unwrap()));
    let cleaned = leftovers(rig, &words).ok();
    say(&format!(
        "{} cleaned by path in {:?}",
        words.len() - 2,
        cleaned.took
    ));
}

#[test]
fn what_was_planted_is_found_and_cleaned_and_nothing_else_is_touched() {
    let rig = match Rig::new(RuntimeKind::Runc) {
        Ok(rig) => rig,
        Err(reason) => return skip("leftovers", &reason),
    };
    if crate::rig::by_systemd() {
        return skip("leftovers", "planted by the cgroupfs driver's names");
    }
    let planted = plant_all(&rig);
    look_alikes(&rig);
    let lived = live(&rig);
    rig.run("live-1");
    rig.run("live-2");
    rig.create("made");
    rig.stopped("stopped");
    for top in rig.cgroups("") {
        age(&top);
    }
    age(&rig.root());
    // What is alive counts as soon as its shim says so.
    until("the shims have begun", || lived.0.iter().all(has_begun));
    let before = everything(&rig);
    let ended = leftovers(&rig, &["list", "-f", "json", "--all"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    say(&format!(
        "{:?} over {} directories",
        ended.took,
        before.len()
    ));
    let list = ended.json();
    let stopped = rig.root().join("stopped");
    assert_found(&planted, &list, &stopped);
    // A rehearsal changes nothing; without a terminal nobody can say yes.
    leftovers(&rig, &["clean", "--dry-run"]).ok();
    assert_eq!(leftovers(&rig, &["clean"]).code, 1);
    assert_eq!(everything(&rig), before);
    clean_all(&rig, &of(&list, "likely"), &stopped);
    let mut rest = before;
    rest.retain(|path| !planted.iter().flatten().any(|own| path.starts_with(own)));
    assert_eq!(everything(&rig), rest);
    for id in ["live-1", "live-2"] {
        assert_eq!(rig.status(id), "running");
    }
    assert_eq!(rig.status("made"), "created");
    drop(lived);
}

/// Whether a child has become the program it was made for: until then it has its parent's name.
fn has_begun(child: &Child) -> bool {
    let comm = fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap_or_default();
    comm.starts_with("sleep") || comm.starts_with("containerd-shim")
}
