//! State files as the runtimes wrote them, over versions, become one kind of record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ocitop::oci::record::{Hooks, RdtGroup, crun, runc, youki};
use ocitop::oci::{
    CreatedAt, Hook, Record, RecordError, RecordedCgroup, RecordedInit, RecordedRdt, RuntimeKind,
    Status,
};

use crate::support::fixtures;

const STATUSES: [Status; 4] = [
    Status::Created,
    Status::Running,
    Status::Paused,
    Status::Stopped,
];

fn note() -> BTreeMap<String, String> {
    [("org.example.note".to_owned(), "fixture".to_owned())].into()
}

fn created(text: &str) -> CreatedAt {
    CreatedAt(text.into())
}

fn named(name: &str) -> RdtGroup {
    RdtGroup::Named(name.to_owned())
}

fn group(path: &str) -> RdtGroup {
    RdtGroup::Path(PathBuf::from(path))
}

fn hook(path: &str) -> Hook {
    Hook {
        path: path.into(),
        args: Vec::new(),
        env: None,
        timeout: None,
    }
}

fn unmount_hook() -> Hook {
    Hook {
        args: vec!["umount-net".to_owned(), "web".to_owned()],
        env: Some(vec!["A=1".to_owned()]),
        timeout: Some(Duration::from_secs(5)),
        ..hook("/bin/umount-net")
    }
}

/// The record of a captured container, all its files read.
fn captured(setup: &str, runtime: RuntimeKind, status: Status) -> Record {
    let id = format!("{runtime}-{status}");
    let file =
        |name: &str| fixtures::bytes(&format!("{setup}/{runtime}/{status}/root/{id}/{name}"));
    match runtime {
        RuntimeKind::Runc => runc::parse(&file(runc::STATE)).unwrap(),
        RuntimeKind::Youki => {
            let mut record = youki::parse(&file(youki::STATE)).unwrap();
            youki::complete(&mut record, &file(youki::CONFIG)).unwrap();
            record
        }
        RuntimeKind::Crun => {
            let mut record = crun::parse(&id, &file(crun::STATUS)).unwrap();
            crun::complete(&mut record, &file(crun::CONFIG)).unwrap();
            record
        }
    }
}

#[test]
fn a_captured_runc_record_has_every_field() {
    let record = captured("v1/explicit", RuntimeKind::Runc, Status::Running);
    let paths = [
        ("", "unified"),
        ("blkio", "blkio"),
        ("cpu", "cpu"),
        ("cpuacct", "cpuacct"),
        ("cpuset", "cpuset"),
        ("devices", "devices"),
        ("freezer", "freezer"),
        ("memory", "memory"),
        ("name=systemd", "systemd"),
        ("pids", "pids"),
    ]
    .map(|(name, dir)| {
        let path = Path::new("/sys/fs/cgroup")
            .join(dir)
            .join("rig/runc-running");
        (name.to_owned(), path)
    });
    let expected = Record {
        runtime: RuntimeKind::Runc,
        id: "runc-running".to_owned(),
        oci_version: Some("1.0.2-dev".to_owned()),
        stored_status: None,
        init: Some(RecordedInit {
            pid: 27791,
            start_time: Some(296_902),
        }),
        bundle: "/srv/run/cap-bundles/runc-running".into(),
        rootfs: Some("/srv/b/rootfs".into()),
        created: Some(created("2026-11-23T13:20:49.169641694Z")),
        annotations: note(),
        owner: None,
        cgroup: RecordedCgroup::PerController(paths.into()),
        rdt: RecordedRdt {
            control: None,
            owns_control: record.rdt.owns_control,
            monitoring: None,
            class: None,
        },
        hooks: Some(Hooks::default()),
        scope: None,
        private_pid_namespace: Some(true),
    };
    assert_eq!(record, expected);
}

