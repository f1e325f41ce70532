//! Live usage against the kernel's own counters.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ocitop::config::Roots;
use ocitop::inventory::{Condition, Container, Machine, Sampler, Snapshot};
use ocitop::oci::Status;
use serde_json::json;

use crate::rig::{Rig, Spec, has_v1, number, until};

fn sampler(rig: &Rig) -> Sampler {
    let mut sampler = Sampler::new(Machine::new(&Roots {
        state: vec![rig.root()],
        ..Roots::default()
    }))
    .unwrap();
    sampler.watch_all();
    sampler
}

fn find(snapshot: &Snapshot, id: &str) -> Arc<Container> {
    let mut found = snapshot.containers.iter();
    found
        .find(|container| container.key.label() == id)
        .unwrap_or_else(|| panic!("{id} in {:?}", snapshot.containers))
        .clone()
}

/// CPU time used so far, from the kernel.
fn cpu_time(rig: &Rig, id: &str) -> Duration {
    if has_v1() {
        Duration::from_nanos(number(&rig.cgroup(id, "cpuacct"), "cpuacct.usage"))
    } else {
        let text = std::fs::read_to_string(rig.cgroup(id, "").join("cpu.stat")).unwrap();
        let usec = text
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        Duration::from_micros(usec.unwrap().parse().unwrap())
    }
}

/// Bytes charged, from the kernel.
fn memory(rig: &Rig, id: &str) -> u64 {
    let cgroup = rig.cgroup(id, "memory");
    number(
        &cgroup,
        if has_v1() {
            "memory.usage_in_bytes"
        } else {
            "memory.current"
        },
    )
}

with_each_runtime! {
    fn the_cpu_of_a_busy_loop_is_within_three_points_of_the_truth(rig: &Rig) {
        let spec = Spec {
            script: "while :; do :; done".to_owned(),
            resources: json!({"cpu": {"quota": 50_000, "period": 100_000}}),
            ..Spec::default()
        };
        rig.run_with("busy", &spec);
        let mut sampler = sampler(rig);
        let first = find(&sampler.pass(), "busy");
        assert_eq!(first.usage.cpu, None, "no rate after one look");
        let (used, at) = (cpu_time(rig, "busy"), Instant::now());
        // Long enough for many quota periods: one that is cut by a look weighs little.
        until("it burnt a second", || cpu_time(rig, "busy") >= used + Duration::from_secs(1));
        let second = find(&sampler.pass(), "busy");
        let truth = (cpu_time(rig, "busy").as_secs_f64() - used.as_secs_f64()) / at.elapsed().as_secs_f64();
        let said = second.usage.cpu.unwrap();
        assert!((said - truth * 100.0).abs() < 3.0, "{said} % against {} %", truth * 100.0);
        assert_eq!(second.usage.cpu_limit.unwrap().value(), Some(500_000));
        assert!(second.usage.throttled.unwrap() > 0.0);
    }

    fn memory_is_within_one_percent_of_the_cgroups_file(rig: &Rig) {
        let spec = Spec {
            // A tmpfs file of 24 MiB counts as its memory and is never reclaimed.
            script: "dd if=/dev/zero of=/tmp/fill bs=1M count=24; : > /filled; sleep 3000".to_owned(),
            resources: json!({"memory": {"limit": 67_108_864}, "pids": {"limit": 32}}),
            ..Spec::default()
        };
        rig.run_with("full", &spec);
        until("it has written", || rig.scratch("rootfs/filled").exists());
        let mut sampler = sampler(rig);
        sampler.pass();
        let mut last = String::new();
        // What the kernel says may move between two looks while a process starts.
        until("both agree at one moment", || {
            let before = memory(rig, "full");
            let usage = find(&sampler.pass(), "full").usage;
            let after = memory(rig, "full");
            let said = usage.memory.unwrap();
            last = format!("{said} against {before} and {after}");
            assert_eq!(usage.memory_limit.unwrap().value(), Some(67_108_864));
            assert_eq!(usage.pids_limit.unwrap().value(), Some(32));
            before == after && said.abs_diff(after) * 100 <= after
        });
        assert!(memory(rig, "full") > 24 << 20, "{last}");
    }

    fn tasks_are_counted(rig: &Rig) {
        rig.run("web");
        until("both processes run", || rig.processes().len() == 2);
        let mut sampler = sampler(rig);
        let usage = find(&sampler.pass(), "web").usage;
        assert_eq!(usage.pids, Some(2));
    }

    fn what_is_shown_in_detail_is_what_the_kernel_says(rig: &Rig) {
        rig.run("web");
        until("both processes run", || rig.processes().len() == 2);
        let container = find(&sampler(rig).pass(), "web");
        let detail = container.detail.as_deref().unwrap();
        assert!(detail.cpu.total.unwrap() <= cpu_time(rig, "web").as_secs_f64());
        assert!(detail.memory.peak.is_none_or(|peak| peak > 0));
        assert!(detail.memory.rss.is_some() && detail.memory.cache.is_some());
        let network = detail.network.as_ref().unwrap();
        // The rig's containers have no network namespace of their own.
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        assert_eq!(own.to_str(), Some(&*format!("net:[{}]", network.namespace)));
        assert!(network.host);
        assert_eq!(network.interfaces.last().unwrap().name, "lo");
    }

    fn a_scan_follows_pause_and_death_from_outside(rig: &Rig) {
        rig.run("web");
        let mut sampler = sampler(rig);
        let mut condition = move || find(&sampler.pass(), "web").condition;
        assert_eq!(condition(), Condition::Known(Status::Running));
        rig.runtime(&["pause", "web"]).ok();
        assert_eq!(condition(), Condition::Known(Status::Paused));
        rig.runtime(&["resume", "web"]).ok();
        assert_eq!(condition(), Condition::Known(Status::Running));
        rig.kill_init("web");
        assert_eq!(condition(), Condition::Known(Status::Stopped));
    }

    fn containers_come_and_go_between_scans(rig: &Rig) {
        let mut sampler = sampler(rig);
        assert_eq!(sampler.pass().containers.len(), 0);
        rig.run("web");
        let web = find(&sampler.pass(), "web");
        assert_eq!(web.init.unwrap().pid, rig.pid("web"));
        assert_eq!(web.runtime, Some(rig.kind));
        assert_eq!(web.problem, None);
        rig.runtime(&["delete", "--force", "web"]).ok();
        assert_eq!(sampler.pass().containers.len(), 0);
    }

    fn the_network_of_a_container_is_what_was_sent_in_its_namespace(rig: &Rig) {
        const SENT: u64 = 3_000_000;
        let spec = Spec { private_network: true, ..Spec::default() };
        rig.run_with("web", &spec);
        let mut sampler = sampler(rig);
        let mut look = || {
            let container = find(&sampler.pass(), "web");
            let network = container.detail.as_deref().unwrap().network.clone().unwrap();
            assert!(!network.host, "it has a namespace of its own");
            let lo = network.interfaces.into_iter().find(|one| one.name == "lo").unwrap();
            (lo.received_total, lo.sent_total)
        };
        let before = look();
        transfer(rig.pid("web"), SENT);
        let truth = received_on_lo(rig.pid("web"));
        let mut after = look();
        // Two looks in quick succession are one.
        until("ocitop says what the kernel says", || {
            after = look();
            after.0 == truth
        });
        let (received, sent) = after;
        for grown in [received - before.0, sent - before.1] {
            // Headers and acknowledgements come on top.
            assert!((SENT..SENT + SENT / 5).contains(&grown), "{grown} bytes of {SENT}");
        }
    }
}

