//! Live usage beyond the three counters, of fixture machines.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ocitop::cgroup::Limit;
use ocitop::inventory::{Detail, Sampler, Usage};
use ocitop::oci::RuntimeKind;

use crate::support::machine::Machine;

fn dir(machine: &Machine, controller: &str) -> PathBuf {
    let mut dirs = machine.cgroup_dirs("web").into_iter();
    let has = |dir: &PathBuf| dir.parent().unwrap().ends_with(controller);
    match machine.version() {
        ocitop::cgroup::Version::V2 => dirs.next().unwrap(),
        ocitop::cgroup::Version::V1 => dirs.find(has).unwrap(),
    }
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(dir.join(name), text).unwrap();
    }
}

fn sampler(machine: &Machine) -> Sampler {
    let mut sampler = Sampler::new(machine.machine()).unwrap();
    sampler.watch_all();
    sampler
}

fn look(sampler: &mut Sampler) -> (Usage, Detail) {
    let container = sampler.pass().containers.remove(0);
    let detail = container.detail.as_deref().cloned();
    (container.usage, detail.unwrap())
}

/// Lets the shortest time pass of which a rate is made.
fn while_time_passes() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(60) {
        std::thread::yield_now();
    }
}

const NET_DEV: &str = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
  eth0: 335986755   13292    0    2    0     0          0         0   723012    7420    0    0    0     0       0          0
";

/// A container whose init, of this pid, has a network.
fn with_network(machine: &Machine, namespace: &str) {
    symlink("net:[1]", machine.proc().join("1/ns/net")).unwrap();
    let init = machine.processes("web").into_iter().min().unwrap();
    let init = machine.proc().join(init.to_string());
    symlink(namespace, init.join("ns/net")).unwrap();
    fs::create_dir(init.join("net")).unwrap();
    fs::write(init.join("net/dev"), NET_DEV).unwrap();
}

/// Files of a cgroup, with the controllers on.
const V2: &[(&str, &str)] = &[
    (
        "cpu.stat",
        "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_periods 10\n\
                 nr_throttled 1\nthrottled_usec 500000\n",
    ),
    ("memory.current", "20971520\n"),
    (
        "memory.stat",
        "anon 1000\nfile 2000\nkernel 300\ninactive_file 1520\n",
    ),
    (
        "memory.events",
        "low 0\nhigh 4\nmax 35\noom 2\noom_kill 1\noom_group_kill 0\n",
    ),
    ("memory.high", "16777216\n"),
    ("memory.peak", "20971520\n"),
    ("memory.swap.current", "4096\n"),
    ("memory.swap.max", "max\n"),
    ("pids.peak", "7\n"),
    (
        "io.stat",
        "254:0 rbytes=9437184 wbytes=1048576 rios=16 wios=257 dbytes=0 dios=0\n",
    ),
    (
        "memory.pressure",
        "some avg10=27.14 avg60=5.57 avg300=1.18 total=3755185\n\
                 full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    ),
    ("hugetlb.2MB.current", "2097152\n"),
    ("hugetlb.2MB.max", "9223372036854771712\n"),
    ("hugetlb.2MB.events", "max 3\n"),
    ("hugetlb.2MB.rsvd.current", "0\n"),
];

#[test]
fn v2_files_say_what_a_container_uses_in_detail() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    write(&dir(&machine, ""), V2);
    let (usage, detail) = look(&mut sampler(&machine));
    assert_eq!(
        (usage.oom_kills, usage.working_set),
        (Some(1), Some(20_970_000))
    );
    assert_eq!(
        (usage.cpu, usage.throttled, usage.io_read),
        (None, None, None)
    );
    assert_eq!(
        (detail.cpu.total, detail.cpu.stalled_total),
        (Some(3.0), Some(0.5))
    );
    assert_eq!(
        (detail.cpu.user, detail.cpu.stalled),
        (None, None),
        "one look is no rate"
    );
    let memory = detail.memory;
    assert_eq!(
        (memory.rss, memory.cache, memory.kernel),
        (Some(1000), Some(2000), Some(300))
    );
    assert_eq!(
        (memory.swap, memory.swap_limit),
        (Some(4096), Some(Limit::Max))
    );
    assert_eq!(
        (memory.high, memory.peak),
        (Some(Limit::At(1 << 24)), Some(20_971_520))
    );
    assert_eq!(
        (memory.high_events, memory.max_events, memory.oom_events),
        (Some(4), Some(35), Some(2))
    );
    assert_eq!((memory.under_oom, memory.oom_kill_disabled), (None, None));
}