#[test]
fn a_captured_crun_record_has_every_field() {
    let record = captured("v1/explicit", RuntimeKind::Crun, Status::Running);
    let expected = Record {
        runtime: RuntimeKind::Crun,
        id: "crun-running".to_owned(),
        oci_version: Some("1.0.2-dev".to_owned()),
        stored_status: None,
        init: Some(RecordedInit {
            pid: 28468,
            start_time: Some(297_338),
        }),
        bundle: "/srv/run/cap-bundles/crun-running".into(),
        rootfs: Some("/srv/b/rootfs".into()),
        created: Some(created("2026-11-23T13:20:53.536859Z")),
        annotations: note(),
        owner: Some("root".to_owned()),
        cgroup: RecordedCgroup::Everywhere("/rig/crun-running".into()),
        rdt: RecordedRdt::default(),
        hooks: Some(Hooks::default()),
        scope: None,
        private_pid_namespace: Some(true),
    };
    assert_eq!(record, expected);
}

#[test]
fn a_captured_youki_record_has_every_field() {
    let record = captured("v1/explicit", RuntimeKind::Youki, Status::Running);
    let expected = Record {
        runtime: RuntimeKind::Youki,
        id: "youki-running".to_owned(),
        oci_version: Some("1.1.0".to_owned()),
        stored_status: Some(Status::Running),
        init: Some(RecordedInit {
            pid: 29096,
            start_time: None,
        }),
        bundle: "/srv/run/cap-bundles/youki-running".into(),
        rootfs: None,
        created: Some(created("2026-11-23T13:20:57.762696013Z")),
        annotations: note(),
        owner: Some("0".to_owned()),
        cgroup: RecordedCgroup::Everywhere("/rig/youki-running".into()),
        rdt: RecordedRdt::default(),
        hooks: Some(Hooks::default()),
        scope: None,
        private_pid_namespace: None,
    };
    assert_eq!(record, expected);
}

