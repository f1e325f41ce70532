//! How long it takes to find 200 leftovers among live containers, in the process and as a command.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use ocitop::config::Roots;
use ocitop::inventory::Machine;
use ocitop::leftovers::{Confidence, KnownBefore, find};

use crate::crowd::Herd;
use crate::pty::program;
use crate::report;

/// Of each of eight kinds.
const EACH: usize = 25;
const ROUNDS: usize = 20;
/// Milliseconds.
const GOAL: f64 = 100.0;

pub(crate) fn scan(herd: &Herd, count: usize) {
    herd.fill("web", count).unwrap();
    plant(herd);
    let roots = Roots {
        state: herd.roots().to_vec(),
        ..Roots::default()
    };
    let machine = Machine::new(&roots);
    let mut found = find(&machine, &KnownBefore::default());
    let of = |confidence| found.of(confidence).count();
    println!(
        "{count} live; certain {}, likely {}, unknown {}; {} cgroups looked at",
        of(Confidence::Certain),
        of(Confidence::Likely),
        of(Confidence::Unknown),
        found.cgroups
    );
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        found = find(&machine, &KnownBefore::default());
        times.push(found.took);
    }
    report("the search", times, GOAL);
    let program = program();
    let command = || -> Duration {
        let start = Instant::now();
        let mut command = Command::new(&program);
        command.args(herd.arguments()).arg("leftovers");
        // Its status is 1: there are leftovers.
        let status = command.stdout(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{status}");
        start.elapsed()
    };
    let times = (0..ROUNDS).map(|_| command()).collect();
    report("ocitop leftovers", times, GOAL);
}

/// Plants below the herd's own cgroups what engines leave, and state directories without a state.
fn plant(herd: &Herd) {
    for number in 0..EACH {
        let id = |kind: usize| format!("{:064x}", (kind + 1) * 1000 + number);
        let broken = format!("broken-{number}");
        let uid = format!("{number:08x}-1111-2222-3333-444455556666");
        for path in [
            format!("docker/{}", id(0)),
            format!("system.slice/docker-{}.scope", id(1)),
            format!("system.slice/runc-{}.scope/in", id(2)),
            format!("system.slice/crun-{}.scope/container", id(3)),
            format!(":youki:left-{number}"),
            format!("kubepods/burstable/pod{uid}/{}", id(5)),
            format!("libpod_parent/libpod-{}", id(6)),
            broken.clone(),
        ] {
            for top in herd.cgroups() {
                fs::create_dir_all(top.join(&path)).unwrap();
            }
        }
        fs::create_dir(herd.roots()[0].join(broken)).unwrap();
    }
    herd.cgroups().for_each(age);
    age(&herd.roots()[0]);
}

/// Makes everything below as old as three hours: what is young may be in the making.
fn age(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            age(&entry.path());
        }
    }
    let then = SystemTime::now() - Duration::from_hours(3);
    fs::File::open(dir).unwrap().set_modified(then).unwrap();
}