#[test]
fn io_pressure_and_huge_pages_are_told_by_device_resource_and_size() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    write(&dir(&machine, ""), V2);
    let (_, detail) = look(&mut sampler(&machine));
    assert_eq!(detail.pids_peak, Some(7));
    assert_eq!(detail.io[0].device, "254:0");
    assert_eq!(
        (detail.io[0].read_total, detail.io[0].read),
        (9_437_184, None)
    );
    let some = detail.pressure.memory.and_then(|memory| memory.some);
    assert_eq!(some.map(|some| some.avg10), Some(27.14));
    assert_eq!(detail.pressure.irq, None);
    let pages = &detail.hugetlb;
    assert_eq!((pages.len(), &*pages[0].size), (1, "2MB"));
    assert_eq!(
        (pages[0].usage, pages[0].limit),
        (Some(2 << 20), Some(Limit::Max))
    );
    assert_eq!(pages[0].failures, Some(3));
}

const V1_CPU: &[(&str, &str)] = &[
    ("cpuacct.usage", "3000000000\n"),
    ("cpuacct.stat", "user 87\nsystem 13\n"),
    (
        "cpu.stat",
        "nr_periods 2\nnr_throttled 2\nthrottled_time 500000000\n",
    ),
];
const V1_MEMORY: &[(&str, &str)] = &[
    ("memory.limit_in_bytes", "1000\n"),
    ("memory.memsw.limit_in_bytes", "1500\n"),
    ("memory.max_usage_in_bytes", "900\n"),
    ("memory.failcnt", "6\n"),
    ("memory.kmem.usage_in_bytes", "70\n"),
    (
        "memory.oom_control",
        "oom_kill_disable 1\nunder_oom 1\noom_kill 2\n",
    ),
    (
        "memory.stat",
        "hierarchical_memory_limit 800\ntotal_rss 5\ntotal_cache 6\ntotal_swap 7\n",
    ),
];

#[test]
fn v1_files_say_the_same_in_other_words_and_units() {
    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    write(&dir(&machine, "cpu,cpuacct"), V1_CPU);
    write(&dir(&machine, "memory"), V1_MEMORY);
    let (usage, detail) = look(&mut sampler(&machine));
    assert_eq!(
        (usage.oom_kills, usage.memory_limit),
        (Some(2), Some(Limit::At(800)))
    );
    assert_eq!(
        usage.working_set, None,
        "without inactive_file it is not known"
    );
    assert_eq!(
        (detail.cpu.total, detail.cpu.stalled_total),
        (Some(3.0), Some(0.5))
    );
    let memory = detail.memory;
    assert_eq!(
        (memory.rss, memory.cache, memory.kernel),
        (Some(5), Some(6), Some(70))
    );
    assert_eq!(
        (memory.swap, memory.swap_limit),
        (Some(7), Some(Limit::At(500)))
    );
    assert_eq!((memory.peak, memory.max_events), (Some(900), Some(6)));
    assert_eq!(
        (memory.under_oom, memory.oom_kill_disabled),
        (Some(true), Some(true))
    );
    assert_eq!(
        (memory.high, memory.high_events, memory.oom_events),
        (None, None, None)
    );
}

