//! Files of the kernel: cgroups, mounts, processes, the host, resctrl.

use std::ffi::OsStr;
use std::fmt::{Debug, Display};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};
use std::str::FromStr;

use ocitop::cgroup::{
    Hierarchies, Limit, Membership, cpu, cpuset, freezer, hugetlb, io, leading_number, memory,
    pressure,
};
use ocitop::inventory::machine::knows_resctrl;
use ocitop::inventory::mounts;
use ocitop::process::status::{ProcStatus, SignalSet};
use ocitop::process::syscall::Syscall;
use ocitop::process::{ProcStat, exit_code, stack};
use ocitop::procfs::{loadavg, meminfo, namespace, net_dev, stat};
use ocitop::resctrl::{self, Cbm, GroupName, MonValue, Schemata, Sizes, group, mon_data};

use super::{Target, is_bounded, is_drawable, parts, text};

pub(super) const CONTROL_FILES: Target = Target {
    name: "control_files",
    run: |input| {
        let [first, second] = parts(input);
        let (first, second) = (&*text(first), &*text(second));
        is_bounded(
            input,
            &(
                cpu::parse_cpu_stat_v2(first),
                cpu::parse_cpu_v1(first, Some(second)),
                cpu::parse_cpu_max(first),
                cpu::parse_cfs(first, second),
                cpu::parse_throttling(first),
                cpu::parse_modes_v2(first),
                cpu::parse_modes_v1(first, 100),
                cpu::parse_stalled(first),
                cpu::parse_usage_usec(input),
            ),
        );
        is_bounded(
            input,
            &(
                memory::parse_stat_v1(first),
                memory::parse_stat_v2(first),
                memory::parse_events(first),
                memory::parse_oom_control(first),
                hugetlb::parse_failures(first),
                hugetlb::page_size(first),
                leading_number(input),
            ),
        );
        is_bounded(
            input,
            &(
                io::parse_io_stat(first),
                io::parse_io_stat_devices(first),
                io::parse_blkio(first),
                io::parse_blkio_devices(first, Some(second)),
                freezer::parse_v1(first, Some(second)),
                freezer::parse_v2(first, second),
                pressure::parse_pressure(first),
            ),
        );
        reads_what_it_writes::<Limit>(first);
        assert!(cpuset::parse_list(first).len() <= 65_536);
    },
    files: &[
        "cpu.stat",
        "cpu.max",
        "cpuacct.usage",
        "memory.stat",
        "memory.events",
        "memory.oom_control",
        "memory.max",
        "io.stat",
        "blkio.throttle.io_service_bytes_recursive",
        "freezer.state",
        "cgroup.events",
    ],
    examples: &[
        b"some avg10=27.14 avg60=5.57 avg300=1.18 total=3755185\nfull avg10=0.00 avg60=0 avg300=0 total=1\n",
        b"-1\n\x1e100000\n",
        b"FREEZING\n\x1e1\n",
        b"1\n\x1epopulated 1\nfrozen 0\n",
        b"9223372036854771712\n",
        b"hugetlb.2MB.current",
        b"0-3,7,9-4294967295\n",
        b"8:0 Read 4198400\n8:0 Write 1\nTotal 4198401\n\x1e8:0 Read 3\n8:0 Write 1\n",
    ],
};

pub(super) const MOUNTS: Target = Target {
    name: "mounts",
    run: |input| {
        let found = mounts::mounts(input);
        is_bounded(input, &found);
        let hierarchies = Hierarchies::from_mountinfo(input);
        is_bounded(input, &hierarchies);
        let is_there = |place: &Path| found.iter().any(|mount| mount.point == place);
        for hierarchy in hierarchies.iter() {
            assert!(is_there(&hierarchy.mount), "{hierarchy:?} {found:?}");
        }
        for hierarchy in Hierarchies::from_mountinfo_below(input, Path::new("/host")).iter() {
            assert!(hierarchy.mount.starts_with("/host"));
        }
        drop(hierarchies.as_mounted(input));
        mounts::above(Path::new("/run/runc"), &found);
    },
    files: &["mountinfo"],
    examples: &[
        b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n32 31 0:29 / /sys/fs/cgroup/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n41 31 0:38 /pods /host/sys/fs/cgroup/unified ro,relatime - cgroup2 cgroup2 rw,nsdelegate\n",
        b"40 31 0:93 / /run/my\\040runc rw,relatime shared:3 - fuse.sshfs host:\\134 rw\n292 27 0:143 / /r rw - resctrl resctrl rw\n",
    ],
};

