//! Properties that hold for any input.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use ocitop::cgroup::{
    CgroupPath, Hierarchies, Limit, Membership, cpu, freezer, io as cgroup_io, memory,
};
use ocitop::kernel::Signal;
use ocitop::oci::record::{crun, runc, youki};
use ocitop::oci::{ContainerId, ContainerKey, Status};
use ocitop::process::status::ProcStatus;
use ocitop::process::syscall::Syscall;
use ocitop::process::{ProcStat, stack};
use ocitop::text;
use proptest::prelude::*;

use crate::support::fixtures;

/// Text that looks like a kernel file: words, numbers and separators in any order.
fn kernel_like() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(
            prop_oneof![
                Just("usage_usec".to_owned()),
                Just("nr_periods".to_owned()),
                Just("nr_throttled".to_owned()),
                Just("populated".to_owned()),
                Just("frozen".to_owned()),
                Just("max".to_owned()),
                Just("-1".to_owned()),
                Just("Read".to_owned()),
                Just("rbytes=18446744073709551615".to_owned()),
                Just("wbytes=".to_owned()),
                Just("total_inactive_file".to_owned()),
                Just("\n".to_owned()),
                Just("8:0".to_owned()),
                any::<u64>().prop_map(|n| n.to_string()),
                any::<i64>().prop_map(|n| n.to_string()),
            ],
            0..24
        )
        .prop_map(|words| words.join(" ").replace(" \n ", "\n")),
    ]
}

/// A captured file with one byte changed, cut, or doubled: nearly right input.
fn damaged(file: &'static str) -> impl Strategy<Value = Vec<u8>> {
    (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8).prop_map(move |(at, byte, how)| {
        let mut bytes = fixtures::bytes(file);
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.truncate(at),
            _ => bytes.insert(at, byte),
        }
        bytes
    })
}

fn read_records(bytes: &[u8]) {
    drop(runc::parse(bytes));
    drop(youki::parse(bytes));
    drop(youki::parse_config(bytes));
    drop(youki::with_status(bytes, Status::Stopped));
    drop(crun::parse("web", bytes));
    drop(crun::parse_config("web", bytes));
}

proptest! {
    #[test]
    fn files_of_a_process_are_parsed_whatever_they_hold(text in kernel_like(), bytes: Vec<u8>) {
        let bytes = String::from_utf8_lossy(&bytes);
        for text in [text.as_str(), &bytes] {
            let status = ProcStatus::parse(text);
            prop_assert!(status.pending.iter().all(|signal| (1..=64).contains(&signal.0)));
            drop(text.parse::<Syscall>().map(|call| (call.to_string(), call.descriptor())));
            prop_assert!(stack::functions(text, 8).len() <= 8);
        }
    }
}