#[test]
fn two_looks_give_rates_and_a_stacked_device_is_not_summed() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    let block = machine.proc().with_file_name("sys").join("dev/block");
    fs::create_dir_all(block.join("253:0/slaves/sda")).unwrap();
    let dir = dir(&machine, "");
    write(
        &dir,
        &[
            ("io.stat", ""),
            (
                "cpu.stat",
                "usage_usec 0\nuser_usec 0\nsystem_usec 0\nnr_periods 0\nnr_throttled 0\n\
                 throttled_usec 0\n",
            ),
        ],
    );
    let mut sampler = sampler(&machine);
    look(&mut sampler);
    write(
        &dir,
        &[
            (
                "io.stat",
                "253:0 rbytes=1000 wbytes=0 rios=1 wios=0\n8:0 rbytes=1000 wbytes=0 rios=1 wios=0\n",
            ),
            (
                "cpu.stat",
                "usage_usec 9\nuser_usec 6\nsystem_usec 3\nnr_periods 4\nnr_throttled 1\n\
                 throttled_usec 5\n",
            ),
        ],
    );
    while_time_passes();
    let (usage, detail) = look(&mut sampler);
    assert_eq!(usage.throttled, Some(25.0));
    assert!(detail.cpu.user > detail.cpu.system && detail.cpu.system > Some(0.0));
    assert!(detail.cpu.stalled > Some(0.0));
    let [dm, disk] = &detail.io[..] else {
        panic!("{:?}", detail.io)
    };
    assert_eq!((dm.stacked, disk.stacked), (true, false));
    assert!(dm.read > Some(0.0));
    assert_eq!((usage.io_read, usage.io_write), (disk.read, Some(0.0)));
    // What goes back has no rate.
    write(
        &dir,
        &[("io.stat", "8:0 rbytes=1 wbytes=0 rios=1 wios=0\n")],
    );
    while_time_passes();
    let (usage, detail) = look(&mut sampler);
    assert_eq!((usage.io_read, detail.io[0].read_total), (None, 1));
}

#[test]
fn what_a_host_does_not_count_is_not_available() {
    for machine in [Machine::v1(), Machine::v2()] {
        let machine = machine.running("web", RuntimeKind::Runc);
        let (usage, detail) = look(&mut sampler(&machine));
        assert_eq!((usage.oom_kills, usage.io_read), (None, None));
        assert_eq!(detail.memory.peak.or(detail.memory.swap), None);
        assert_eq!((detail.network, detail.pids_peak), (None, None));
        assert!(detail.io.is_empty() && detail.hugetlb.is_empty());
        assert_eq!(
            detail.pressure,
            ocitop::inventory::usage::Pressure::default()
        );
    }
}

#[test]
fn the_network_is_that_of_init_and_loopback_comes_last() {
    for (namespace, host) in [("net:[2]", false), ("net:[1]", true)] {
        let machine = Machine::v2().running("web", RuntimeKind::Crun);
        with_network(&machine, namespace);
        let (_, detail) = look(&mut sampler(&machine));
        let network = detail.network.unwrap();
        assert_eq!(network.host, host);
        let names: Vec<_> = network.interfaces.iter().map(|one| &*one.name).collect();
        assert_eq!(names, ["eth0", "lo"]);
        let eth0 = &network.interfaces[0];
        assert_eq!((eth0.received_total, eth0.troubles), (335_986_755, 2));
        assert_eq!(eth0.received, None);
    }
}

#[test]
fn the_network_of_whoever_has_the_pid_now_is_not_shown() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    with_network(&machine, "net:[2]");
    let mut sampler = sampler(&machine);
    assert!(look(&mut sampler).1.network.is_some());
    let init = machine.processes("web").into_iter().min().unwrap();
    let place = machine.proc().join(init.to_string());
    fs::rename(&place, machine.proc().join("gone")).unwrap();
    fs::create_dir_all(place.join("net")).unwrap();
    fs::remove_file(machine.proc().join("gone/ns/net")).unwrap();
    fs::write(place.join("net/dev"), NET_DEV).unwrap();
    let container = sampler.pass().containers.remove(0);
    let network = container
        .detail
        .as_deref()
        .and_then(|detail| detail.network.as_ref());
    assert_eq!(network, None);
}