pub(super) const MEMBERSHIP: Target = Target {
    name: "membership",
    run: |input| {
        let mountinfo =
            b"1 0 0:1 / /c/cpu rw - cgroup c rw,cpu\n2 0 0:2 /pods /c/u rw - cgroup2 c rw\n";
        let hierarchies = Hierarchies::from_mountinfo(mountinfo);
        let found = Membership::parse(input);
        is_bounded(input, &found);
        for (_, path) in found.all(&hierarchies) {
            let plain = |part| matches!(part, Component::Normal(_));
            assert!(path.relative().components().all(plain), "{path:?}");
        }
        found.has("cpu");
        if let Some(groups) = resctrl::RdtMembership::parse(input) {
            is_drawable(&groups.control.to_string());
            is_bounded(input, &groups);
        }
    },
    files: &["cgroup"],
    examples: &[
        b"12:cpu,cpuacct:/a:b\n0::/pods/../../etc\n",
        b"res:gold\nmon:web\n",
    ],
};

pub(super) const PROCESS: Target = Target {
    name: "process",
    run: |input| {
        let text = &*text(input);
        is_bounded(input, &(ProcStat::parse(input), exit_code(input)));
        let status = ProcStatus::parse(text);
        is_bounded(input, &status);
        status.inside();
        assert!(status.pending.iter().count() <= 64);
        if let Some(set) = SignalSet::parse(text) {
            set.iter().count();
        }
        if let Ok(call) = text.parse::<Syscall>() {
            assert!(call.descriptor().is_none_or(|descriptor| descriptor >= 0));
            is_drawable(&call.to_string());
        }
        for function in stack::functions(text, 8) {
            is_drawable(&function);
        }
        is_bounded(input, &io::parse_proc_io(text));
    },
    files: &["stat", "io"],
    examples: &[
        b"42 (a) R 1 (x)) S 7 42 42 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0 18446744073709551615 0 0 0 0 0 256\n",
        b"Name:\tsh\nUid:\t0\t1000\t0\t0\nTracerPid:\t0\nNSpid:\t48133\t7\nVmRSS:\t  2048 kB\nSigPnd:\t0000000000000100\nvoluntary_ctxt_switches:\t5\n",
        b"74 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f1c\n",
        b"[<0>] folio_wait_bit_common+0x13a/0x2d0\n[<0>] do_exit.cold+0x5/0x9\n",
    ],
};

pub(super) const HOST: Target = Target {
    name: "host",
    run: |input| {
        let text = &*text(input);
        let devices = net_dev::parse_net_dev(text);
        assert!(devices.len() <= 256);
        is_bounded(
            input,
            &(
                devices,
                loadavg::parse_loadavg(text),
                meminfo::parse_meminfo(text),
                stat::parse_busy(text),
                namespace::parse_link("net", text),
                knows_resctrl(text),
            ),
        );
    },
    files: &[],
    examples: &[
        b"0.78 1.38 1.35 2/103 4740\n",
        b"MemTotal:       24683656 kB\nMemAvailable:        10255656 kB\nSwapTotal: 0 kB\n",
        b"cpu  167626 95 20513 98726 1510 0 237 178 0 0\ncpu0 84576 43 8612 50621 469\n",
        b"  eth0: 335986755   13292    1    2    0     0          0         0   723012    7420    3    4    0     0       0          0\n",
        b"net:[4026531840]",
        b"nodev\tresctrl\n",
    ],
};

pub(super) const RESCTRL: Target = Target {
    name: "resctrl",
    run: |input| {
        let text = &*text(input);
        let schemata = reads_what_it_writes::<Schemata>(text);
        let sizes = text.parse::<Sizes>();
        if let (Some(schemata), Ok(sizes)) = (&schemata, &sizes) {
            sizes.way(schemata, "L3", 0);
        }
        if let Some(schemata) = &schemata {
            is_drawable(&schemata.to_string().replace('\n', ""));
            schemata.masks("L3");
        }
        reads_what_it_writes::<Cbm>(text);
        is_bounded(
            input,
            &(
                schemata,
                sizes,
                group::parse_tasks(text),
                MonValue::parse(text),
            ),
        );
        mon_data::domain_id(text);
        mon_data::node_id(text);
        let mount = Path::new("/r");
        if let Some(name) = GroupName::of_dir(&mount.join(OsStr::from_bytes(input)), mount) {
            assert!(name.dir(mount).starts_with(mount));
            assert_eq!(
                GroupName::of_dir(&name.dir(mount), mount).as_ref(),
                Some(&name)
            );
            is_drawable(&name.to_string());
        }
    },
    files: &[],
    examples: &[
        b"L3:0=fff;1=ff0\nMB:0=100;1=10\n",
        b"    SMBA:0=2048;1=  16\nL3CODE:0=f00\nL3DATA:0=uninitialized\n",
        b"L3:0=8388608;1=0\n",
        b"1\n21697\n",
        b"Unavailable\n",
        b"mon_L3_00",
        b"gold/mon_groups/web",
    ],
};

/// What is written reads the same.
fn reads_what_it_writes<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let read = text.parse::<T>().ok()?;
    let written = read.to_string();
    assert_eq!(
        written.parse::<T>().ok().as_ref(),
        Some(&read),
        "{written:?}"
    );
    Some(read)
}
