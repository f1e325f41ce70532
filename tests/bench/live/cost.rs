//! What the screen costs while it stands there, and how long it takes to come.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::crowd::Herd;
use crate::{open, report};

/// Until limits of many rows are known and what is new has been drawn.
const WARM_UP: Duration = Duration::from_mins(1);
const MEASURED: Duration = Duration::from_secs(30);
const STARTS: usize = 20;

/// CPU time of each thread by its name: user and system, in clock ticks.
fn threads(pid: Pid) -> BTreeMap<String, [u64; 2]> {
    let mut times: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let Ok(stat) = std::fs::read_to_string(thread.unwrap().path().join("stat")) else {
            continue;
        };
        let (head, tail) = stat.rsplit_once(") ").unwrap();
        let name = head.split_once('(').unwrap().1.to_owned();
        let fields: Vec<&str> = tail.split(' ').collect();
        // utime and stime are fields 14 and 15; the tail begins with field 3.
        let sum = times.entry(name).or_default();
        for (sum, field) in sum.iter_mut().zip(&fields[11..13]) {
            *sum += field.parse::<u64>().unwrap();
        }
    }
    times
}

pub(crate) fn screen(herd: &Herd, count: usize) {
    herd.fill("web", count).unwrap();
    let mut pty = open(herd);
    pty.sees("web-0");
    let pid = pty.pid();
    let mut wait = |time: Duration| {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            pty.take(left);
        }
    };
    wait(WARM_UP);
    let (start, before) = (Instant::now(), threads(pid));
    wait(MEASURED);
    let (elapsed, after) = (start.elapsed(), threads(pid));
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let percent = |ticked: u64| ticked as f64 / ticks / elapsed.as_secs_f64() * 100.0;
    println!("{:<16} {:>8} {:>8}", "thread", "user %", "system %");
    let mut sum = 0.0;
    for (name, [user, system]) in after {
        let [user_before, system_before] = before.get(&name).copied().unwrap_or_default();
        let (user, system) = (percent(user - user_before), percent(system - system_before));
        sum += user + system;
        if user + system > 0.0 {
            println!("{name:<16} {user:>8.2} {system:>8.2}");
        }
    }
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let resident: f64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    println!(
        "{count} containers: {sum:.2} % of one core, {:.1} MiB resident",
        resident / 1024.0
    );
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let inits = descriptors
        .filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
        .filter(|target| target.as_os_str() == "anon_inode:[pidfd]")
        .count();
    println!("{inits} inits held by a pidfd");
    println!("(goals: 20: 0.3 %; 1,000: 1.5 %, 40 MiB; 10,000: 10 %, 150 MiB)");
}

pub(crate) fn start(herd: &Herd, count: usize) {
    herd.fill("web", count).unwrap();
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let start = Instant::now();
        let mut pty = open(herd);
        pty.sees("web-0");
        times.push(start.elapsed());
    }
    report(&format!("start, {count} containers"), times, 60.0);
}
