//! State files of the three runtimes.

use ocitop::oci::record::torn::Torn;
use ocitop::oci::record::{Record, crun, runc, youki};
use ocitop::oci::{CreatedAt, RecordedInit, Status};

use super::{Target, is_bounded, text};

/// The highest pid of any Linux, and the most cgroups that are taken from what is torn.
const PID_MAX: i32 = 4_194_304;
const MOST_CGROUPS: usize = 64;

pub(super) const YOUKI: Target = Target {
    name: "youki",
    run: |input| {
        if let Ok(read) = youki::parse(input) {
            is_sound(input, &read);
            is_rewritten(input, &read);
        }
        torn(input);
    },
    files: &[
        "root/youki-running/state.json",
        "root/youki-created/state.json",
        "root/youki-stopped/state.json",
        "root/youki-paused/state.json",
        "youki-0.1-rdt.json",
        "youki-0.6-no-rdt.json",
        "youki-0.7-rdt.json",
        "youki-0.7-closid.json",
        "youki-0.7-creating.json",
    ],
    examples: &[],
};

pub(super) const YOUKI_CONFIG: Target = Target {
    name: "youki_config",
    run: |input| {
        if let Ok(read) = youki::parse_config(input) {
            is_bounded(input, &read);
        }
    },
    files: &["youki_config.json", "youki-config-hooks.json"],
    examples: &[],
};

pub(super) const RUNC: Target = Target {
    name: "runc",
    run: |input| {
        if let Ok(read) = runc::parse(input) {
            is_sound(input, &read);
        }
        torn(input);
    },
    files: &[
        "root/runc-running/state.json",
        "root/runc-created/state.json",
        "root/runc-stopped/state.json",
        "root/runc-paused/state.json",
        "runc-1.1-hooks.json",
        "runc-1.4-omitted.json",
        "runc-1.4-rdt.json",
        "runc-1.4-closid.json",
    ],
    examples: &[
        br#"{"id":"web","init_process_pid": 4711,"init_process_start":99,"cgroup_paths":{"cpu":"/sys/fs/cgroup/cpu/web","":"/sys/fs/cg"#,
    ],
};

pub(super) const CRUN: Target = Target {
    name: "crun",
    run: |input| {
        if let Ok(read) = crun::parse("web", input) {
            is_sound(input, &read);
        }
        torn(input);
    },
    files: &[
        "status",
        "crun-0.13-status.json",
        "crun-1.15-intelrdt-status.json",
        "crun-1.15-closid-status.json",
        "crun-disabled-status.json",
    ],
    examples: &[],
};

pub(super) const CRUN_CONFIG: Target = Target {
    name: "crun_config",
    run: |input| {
        if let Ok(read) = crun::parse_config("web", input) {
            is_bounded(input, &read);
            let status = br#"{"pid":7,"cgroup-path":"/a","bundle":"/b"}"#;
            let mut record = crun::parse("web", status).unwrap();
            crun::complete(&mut record, input).unwrap();
            assert_eq!(record.hooks, Some(read.hooks));
        }
    },
    files: &[
        "config.json",
        "crun-config-rdt.json",
        "crun-config-closid.json",
    ],
    examples: &[],
};

/// What must hold of a record whatever was read.
fn is_sound(input: &[u8], record: &Record) {
    is_bounded(input, record);
    if let Some(RecordedInit { pid, start_time }) = record.init {
        assert!((2..=PID_MAX).contains(&pid), "{pid}");
        assert_ne!(start_time, Some(0));
    }
    record.rdt.group();
    record.created.as_ref().and_then(CreatedAt::timestamp);
}

/// A status that is written changes nothing else.
fn is_rewritten(input: &[u8], record: &Record) {
    let Ok(written) = youki::with_status(input, Status::Stopped) else {
        return;
    };
    let expected = Record {
        stored_status: Some(Status::Stopped),
        ..record.clone()
    };
    assert_eq!(youki::parse(&written).unwrap(), expected);
}

fn torn(input: &[u8]) {
    let torn = Torn::read(&text(input));
    is_bounded(input, &torn);
    assert!(torn.pids.iter().all(|pid| (2..=PID_MAX).contains(pid)));
    assert!(torn.cgroups.len() <= MOST_CGROUPS);
    assert!(torn.cgroups.iter().all(|path| path.is_absolute()));
}