#[test]
fn every_captured_record_agrees_with_what_its_runtime_said_of_it() {
    let mut compared = 0;
    for setup in ["v1/explicit", "v2/explicit"] {
        for runtime in [RuntimeKind::Runc, RuntimeKind::Crun, RuntimeKind::Youki] {
            for status in STATUSES {
                let record = captured(setup, runtime, status);
                let said = fixtures::bytes(&format!("{setup}/{runtime}/{status}/state.json"));
                let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
                assert_eq!(said["id"], record.id);
                assert_eq!(said["bundle"], record.bundle.to_str().unwrap());
                assert_eq!(said["status"], status.as_str());
                if status != Status::Stopped {
                    assert_eq!(said["pid"], record.init.unwrap().pid);
                }
                if runtime == RuntimeKind::Youki {
                    assert_eq!(record.stored_status, Some(status));
                }
                assert!(record.created.unwrap().timestamp().is_some());
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 24);
}

#[test]
fn on_v2_runc_records_one_path_under_the_empty_name() {
    let record = captured("v2/explicit", RuntimeKind::Runc, Status::Running);
    let path = PathBuf::from("/sys/fs/cgroup/pods/runc-running");
    let expected = RecordedCgroup::PerController([(String::new(), path)].into());
    assert_eq!(record.cgroup, expected);
}

#[test]
fn systemd_names_stay_names_and_cruns_scope_path_is_taken_as_written() {
    let youki = captured("v2-systemd/explicit", RuntimeKind::Youki, Status::Running);
    let name = "machine.slice:rig:youki-running".to_owned();
    assert_eq!(youki.cgroup, RecordedCgroup::SliceOrLiteral(name));
    let crun = captured("v2-systemd/explicit", RuntimeKind::Crun, Status::Running);
    let path = "/machine.slice/rig-crun-running.scope/container";
    assert_eq!(crun.cgroup, RecordedCgroup::Everywhere(path.into()));
}

#[test]
fn youkis_default_cgroup_keeps_its_odd_name() {
    let record = captured("v1-vm/default", RuntimeKind::Youki, Status::Running);
    let name = ":youki:youki-running".to_owned();
    assert_eq!(record.cgroup, RecordedCgroup::SliceOrLiteral(name));
}

#[test]
fn runc_may_leave_out_what_is_empty() {
    let record = runc::parse(&fixtures::bytes("handmade/runc-1.4-omitted.json")).unwrap();
    assert_eq!(record.cgroup, RecordedCgroup::Unknown);
    assert_eq!((record.rdt.control, record.rdt.monitoring), (None, None));
    assert_eq!(record.hooks, Some(Hooks::default()));
    assert_eq!(record.private_pid_namespace, Some(true));
}

#[test]
fn a_control_group_is_its_own_only_without_a_closid() {
    let own = runc::parse(&fixtures::bytes("handmade/runc-1.4-rdt.json")).unwrap();
    let expected = RecordedRdt {
        control: Some(group("/sys/fs/resctrl/web")),
        owns_control: true,
        monitoring: Some(group("/sys/fs/resctrl/web/mon_groups/web")),
        class: None,
    };
    assert_eq!(own.rdt, expected);
    let shared = runc::parse(&fixtures::bytes("handmade/runc-1.4-closid.json")).unwrap();
    let expected = RecordedRdt {
        control: Some(group("/sys/fs/resctrl/gold")),
        owns_control: false,
        monitoring: Some(group("/sys/fs/resctrl/gold/mon_groups/web")),
        class: Some("gold".to_owned()),
    };
    assert_eq!(shared.rdt, expected);
    assert_eq!(shared.rdt.group().as_deref(), Some("gold"));
}

#[test]
fn the_group_that_a_spec_asks_for_is_known_where_the_runtime_went_on_without_it() {
    let text = String::from_utf8(fixtures::bytes("handmade/runc-1.4-closid.json")).unwrap();
    let mut state: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fields = state.as_object_mut().unwrap();
    // As runc 1.3 leaves them on a host without resctrl.
    fields.remove("intel_rdt_path");
    fields.remove("intel_rdt_mon_path");
    let record = runc::parse(state.to_string().as_bytes()).unwrap();
    assert_eq!(record.rdt.control, None);
    assert_eq!(record.rdt.group().as_deref(), Some("gold"));
}

#[test]
fn runc_hooks_have_their_time_out_in_nanoseconds_and_minus_one_is_no_init() {
    let record = runc::parse(&fixtures::bytes("handmade/runc-1.1-hooks.json")).unwrap();
    let hooks = record.hooks.unwrap();
    assert_eq!(hooks.poststop, [unmount_hook(), hook("/bin/log")]);
    assert_eq!(hooks.poststart, []);
    assert_eq!(record.init, None);
    assert_eq!(record.private_pid_namespace, Some(false));
}

#[test]
fn both_generations_of_youkis_rdt_fields_are_read() {
    let rdt = |name: &str| {
        let record = youki::parse(&fixtures::bytes(&format!("handmade/{name}.json"))).unwrap();
        record.rdt
    };
    let by_name = RecordedRdt {
        control: Some(named("web")),
        owns_control: true,
        monitoring: None,
        class: None,
    };
    assert_eq!(rdt("youki-0.1-rdt"), by_name);
    assert_eq!(rdt("youki-0.6-no-rdt"), RecordedRdt::default());
    let by_path = RecordedRdt {
        control: Some(group("/sys/fs/resctrl/web")),
        owns_control: true,
        monitoring: Some(group("/sys/fs/resctrl/web/mon_groups/web")),
        class: None,
    };
    assert_eq!(rdt("youki-0.7-rdt"), by_path);
    let monitoring_only = RecordedRdt {
        control: None,
        owns_control: false,
        monitoring: Some(group("/sys/fs/resctrl/gold/mon_groups/web")),
        class: None,
    };
    assert_eq!(rdt("youki-0.7-closid"), monitoring_only);
}

#[test]
fn a_youki_container_being_created_has_no_pid_yet() {
    let record = youki::parse(&fixtures::bytes("handmade/youki-0.7-creating.json")).unwrap();
    assert_eq!(record.stored_status, Some(Status::Creating));
    assert_eq!((record.init, record.created), (None, None));
}

#[test]
fn youkis_hooks_have_their_time_out_in_seconds() {
    let config = fixtures::bytes("handmade/youki-config-hooks.json");
    let (cgroup, hooks) = youki::parse_config(&config).unwrap();
    assert_eq!(cgroup, RecordedCgroup::Everywhere("/pods/web".into()));
    assert_eq!(hooks.poststop, [unmount_hook(), hook("/bin/log")]);
    assert_eq!(hooks.poststart, [hook("/bin/hello")]);
}

#[test]
fn crun_without_a_start_time_has_a_pid_only() {
    let status = fixtures::bytes("handmade/crun-0.13-status.json");
    let record = crun::parse("web", &status).unwrap();
    let init = RecordedInit {
        pid: 28468,
        start_time: None,
    };
    assert_eq!(record.init, Some(init));
    assert_eq!(record.owner, None);
}

#[test]
fn cruns_old_intelrdt_names_a_group_that_is_its_own_if_named_like_it() {
    let rdt = |name: &str| {
        let status = fixtures::bytes(&format!("handmade/{name}-status.json"));
        crun::parse("web", &status).unwrap().rdt
    };
    let own = rdt("crun-1.15-intelrdt");
    assert_eq!((own.control, own.owns_control), (Some(named("web")), true));
    let shared = rdt("crun-1.15-closid");
    assert_eq!(
        (shared.control, shared.owns_control),
        (Some(named("gold")), false)
    );
}

#[test]
fn cruns_groups_are_derived_from_its_config_where_the_status_has_none() {
    let mut record = captured("v2/explicit", RuntimeKind::Crun, Status::Running);
    record.id = "web".to_owned();
    crun::complete(
        &mut record,
        &fixtures::bytes("handmade/crun-config-rdt.json"),
    )
    .unwrap();
    let own = RecordedRdt {
        control: Some(named("web")),
        owns_control: true,
        monitoring: Some(named("web/mon_groups/web")),
        class: None,
    };
    assert_eq!(record.rdt, own);
    assert_eq!(record.hooks.unwrap().poststop, [hook("/bin/log")]);

    let config = fixtures::bytes("handmade/crun-config-closid.json");
    let found = crun::parse_config("web", &config).unwrap();
    let shared = RecordedRdt {
        control: Some(named("gold")),
        owns_control: false,
        monitoring: Some(named("gold/mon_groups/web")),
        class: Some("gold".to_owned()),
    };
    assert_eq!(found.rdt, shared);
    assert!(!found.private_pid_namespace);
    let name = "machine.slice:pod:web".to_owned();
    assert_eq!(found.cgroup, RecordedCgroup::SliceOrLiteral(name));
}

#[test]
fn cruns_empty_cgroup_path_means_no_cgroup_at_all() {
    let status = fixtures::bytes("handmade/crun-disabled-status.json");
    let record = crun::parse("web", &status).unwrap();
    assert_eq!(record.cgroup, RecordedCgroup::Disabled);
}

#[test]
fn a_cut_file_may_be_whole_in_a_moment_and_a_wrong_one_will_not() {
    for (runtime, name) in [
        ("runc", "state.json"),
        ("crun", "status"),
        ("youki", "state.json"),
    ] {
        let whole = fixtures::bytes(&format!(
            "v1/explicit/{runtime}/running/root/{runtime}-running/{name}"
        ));
        let parse = |bytes: &[u8]| match runtime {
            "runc" => runc::parse(bytes),
            "crun" => crun::parse("web", bytes),
            _ => youki::parse(bytes),
        };
        for length in [0, 1, whole.len() / 2, whole.len() - 2] {
            let error = parse(&whole[..length]).unwrap_err();
            assert!(error.may_be_torn(), "{runtime} cut at {length}: {error:?}");
        }
        assert!(!parse(b"[1]").unwrap_err().may_be_torn());
        assert!(!parse(b"not json").unwrap_err().may_be_torn());
    }
}

#[test]
fn a_pid_that_no_process_can_have_is_refused() {
    for pid in [
        "1",
        "-2",
        "4194305",
        "9223372036854775807",
        "-9223372036854775808",
    ] {
        let state = format!(
            r#"{{"ociVersion":"1","id":"a","status":"running","pid":{pid},"bundle":"/b"}}"#
        );
        let error = youki::parse(state.as_bytes()).unwrap_err();
        assert!(matches!(error, RecordError::Pid { .. }), "{pid}: {error:?}");
    }
    let state = br#"{"ociVersion":"1","id":"a","status":"running","pid":0,"bundle":"/b"}"#;
    assert_eq!(youki::parse(state).unwrap().init, None);
}

#[test]
fn storing_a_status_keeps_every_other_field_of_youkis_file() {
    let before = fixtures::bytes("handmade/youki-0.7-rdt.json");
    let after = youki::with_status(&before, Status::Stopped).unwrap();
    let parse = |bytes: &[u8]| -> serde_json::Value { serde_json::from_slice(bytes).unwrap() };
    let mut expected = parse(&before);
    expected["status"] = "stopped".into();
    assert_eq!(parse(&after), expected);
}
