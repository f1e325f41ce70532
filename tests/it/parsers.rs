//! Control files and /proc files as kernels wrote them.

use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ocitop::cgroup::cpu::{CpuUsage, Throttling};
use ocitop::cgroup::freezer::{self, Freezer};
use ocitop::cgroup::io::{IoBytes, parse_blkio, parse_io_stat, parse_proc_io};
use ocitop::cgroup::{CgroupPath, Hierarchies, Limit, Membership, Mode, Version, cpu, memory};
use ocitop::process::ProcStat;

use crate::support::fixtures::{self, text};

const V1: &str = "v1/explicit/runc/running/cgroup";
const V2: &str = "v2/explicit/runc/running/cgroup/pods/runc-running";

fn v1(controller: &str, file: &str) -> String {
    text(&format!("{V1}/{controller}/rig/runc-running/{file}"))
}

fn v2(file: &str) -> String {
    text(&format!("{V2}/{file}"))
}

fn limit(text: &str) -> Limit {
    text.parse().unwrap()
}

#[test]
fn v2_cpu_time_is_in_microseconds_and_periods_come_with_the_controller() {
    let usage = cpu::parse_cpu_stat_v2(&v2("cpu.stat")).unwrap();
    let expected = CpuUsage {
        total: Duration::from_micros(182_075),
        throttling: Some(Throttling {
            periods: 3,
            throttled: 0,
        }),
    };
    assert_eq!(usage, expected);
    let without = cpu::parse_cpu_stat_v2(&v1("unified", "cpu.stat")).unwrap();
    assert_eq!(without.total, Duration::from_micros(10_027));
    assert_eq!(without.throttling, None);
    assert!(cpu::parse_cpu_stat_v2("").is_err());
    assert!(cpu::parse_cpu_stat_v2("usage_usec many\n").is_err());
}

#[test]
fn v1_cpu_time_is_in_nanoseconds_and_throttling_in_another_file() {
    let stat = v1("cpu", "cpu.stat");
    let usage = cpu::parse_cpu_v1(&v1("cpuacct", "cpuacct.usage"), Some(&stat)).unwrap();
    let expected = CpuUsage {
        total: Duration::from_nanos(10_027_761),
        throttling: Some(Throttling {
            periods: 2,
            throttled: 0,
        }),
    };
    assert_eq!(usage, expected);
    let busy =
        "nr_periods 2\nnr_throttled 2\nthrottled_time 553518518\nnr_bursts 0\nburst_time 0\n";
    let usage = cpu::parse_cpu_v1("873208438\n", Some(busy)).unwrap();
    assert_eq!(usage.throttling.unwrap().throttled, 2);
    assert!(cpu::parse_cpu_v1("\n", None).is_err());
}

