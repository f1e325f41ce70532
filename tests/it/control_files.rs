//! More control files as kernels wrote them, and whatever text may come instead.

use ocitop::cgroup::io::{parse_blkio_devices, parse_io_stat, parse_io_stat_devices};
use ocitop::cgroup::pressure::parse_pressure;
use ocitop::cgroup::{cpu, hugetlb, leading_number, memory};
use ocitop::procfs;
use proptest::prelude::*;

use crate::support::fixtures::{all_named, text};

const V2: &str = "v2/explicit/runc/running/cgroup/pods/runc-running";

#[test]
fn every_captured_pressure_file_has_both_lines() {
    let files = all_named("cpu.pressure");
    assert!(!files.is_empty());
    for file in files {
        let stall = parse_pressure(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert!(stall.some.is_some() && stall.full.is_some(), "{file:?}");
    }
}

#[test]
fn captured_io_is_the_same_by_device_as_in_sum() {
    let text = text(&format!("{V2}/io.stat"));
    let devices = parse_io_stat_devices(&text);
    let sum: u64 = devices.iter().map(|device| device.read).sum();
    assert!(sum > 0);
    assert_eq!(sum, parse_io_stat(&text).read);
    assert!(devices.iter().all(|device| device.reads.is_some()));
}

#[test]
fn the_start_of_every_captured_cpu_stat_is_its_total() {
    let files = all_named("cpu.stat");
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    let mut seen = 0;
    for text in texts.filter(|text| text.contains("usage_usec")) {
        let whole = cpu::parse_cpu_stat_v2(&text).unwrap();
        assert_eq!(cpu::parse_usage_usec(text.as_bytes()), Some(whole.total));
        let modes = cpu::parse_modes_v2(&text).unwrap();
        assert!(modes.user + modes.system <= whole.total + std::time::Duration::from_micros(2));
        seen += 1;
    }
    assert!(seen > 1);
}

#[test]
fn captured_memory_events_and_oom_control_have_their_counts() {
    let events = memory::parse_events(&text(&format!("{V2}/memory.events")));
    let counts = [events.high, events.max, events.oom, events.oom_kill];
    assert!(counts.iter().all(Option::is_some), "{events:?}");
    for file in all_named("memory.oom_control") {
        let control = memory::parse_oom_control(&std::fs::read_to_string(file).unwrap());
        assert_eq!(
            (control.kill_disabled, control.under_oom),
            (Some(false), Some(false))
        );
        assert_eq!(control.kills, Some(0));
    }
}

#[test]
fn lines_that_older_kernels_glued_together_name_their_last_device() {
    let text = "7:0 7:1 254:0 rbytes=9 wbytes=1 rios=2 wios=1 dbytes=0 dios=0 cost.usage=3\n8:0 \n";
    let devices = parse_io_stat_devices(text);
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].device.to_string(), "254:0");
    assert_eq!((devices[0].read, devices[0].writes), (9, Some(1)));
}

/// Text as near to a control file as chance makes it.
fn near() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z_]{1,9}",
        "[0-9]{1,22}",
        "[0-9]{1,3}:[0-9]{1,3}",
        "[a-z]{1,6}=[0-9.]{0,9}",
        Just("some".to_owned()),
        Just("rbytes=99999999999999999999".to_owned()),
        Just("user_usec".to_owned()),
        Just("Read".to_owned()),
        Just("cpu".to_owned()),
        "\\PC{0,4}",
    ];
    let end = prop_oneof![4 => Just(" "), 1 => Just("\n"), 1 => Just(":")];
    let pieces = proptest::collection::vec((word, end), 0..60);
    pieces.prop_map(|pieces| {
        let words = pieces.iter().flat_map(|(word, end)| [word.as_str(), end]);
        words.collect()
    })
}

proptest! {
    #[test]
    fn no_text_is_too_strange_for_a_parser(text in near(), hertz in any::<u64>()) {
        for device in parse_io_stat_devices(&text) {
            prop_assert_eq!(device.device.to_string().parse(), Ok(device.device));
        }
        if let Some(devices) = parse_blkio_devices(&text, Some(&text)) {
            prop_assert!(devices.iter().any(|device| device.read > 0 || device.written > 0));
        }
        if let Some(stall) = parse_pressure(&text) {
            let shares = stall.some.into_iter().chain(stall.full).map(|line| line.avg10);
            prop_assert!(shares.into_iter().all(|share| share >= 0.0 && share.is_finite()));
        }
        cpu::parse_modes_v1(&text, hertz);
        cpu::parse_modes_v2(&text);
        cpu::parse_stalled(&text);
        memory::parse_events(&text);
        memory::parse_oom_control(&text);
        hugetlb::page_size(&text);
        leading_number(text.as_bytes());
        procfs::loadavg::parse_loadavg(&text);
        procfs::meminfo::parse_meminfo(&text);
        procfs::namespace::parse_link("net", &text);
        procfs::net_dev::parse_net_dev(&text);
        procfs::stat::parse_busy(&text);
    }
}