/// Sends this many bytes over loopback in the network namespace of a process.
fn transfer(pid: i32, bytes: u64) {
    let namespace = format!("--net=/proc/{pid}/ns/net");
    let inside = |words: &[&str]| {
        let mut command = Command::new("nsenter");
        command.arg(&namespace).arg("busybox").args(words);
        command
    };
    let up = inside(&["ip", "link", "set", "lo", "up"]).status();
    assert!(up.unwrap().success());
    let mut listener = inside(&["nc", "-l", "-p", "4000"]);
    let mut listener = listener
        // At its end the listener would hang up.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Port 4000, listening.
    until("somebody listens", || {
        let sockets = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
        let other = std::fs::read_to_string(format!("/proc/{pid}/net/tcp6")).unwrap_or_default();
        sockets.contains(":0FA0 ") || other.contains(":0FA0 ")
    });
    let mut sender = inside(&["nc", "127.0.0.1", "4000"]);
    let mut sender = sender.stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = sender.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let block = vec![0; 65_536];
            let mut left = usize::try_from(bytes).unwrap();
            while left > 0 {
                let count = pipe.write(&block[..left.min(block.len())]).unwrap();
                left -= count;
            }
        });
        let mut arrived = listener.stdout.take().unwrap();
        let count = std::io::copy(&mut arrived, &mut std::io::sink()).unwrap();
        assert_eq!(count, bytes);
    });
    assert!(sender.wait().unwrap().success());
    assert!(listener.wait().unwrap().success());
}

/// Bytes received on loopback, from the kernel.
fn received_on_lo(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"));
    line.unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn cpu_and_memory_are_what_runcs_own_statistics_say() {
    let name = "cpu_and_memory_are_what_runcs_own_statistics_say";
    crate::rig::with(ocitop::oci::RuntimeKind::Runc, name, |rig| {
        let script = "dd if=/dev/zero of=/tmp/fill bs=1M count=24; sleep 3000";
        let spec = Spec {
            script: script.to_owned(),
            ..Spec::default()
        };
        rig.run_with("full", &spec);
        until("it has written", || memory(rig, "full") > 24 << 20);
        // Frozen, so that nothing is counted between the two looks.
        rig.runtime(&["pause", "full"]).ok();
        let own = rig.runtime(&["events", "--stats", "full"]).ok().json();
        let container = find(&sampler(rig).pass(), "full");
        let number = |path: &str| own.pointer(path).unwrap().as_u64().unwrap();
        let cpu = Duration::from_nanos(number("/data/cpu/usage/total")).as_secs_f64();
        let said = container.detail.as_deref().unwrap().cpu.total.unwrap();
        assert!(
            (said - cpu).abs() <= cpu / 100.0,
            "{said} s against {cpu} s"
        );
        let bytes = number("/data/memory/usage/usage");
        let said = container.usage.memory.unwrap();
        assert!(
            said.abs_diff(bytes) * 100 <= bytes,
            "{said} against {bytes}"
        );
    });
}