#[test]
fn half_a_cpu_is_the_same_limit_in_both_versions() {
    assert_eq!(cpu::parse_cpu_max(&v2("cpu.max")), Ok(Limit::At(500_000)));
    let (quota, period) = (
        v1("cpu", "cpu.cfs_quota_us"),
        v1("cpu", "cpu.cfs_period_us"),
    );
    assert_eq!(cpu::parse_cfs(&quota, &period), Ok(Limit::At(500_000)));
    assert_eq!(cpu::parse_cfs("-1\n", "100000\n"), Ok(Limit::Max));
    assert_eq!(cpu::parse_cpu_max("1000 1000000\n"), Ok(Limit::At(1_000)));
    assert_eq!(cpu::parse_cpu_max("max 100000\n"), Ok(Limit::Max));
    for wrong in ["", "max", "50000 0\n", "a b", "-2 100000"] {
        assert!(cpu::parse_cpu_max(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn memory_limits_and_counters_of_both_versions() {
    assert_eq!(limit(&v2("memory.max")), Limit::At(64 << 20));
    assert_eq!(
        limit(&v1("memory", "memory.limit_in_bytes")),
        Limit::At(64 << 20)
    );
    let stat = memory::parse_stat_v2(&v2("memory.stat"));
    assert_eq!(stat.anon, Some(106_496));
    assert_eq!(stat.file, Some(1_675_264));
    assert_eq!(stat.inactive_file, Some(16_384));
    assert_eq!(stat.hierarchical_limit, None);
    let stat = memory::parse_stat_v1(&v1("memory", "memory.stat"));
    assert_eq!(stat.anon, Some(98_304));
    assert_eq!(stat.file, Some(1_327_104));
    assert_eq!(stat.inactive_file, Some(733_184));
    assert_eq!(stat.hierarchical_limit, Some(64 << 20));
}

#[test]
fn v1_memory_counts_what_lies_below_not_only_its_own() {
    let text =
        "inactive_file 1\nrss 2\ncache 3\ntotal_inactive_file 10\ntotal_rss 20\ntotal_cache 30\n";
    let stat = memory::parse_stat_v1(text);
    assert_eq!(
        (stat.inactive_file, stat.anon, stat.file),
        (Some(10), Some(20), Some(30))
    );
}

#[test]
fn oom_kills_are_counted_in_both_versions() {
    assert_eq!(memory::parse_oom_kills(&v2("memory.events")), Some(0));
    assert_eq!(
        memory::parse_oom_kills(&v1("memory", "memory.oom_control")),
        Some(0)
    );
    let after = "low 0\nhigh 0\nmax 35\noom 1\noom_kill 1\noom_group_kill 0\n";
    assert_eq!(memory::parse_oom_kills(after), Some(1));
    let old = "oom_kill_disable 0\nunder_oom 0\n";
    assert_eq!(memory::parse_oom_kills(old), None);
}

#[test]
fn pids_have_a_count_and_a_limit() {
    assert_eq!(limit(&v2("pids.max")), Limit::At(32));
    assert_eq!(limit(&v1("pids", "pids.max")), Limit::At(32));
    assert_eq!(limit("max\n"), Limit::Max);
    assert!("".parse::<Limit>().is_err());
    assert!("-5".parse::<Limit>().is_err());
}

#[test]
fn io_is_summed_over_devices() {
    let expected = IoBytes {
        read: 1_675_264,
        written: 0,
    };
    assert_eq!(parse_io_stat(&v2("io.stat")), expected);
    let two = "254:0 rbytes=9437184 wbytes=1048576 rios=16 wios=257 dbytes=0 dios=0\n\
               8:0 \n253:1 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=0 dios=0 new=9\n";
    let expected = IoBytes {
        read: 9_437_185,
        written: 1_048_578,
    };
    assert_eq!(parse_io_stat(two), expected);
    assert_eq!(parse_io_stat(""), IoBytes::default());
}

#[test]
fn v1_io_that_was_never_counted_is_not_available() {
    let file = "blkio.throttle.io_service_bytes_recursive";
    assert_eq!(parse_blkio(&v1("blkio", file)), None);
    let zeros = "254:0 Read 0\n254:0 Write 0\n254:0 Sync 0\n254:0 Async 0\n254:0 Discard 0\n\
                 254:0 Total 0\nTotal 0\n";
    assert_eq!(parse_blkio(zeros), None);
    let counted = "254:0 Read 4198400\n254:0 Write 4202496\n254:0 Sync 8400896\n254:0 Async 0\n\
                   254:0 Discard 0\n254:0 Total 8400896\nTotal 8400896\n";
    let expected = IoBytes {
        read: 4_198_400,
        written: 4_202_496,
    };
    assert_eq!(parse_blkio(counted), Some(expected));
}

#[test]
fn a_process_says_what_it_read_and_wrote() {
    let text = text("v1/explicit/runc/running/proc/27791/io");
    let expected = IoBytes {
        read: 1_327_104,
        written: 0,
    };
    assert_eq!(parse_proc_io(&text), Some(expected));
    assert_eq!(parse_proc_io("rchar: 1\n"), None);
}

#[test]
fn every_captured_freezer_says_what_its_container_was() {
    let mut seen = 0;
    for file in fixtures::all_named("freezer.state") {
        let dir = file.parent().unwrap();
        let state = std::fs::read_to_string(&file).unwrap();
        let own = std::fs::read_to_string(dir.join("freezer.self_freezing")).unwrap();
        let paused = dir.to_str().unwrap().ends_with("-paused");
        let expected = if paused {
            Freezer::Frozen
        } else {
            Freezer::Thawed
        };
        assert_eq!(
            freezer::parse_v1(&state, Some(&own)),
            Some(expected),
            "{file:?}"
        );
        seen += 1;
    }
    for file in fixtures::all_named("cgroup.freeze") {
        if !file.to_str().unwrap().contains("/v2/") {
            continue;
        }
        let dir = file.parent().unwrap();
        let freeze = std::fs::read_to_string(&file).unwrap();
        let events = std::fs::read_to_string(dir.join("cgroup.events")).unwrap();
        let paused = dir.to_str().unwrap().ends_with("-paused");
        let expected = if paused {
            Freezer::Frozen
        } else {
            Freezer::Thawed
        };
        assert_eq!(
            freezer::parse_v2(&freeze, &events),
            Some(expected),
            "{file:?}"
        );
        assert_eq!(freezer::parse_populated(&events), Some(true), "{file:?}");
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn a_freezer_can_be_under_way_or_frozen_from_above() {
    assert_eq!(
        freezer::parse_v1("FREEZING\n", Some("1\n")),
        Some(Freezer::Freezing)
    );
    assert_eq!(
        freezer::parse_v1("FROZEN\n", Some("0\n")),
        Some(Freezer::FrozenAbove)
    );
    assert_eq!(freezer::parse_v1("FROZEN\n", None), Some(Freezer::Frozen));
    assert_eq!(freezer::parse_v1("", None), None);
    let events = "populated 1\nfrozen 0\n";
    assert_eq!(freezer::parse_v2("1\n", events), Some(Freezer::Freezing));
    assert_eq!(
        freezer::parse_v2("0\n", "populated 1\nfrozen 1\n"),
        Some(Freezer::FrozenAbove)
    );
    assert_eq!(freezer::parse_v2("1\n", "populated 0\n"), None);
    assert_eq!(
        freezer::parse_populated("populated 0\nfrozen 0\n"),
        Some(false)
    );
}

#[test]
fn the_stat_of_every_captured_init_is_read() {
    let mut seen = 0;
    for file in fixtures::all_named("stat") {
        let stat = ProcStat::parse(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(stat.ppid, 1, "{file:?}");
        assert!(stat.start_time > 0 && stat.threads > 0, "{file:?}");
        assert!(!stat.is_dead() && !stat.is_kernel_thread() && !stat.is_exiting());
        seen += 1;
    }
    assert!(seen >= 18, "{seen}");
    let stat = ProcStat::parse(&fixtures::bytes("v1/explicit/runc/running/proc/27791/stat"));
    let stat = stat.unwrap();
    assert_eq!(stat.comm, b"sleep");
    assert_eq!((stat.state, stat.start_time), ('S', 296_902));
}

fn stat_line(comm: &[u8], state: char, flags: u64, threads: u64) -> Vec<u8> {
    let mut line = b"42 (".to_vec();
    line.extend_from_slice(comm);
    let rest = format!(
        ") {state} 7 42 42 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 {threads} 0 123456 0 0 18446744073709551615\n"
    );
    line.extend_from_slice(rest.as_bytes());
    line
}

#[test]
fn a_command_may_look_like_the_end_of_itself() {
    for comm in [
        &b"a) R 1 1"[..],
        b"))",
        b"",
        b"a b\nc",
        b"\xff\xfe",
        b"(x) Z 1",
    ] {
        let stat = ProcStat::parse(&stat_line(comm, 'S', 0x0040_0040, 3)).unwrap();
        assert_eq!(stat.comm, comm);
        assert_eq!((stat.ppid, stat.threads, stat.start_time), (7, 3, 123_456));
    }
    assert!(ProcStat::parse(b"").is_none());
    assert!(ProcStat::parse(b"42 (sleep").is_none());
    assert!(ProcStat::parse(b"42 )sleep( S 1").is_none());
}

#[test]
fn a_dead_leader_with_a_live_thread_is_not_dead() {
    let stat =
        |state, threads| ProcStat::parse(&stat_line(b"x", state, 0x0040_804c, threads)).unwrap();
    assert!(!stat('Z', 2).is_dead());
    assert!(stat('Z', 1).is_dead());
    assert!(stat('X', 0).is_dead());
    assert!(stat('Z', 1).is_exiting());
}

const HYBRID: &[u8] = b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
36 31 0:33 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n\
37 31 0:34 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n\
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

const SYSTEMD_HYBRID: &[u8] = b"30 23 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:8 - tmpfs tmpfs ro,size=4096k,nr_inodes=1024,mode=755,inode64\n\
31 30 0:28 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n\
32 30 0:29 / /sys/fs/cgroup/systemd rw,nosuid,nodev,noexec,relatime shared:10 - cgroup cgroup rw,xattr,name=systemd\n\
33 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid,nodev,noexec,relatime shared:23 - cgroup cgroup rw,cpu,cpuacct\n\
34 30 0:31 / /sys/fs/cgroup/net_cls,net_prio rw,nosuid,nodev,noexec,relatime shared:16 - cgroup cgroup rw,net_cls,net_prio\n";

const UNIFIED: &[u8] = b"33 27 0:28 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:8 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";

#[test]
fn hierarchies_are_told_by_their_super_options() {
    let hybrid = Hierarchies::from_mountinfo(HYBRID);
    assert_eq!(hybrid.mode(), Mode::Hybrid);
    assert_eq!(hybrid.v1().count(), 4);
    let systemd = hybrid.controller("name=systemd").unwrap();
    assert_eq!(systemd.mount, Path::new("/sys/fs/cgroup/systemd"));
    assert_eq!(hybrid.controller("").unwrap().version, Version::V2);

    let co_mounted = Hierarchies::from_mountinfo(SYSTEMD_HYBRID);
    let cpu = co_mounted.controller("cpuacct").unwrap();
    assert_eq!(cpu.controllers, ["cpu", "cpuacct"]);
    assert_eq!(cpu.label(), "cpu,cpuacct");
    assert_eq!(
        co_mounted.controller("cpu"),
        co_mounted.controller("cpuacct")
    );
    assert_eq!(
        co_mounted.controller("name=systemd").unwrap().controllers,
        ["name=systemd"]
    );

    let unified = Hierarchies::from_mountinfo(UNIFIED);
    assert_eq!(unified.mode(), Mode::Unified);
    assert_eq!(unified.v2().unwrap().mount, Path::new("/sys/fs/cgroup"));
    assert_eq!(Hierarchies::from_mountinfo(b"").mode(), Mode::None);
}

#[test]
fn a_later_mount_hides_what_lies_below_it() {
    let mut over = HYBRID.to_vec();
    over.extend_from_slice(b"392 349 0:143 / /sys/fs/cgroup rw,relatime - tmpfs none rw\n");
    assert_eq!(Hierarchies::from_mountinfo(&over).mode(), Mode::None);
    over.extend_from_slice(
        b"393 392 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 none rw\n",
    );
    assert_eq!(Hierarchies::from_mountinfo(&over).mode(), Mode::Unified);
}

#[test]
fn a_mount_of_a_part_reaches_only_that_part() {
    let line = b"357 349 0:36 /pods /sys/fs/cgroup/pids ro,relatime - cgroup cgroup rw,pids\n";
    let hierarchies = Hierarchies::from_mountinfo(line);
    let pids = hierarchies.controller("pids").unwrap();
    assert!(pids.read_only);
    let inside = pids.path_in_mount(Path::new("/pods/web")).unwrap();
    assert_eq!(pids.dir(&inside), Path::new("/sys/fs/cgroup/pids/web"));
    assert_eq!(pids.path_in_mount(Path::new("/other/web")), None);
    assert_eq!(pids.path_in_mount(Path::new("/..")), None);
}

#[test]
fn mount_points_are_unescaped() {
    let line = b"1 2 0:3 / /mnt/a\\040b\\134c rw shared:1 master:2 - cgroup2 none rw\n";
    let hierarchies = Hierarchies::from_mountinfo(line);
    assert_eq!(hierarchies.v2().unwrap().mount, Path::new("/mnt/a b\\c"));
    let resctrl = b"292 27 0:143 / /tmp/r rw,nosuid - fuse resctrl rw,user_id=0\n";
    assert_eq!(Hierarchies::from_mountinfo(resctrl).mode(), Mode::None);
}

#[test]
fn a_record_is_matched_by_its_mount_point() {
    let hierarchies = Hierarchies::from_mountinfo(HYBRID);
    let pids = hierarchies.controller("pids").unwrap();
    let path = |text: &str| pids.path_of(Path::new(text)).map(|path| path.to_string());
    assert_eq!(
        path("/sys/fs/cgroup/pids/rig/web").as_deref(),
        Some("/rig/web")
    );
    assert_eq!(path("/sys/fs/cgroup/memory/rig/web"), None);
    assert_eq!(path("/sys/fs/cgroup/pids/../memory"), None);
}

#[test]
fn a_captured_process_is_found_in_every_hierarchy() {
    let bytes = fixtures::bytes("v1/explicit/runc/running/proc/27791/cgroup");
    let membership = Membership::parse(&bytes);
    let hierarchies = Hierarchies::from_mountinfo(HYBRID);
    let web = CgroupPath::new(Path::new("/rig/runc-running")).unwrap();
    let all: Vec<_> = membership.all(&hierarchies).collect();
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|(_, path)| *path == web));
}

#[test]
fn paths_in_proc_may_differ_and_hold_any_byte() {
    let bytes =
        b"9:name=systemd:/\n8:pids:/a b:c\n4:memory:/x/\xff\xfe\n0::/kf_x (deleted)\nnonsense\n";
    let membership = Membership::parse(bytes);
    let hierarchies = Hierarchies::from_mountinfo(HYBRID);
    let raw = |name: &str| membership.raw(hierarchies.controller(name).unwrap());
    assert_eq!(raw("pids"), Some(Path::new("/a b:c")));
    assert_eq!(raw("name=systemd"), Some(Path::new("/")));
    assert_eq!(raw(""), Some(Path::new("/kf_x (deleted)")));
    assert_eq!(raw("cpu"), None);
    let bytes = std::ffi::OsString::from_vec(b"/x/\xff\xfe".to_vec());
    assert_eq!(raw("memory"), Some(PathBuf::from(bytes).as_path()));
    let outside = Membership::parse(b"8:pids:/..\n0::/..\n");
    assert_eq!(outside.all(&hierarchies).count(), 0);
}

#[test]
fn a_directory_laid_out_like_cgroups_serves_as_hierarchies() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["cpu,cpuacct", "memory", "systemd", "unified"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    let hybrid = Hierarchies::from_dir(dir.path()).unwrap();
    assert_eq!(hybrid.mode(), Mode::Hybrid);
    let memory = hybrid.controller("memory").unwrap();
    let recorded = memory
        .path_of(Path::new("/sys/fs/cgroup/memory/web"))
        .unwrap();
    assert_eq!(memory.dir(&recorded), dir.path().join("memory/web"));
    assert!(hybrid.controller("cpuacct").is_some() && hybrid.controller("name=systemd").is_some());
    std::fs::write(dir.path().join("cgroup.controllers"), "memory\n").unwrap();
    assert_eq!(
        Hierarchies::from_dir(dir.path()).unwrap().mode(),
        Mode::Unified
    );
}