#[test]
fn the_host_says_what_it_uses_as_a_whole() {
    let machine = Machine::v2();
    let proc = machine.proc();
    fs::create_dir(proc.join("pressure")).unwrap();
    write(
        &proc,
        &[
            (
                "stat",
                "cpu  100 0 50 9000 10 0 0 0 0 0\ncpu0 100 0 50 9000 10\nbtime 1\n",
            ),
            (
                "meminfo",
                "MemTotal: 1000 kB\nMemAvailable: 400 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n",
            ),
            ("loadavg", "0.78 1.38 1.35 2/103 4740\n"),
            (
                "pressure/cpu",
                "some avg10=4.96 avg60=3.02 avg300=15.14 total=255771297\n",
            ),
        ],
    );
    let mut sampler = sampler(&machine);
    let usage = sampler.pass().usage;
    assert_eq!(usage.cpu, None, "one look is no rate");
    assert_eq!(
        (usage.memory, usage.swap),
        (Some(600 << 10), Some((6 << 10, 10 << 10)))
    );
    assert_eq!(
        (usage.load, usage.tasks),
        (Some([0.78, 1.38, 1.35]), Some(103))
    );
    let some = usage.pressure.cpu.and_then(|cpu| cpu.some);
    assert_eq!(some.map(|some| some.avg300), Some(15.14));
    assert_eq!(usage.pressure.io, None);
    write(&proc, &[("stat", "cpu  101 0 50 9000 10 0 0 0 0 0\n")]);
    while_time_passes();
    assert!(sampler.pass().usage.cpu.unwrap() > 0.0);
}

#[test]
fn a_limit_is_the_strictest_of_the_cgroup_and_those_above() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    let pods = machine.cgroup_root().join("pods");
    fs::create_dir(&pods).unwrap();
    fs::rename(dir(&machine, ""), pods.join("web")).unwrap();
    let status = machine.state_dir("web").join("status");
    let text = fs::read_to_string(&status).unwrap();
    fs::write(&status, text.replace("\"/web\"", "\"/pods/web\"")).unwrap();
    // An init that is elsewhere is not counted here.
    for pid in machine.processes("web") {
        let file = machine.proc().join(format!("{pid}/cgroup"));
        fs::write(file, "0::/pods/web\n").unwrap();
    }
    write(
        &pods,
        &[
            ("cpu.max", "10000 100000\n"),
            ("memory.max", "4096\n"),
            ("memory.high", "max\n"),
            ("memory.swap.max", "0\n"),
            ("pids.max", "9\n"),
        ],
    );
    write(
        &pods.join("web"),
        &[
            ("memory.high", "2048\n"),
            ("memory.swap.max", "8192\n"),
            ("pids.max", "5\n"),
        ],
    );
    let (usage, detail) = look(&mut sampler(&machine));
    assert_eq!(usage.cpu_limit, Some(Limit::At(100_000)));
    assert_eq!(usage.memory_limit, Some(Limit::At(4096)));
    assert_eq!(usage.pids_limit, Some(Limit::At(5)));
    assert_eq!(detail.memory.high, Some(Limit::At(2048)));
    assert_eq!(detail.memory.swap_limit, Some(Limit::At(0)));
}

#[test]
fn what_was_available_and_is_no_more_is_not_shown_on() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    let dir = dir(&machine, "");
    write(&dir, V2);
    let mut sampler = sampler(&machine);
    look(&mut sampler);
    while_time_passes();
    let (usage, _) = look(&mut sampler);
    assert_eq!((usage.io_read, usage.oom_kills), (Some(0.0), Some(1)));
    write(&dir, &[("memory.events", "low 0\n")]);
    fs::write(dir.join("io.stat"), [0xff, 0xfe]).unwrap();
    let (usage, detail) = look(&mut sampler);
    assert_eq!((usage.io_read, usage.oom_kills), (None, None));
    assert!(detail.io.is_empty());
}