proptest! {
    #[test]
    fn record_parsers_are_total(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        read_records(&bytes);
    }

    #[test]
    fn damaged_records_are_an_error_or_a_record(
        bytes in prop_oneof![
            damaged("v1/explicit/runc/running/root/runc-running/state.json"),
            damaged("v1/explicit/youki/running/root/youki-running/state.json"),
            damaged("handmade/youki-config-hooks.json"),
            damaged("v1/explicit/crun/running/root/crun-running/status"),
            damaged("v1/explicit/crun/running/root/crun-running/config.json"),
        ],
    ) {
        read_records(&bytes);
    }

    #[test]
    fn a_recorded_pid_is_one_a_process_can_have(pid in any::<i64>()) {
        let state = format!(
            r#"{{"ociVersion":"1","id":"a","status":"running","pid":{pid},"bundle":"/b"}}"#
        );
        if let Ok(record) = youki::parse(state.as_bytes()) {
            match record.init {
                Some(init) => prop_assert!(init.pid >= 2 && i64::from(init.pid) == pid),
                None => prop_assert!(pid == 0 || pid == -1),
            }
        }
    }

    #[test]
    fn cgroup_parsers_are_total(text in kernel_like(), other in kernel_like()) {
        drop(cpu::parse_cpu_stat_v2(&text));
        drop(cpu::parse_cpu_v1(&text, Some(&other)));
        drop(cpu::parse_cpu_max(&text));
        drop(cpu::parse_cfs(&text, &other));
        memory::parse_stat_v1(&text);
        memory::parse_stat_v2(&text);
        memory::parse_oom_kills(&text);
        cgroup_io::parse_io_stat(&text);
        cgroup_io::parse_blkio(&text);
        cgroup_io::parse_proc_io(&text);
        freezer::parse_v1(&text, Some(&other));
        freezer::parse_v2(&text, &other);
        freezer::parse_populated(&text);
        drop(text.parse::<Limit>());
        drop(text.parse::<Signal>());
    }

    #[test]
    fn proc_parsers_are_total(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        ProcStat::parse(&bytes);
        let membership = Membership::parse(&bytes);
        let hierarchies = Hierarchies::from_mountinfo(&bytes);
        for (_, path) in membership.all(&hierarchies) {
            prop_assert!(!path.relative().is_absolute());
        }
    }

    #[test]
    fn a_damaged_stat_is_none_or_a_stat(
        bytes in damaged("v1/explicit/runc/running/proc/27791/stat"),
    ) {
        ProcStat::parse(&bytes);
    }

    #[test]
    fn any_command_is_read_back(comm in proptest::collection::vec(any::<u8>(), 0..16)) {
        let mut line = b"42 (".to_vec();
        line.extend_from_slice(&comm);
        line.extend_from_slice(b") S 7 42 42 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0\n");
        let stat = ProcStat::parse(&line).unwrap();
        prop_assert_eq!(stat.comm, comm);
        prop_assert_eq!(stat.start_time, 99);
    }

    #[test]
    fn a_limit_is_read_back_as_written(value in prop_oneof![any::<u64>(), 0..4096_u64]) {
        let limit: Limit = value.to_string().parse().unwrap();
        prop_assert_eq!(limit.to_string().parse(), Ok(limit));
        if value < 1 << 62 {
            prop_assert_eq!(limit, Limit::At(value));
        } else {
            prop_assert_eq!(limit, Limit::Max);
        }
        prop_assert_eq!(Limit::Max.to_string().parse(), Ok(Limit::Max));
        prop_assert_eq!(limit.min(Limit::Max), limit);
    }

    #[test]
    fn a_signal_is_read_back_as_written(number in 1..=31_i32) {
        let signal: Signal = number.to_string().parse().unwrap();
        prop_assert_eq!(signal.to_string().parse(), Ok(signal));
        let short = signal.to_string().to_lowercase().replacen("sig", "", 1);
        prop_assert_eq!(short.parse(), Ok(signal));
    }

    #[test]
    fn no_container_id_leaves_its_root(
        text in prop_oneof![any::<String>(), "[./a-z_+-]{0,8}", "\\.{0,3}"],
    ) {
        if let Ok(id) = text.parse::<ContainerId>() {
            let joined = Path::new("/run/youki").join(id.as_str());
            prop_assert_eq!(joined.parent(), Some(Path::new("/run/youki")));
            prop_assert_eq!(joined.file_name(), Some(OsStr::new(&text)));
            prop_assert_eq!(Path::new(id.as_str()).components().count(), 1);
            prop_assert!(matches!(
                Path::new(id.as_str()).components().next(),
                Some(Component::Normal(_))
            ));
        }
    }

    #[test]
    fn only_a_name_that_is_an_id_can_be_acted_upon(
        bytes in proptest::collection::vec(any::<u8>(), 0..12),
    ) {
        let key = ContainerKey::new(Path::new("/run/runc"), OsStr::from_bytes(&bytes));
        let is_id = std::str::from_utf8(&bytes).is_ok_and(|t| t.parse::<ContainerId>().is_ok());
        prop_assert_eq!(key.id().is_ok(), is_id);
        prop_assert!(!key.label().chars().any(char::is_control));
    }

    #[test]
    fn a_cgroup_path_never_climbs(
        text in prop_oneof![any::<String>(), "(/|\\.|\\.\\.|a|b){0,10}"],
    ) {
        if let Some(path) = CgroupPath::new(Path::new(&text)) {
            let plain = |c: Component<'_>| matches!(c, Component::Normal(_));
            prop_assert!(path.relative().components().all(plain));
            let below = Path::new("/sys/fs/cgroup").join(path.relative());
            prop_assert!(below.starts_with("/sys/fs/cgroup"));
            prop_assert_eq!(CgroupPath::new(Path::new(&path.to_string())), Some(path));
        }
    }

    #[test]
    fn what_is_shown_holds_nothing_invisible(
        text in prop_oneof![any::<String>(), "[\\p{Cf}\\p{Cc}a\\\\]{0,12}"],
    ) {
        let shown = text::visible(&text);
        prop_assert!(!shown.chars().any(char::is_control), "{:?}", shown);
        // Doing it again changes only the backslashes that the first time wrote.
        prop_assert_eq!(text::visible(&shown), shown.replace('\\', "\\\\"));
    }

    #[test]
    fn different_texts_are_shown_differently(a in "\\PC{0,8}", b in "\\PC{0,8}") {
        prop_assert_eq!(a == b, text::visible(&a) == text::visible(&b));
    }
}

#[test]
fn nothing_is_shown_that_cannot_be_seen() {
    // Category Cf of Unicode 16, as ranges.
    let ranges = [
        (0xad, 0xad),
        (0x600, 0x605),
        (0x61c, 0x61c),
        (0x6dd, 0x6dd),
        (0x70f, 0x70f),
        (0x890, 0x891),
        (0x8e2, 0x8e2),
        (0x180e, 0x180e),
        (0x200b, 0x200f),
        (0x202a, 0x202e),
        (0x2060, 0x2064),
        (0x2066, 0x206f),
        (0xfeff, 0xfeff),
        (0xfff9, 0xfffb),
        (0x110bd, 0x110bd),
        (0x110cd, 0x110cd),
        (0x13430, 0x1343f),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0001, 0xe0001),
        (0xe0020, 0xe007f),
    ];
    // Not Cf, but drawn as a blank or as nothing.
    let blanks = [
        (0xa0, 0xa0),
        (0x34f, 0x34f),
        (0x115f, 0x1160),
        (0x1680, 0x1680),
        (0x17b4, 0x17b5),
        (0x2000, 0x200a),
        (0x202f, 0x202f),
        (0x205f, 0x205f),
        (0x2800, 0x2800),
        (0x3000, 0x3000),
        (0x3164, 0x3164),
        (0xfe00, 0xfe0f),
        (0xffa0, 0xffa0),
    ];
    for (first, last) in ranges.into_iter().chain(blanks) {
        for c in (first..=last).filter_map(char::from_u32) {
            let shown = text::visible(&c.to_string());
            assert!(shown.is_ascii(), "U+{:04X} is shown as {shown:?}", c as u32);
        }
    }
}
