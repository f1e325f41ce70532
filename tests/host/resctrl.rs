//! resctrl groups of real containers, on a file system that behaves like resctrl.

use std::fs;
use std::path::Path;

use ocitop::config::Roots;
use ocitop::inventory::rdt::{self, RdtGroups, RdtView};
use ocitop::inventory::usage::{RdtUsage, RdtValue};
use ocitop::inventory::{Machine, Sampler};
use ocitop::oci::RuntimeKind;
use ocitop::resctrl::{InUse, ResctrlReader, Setting};
use serde_json::{Value, json};

use crate::fuse::Resctrl;
use crate::rig::{Ended, Rig, Stranger, skip, with};

/// A mount with a class that others share, or a loud skip.
fn mounted(name: &str) -> Option<Resctrl> {
    match Resctrl::mount() {
        Ok(mount) => {
            fs::create_dir(mount.path("gold")).unwrap();
            fs::create_dir(mount.path("gold/mon_groups/other")).unwrap();
            Some(mount)
        }
        Err(why) => {
            skip(name, &why);
            None
        }
    }
}

/// Records groups as the runtime of the rig does; `class` is the closID that the spec gave.
pub(crate) fn record(rig: &Rig, mount: &Resctrl, id: &str, class: Option<&str>) {
    let group = mount.path(class.unwrap_or(id));
    let monitoring = group.join("mon_groups").join(id);
    match rig.kind {
        RuntimeKind::Youki => rig.edit_state(id, |state| {
            state["intelRdtDir"] = json!(class.is_none().then_some(&group));
            state["intelRdtMonitoringDir"] = json!(monitoring);
        }),
        RuntimeKind::Runc => rig.edit_state(id, |state| {
            state["intel_rdt_path"] = json!(group);
            state["intel_rdt_mon_path"] = json!(monitoring);
            state["config"]["intel_rdt"] = json!({"closID": class.unwrap_or_default()});
        }),
        RuntimeKind::Crun => edit_config(rig, id, |config| {
            let mut rdt = json!({"enableMonitoring": true});
            if let Some(class) = class {
                rdt["closID"] = class.into();
            }
            config["linux"]["intelRdt"] = rdt;
        }),
    }
}

fn edit_config(rig: &Rig, id: &str, edit: impl FnOnce(&mut Value)) {
    let file = rig.state_dir(id).join("config.json");
    let mut config = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    edit(&mut config);
    fs::write(&file, config.to_string()).unwrap();
}

fn delete(rig: &Rig, mount: &Resctrl, id: &str) -> Ended {
    let root = mount.path("");
    let root = root.to_str().unwrap();
    rig.ocitop(&["--resctrl-root", root, "delete", "-f", id])
}

fn tasks(group: &Path) -> String {
    fs::read_to_string(group.join("tasks")).unwrap()
}

/// What ocitop sees of the mount and of the rig's containers in it.
fn look(rig: &Rig, mount: &Resctrl, reader: &mut ResctrlReader) -> RdtGroups {
    let machine = Machine::new(&Roots {
        state: vec![rig.root()],
        resctrl: Some(mount.path("")),
        ..Roots::default()
    });
    let snapshot = Sampler::new(machine.clone()).unwrap().pass();
    let containers = snapshot.containers.iter().map(AsRef::as_ref);
    match rdt::look(&machine, reader, containers) {
        RdtView::Mounted(groups) => *groups,
        other => panic!("{other:?}"),
    }
}

fn usage<'a>(groups: &'a RdtGroups, id: &str) -> &'a RdtUsage {
    let mut all = groups.usage.iter();
    let found = all.find(|(key, _)| key.label() == id);
    found.unwrap_or_else(|| panic!("{id} in {groups:?}")).1
}

fn word(text: &str) -> RdtValue {
    RdtValue::Word(text.to_owned())
}

with_each_runtime! {
    fn what_is_planted_is_what_is_shown(rig: &Rig) {
        let Some(mount) = mounted("planted values") else { return };
        let web = &rig.id();
        rig.run(web);
        let own = format!("gold/mon_groups/{web}");
        fs::create_dir(mount.path(&own)).unwrap();
        fs::write(mount.path("gold/tasks"), rig.pid(web).to_string()).unwrap();
        fs::write(mount.path(&own).join("tasks"), rig.pid(web).to_string()).unwrap();
        record(rig, &mount, web, Some("gold"));
        mount.plant("gold/schemata", "    L3:0=ff0;1=  f\n");
        for (file, text) in [
            ("mon_L3_00/llc_occupancy", "3250586\n"),
            ("mon_L3_01/llc_occupancy", "1\n"),
            ("mon_L3_00/mbm_local_bytes", "Unassigned\n"),
            ("mon_L3_00/mbm_total_bytes", "1000\n"),
            ("mon_L3_01/mbm_total_bytes", "1000\n"),
        ] {
            mount.plant(&format!("{own}/mon_data/{file}"), text);
        }
        let mut reader = ResctrlReader::default();
        let seen = look(rig, &mount, &mut reader);
        let of = |used, of| InUse { used, of: Some(of) };
        let survey = &seen.overview.survey;
        assert_eq!((survey.closids, survey.rmids), (of(2, 4), of(4, 8)));
        let its = usage(&seen, web);
        assert_eq!((its.control.as_str(), its.shared), ("gold", false));
        assert_eq!(its.monitoring.as_ref(), Some(web));
        assert_eq!(its.llc, RdtValue::Value(3_250_587.0));
        assert_eq!((&its.mbm_total, &its.mbm_local), (&RdtValue::None, &word("Unassigned")));
        assert_eq!(its.schemata, ["L3:0=ff0;1=f"]);
        // By the second reading there is a rate; one domain's word is the word of the sum.
        mount.plant(&format!("{own}/mon_data/mon_L3_00/mbm_total_bytes"), "9000\n");
        let seen = look(rig, &mount, &mut reader);
        assert!(matches!(usage(&seen, web).mbm_total, RdtValue::Value(rate) if rate > 0.0));
        mount.plant(&format!("{own}/mon_data/mon_L3_01/mbm_total_bytes"), "Error\n");
        let seen = look(rig, &mount, &mut reader);
        assert_eq!(usage(&seen, web).mbm_total, word("Error"));
    }

    fn a_container_without_a_record_is_found_by_its_task(rig: &Rig) {
        let Some(mount) = mounted("a container without a record") else { return };
        let web = &rig.id();
        let other = &format!("{web}-other");
        rig.run(web);
        rig.run(other);
        let mut reader = ResctrlReader::default();
        for id in [web, other] {
            fs::write(mount.path("gold/tasks"), rig.pid(id).to_string()).unwrap();
        }
        let seen = look(rig, &mount, &mut reader);
        assert!(usage(&seen, web).shared && usage(&seen, other).shared);
        fs::write(mount.path("gold/mon_groups/other/tasks"), rig.pid(web).to_string()).unwrap();
        let seen = look(rig, &mount, &mut reader);
        assert_eq!(usage(&seen, web).monitoring.as_deref(), Some("other"));
        assert_eq!(usage(&seen, other).monitoring, None);
        fs::remove_dir(mount.path("gold")).unwrap();
        let seen = look(rig, &mount, &mut reader);
        assert_eq!(usage(&seen, web).control, "");
    }

    fn its_groups_go_and_a_shared_class_stays(rig: &Rig) {
        let Some(mount) = mounted("its own groups") else { return };
        let web = &rig.id();
        rig.run(web);
        let group = mount.path(web);
        fs::create_dir(&group).unwrap();
        fs::create_dir(group.join("mon_groups").join(web)).unwrap();
        let stranger = Stranger::new();
        fs::write(group.join("tasks"), stranger.pid().to_string()).unwrap();
        fs::write(group.join("tasks"), rig.pid(web).to_string()).unwrap();
        record(rig, &mount, web, None);
        let list = rig.ocitop(&["--resctrl-root", mount.path("").to_str().unwrap(), "list", "-f", "json"]).ok();
        assert_eq!(list.json()[0]["rdt"][0], group.to_str().unwrap());
        delete(rig, &mount, web).ok();
        rig.assert_gone(web);
        assert!(!group.exists());
        assert!(mount.path("gold/mon_groups/other").is_dir());
        assert!(tasks(&mount.path("")).contains(&stranger.pid().to_string()));
    }

    fn of_a_shared_class_only_its_own_monitoring_goes(rig: &Rig) {
        let Some(mount) = mounted("a shared class") else { return };
        let web = &rig.id();
        rig.run(web);
        let own = mount.path("gold/mon_groups").join(web);
        fs::create_dir(&own).unwrap();
        // Somebody else's, by chance of the same name.
        fs::create_dir(mount.path(web)).unwrap();
        record(rig, &mount, web, Some("gold"));
        delete(rig, &mount, web).ok();
        rig.assert_gone(web);
        assert!(!own.exists());
        assert!(mount.path("gold/mon_groups/other").is_dir());
        assert!(mount.path(web).is_dir());
    }

    fn a_record_that_names_a_group_of_others_removes_nothing(rig: &Rig) {
        let Some(mount) = mounted("a record that names another's group") else { return };
        let web = &rig.id();
        rig.stopped(web);
        match rig.kind {
            RuntimeKind::Youki => rig.edit_state(web, |state| state["intelRdtDir"] = json!(mount.path("gold"))),
            RuntimeKind::Runc => rig.edit_state(web, |state| {
                state["intel_rdt_path"] = json!(mount.path("gold"));
                state["config"]["intel_rdt"] = json!({});
            }),
            RuntimeKind::Crun => rig.edit_state(web, |state| state["intelrdt"] = "gold".into()),
        }
        delete(rig, &mount, web).ok();
        rig.assert_gone(web);
        assert!(mount.path("gold/mon_groups/other").is_dir());
    }

    fn a_group_that_cannot_go_is_told_in_resctrls_words(rig: &Rig) {
        let Some(mount) = mounted("a group that cannot go") else { return };
        let web = &rig.id();
        rig.run(web);
        fs::create_dir(mount.path(web)).unwrap();
        record(rig, &mount, web, None);
        mount.refuse_removal("Pseudo-locking in progress");
        let ended = delete(rig, &mount, web);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("WARN") && said.contains("Pseudo-locking in progress"), "{said}");
        // All else is gone, and what is left is said.
        rig.assert_gone(web);
        assert!(ended.code == 1 && ended.stderr.contains(web.as_str()), "{said}");
    }
}

/// What one runtime's versions alone wrote.
fn one(kind: RuntimeKind, name: &str, test: fn(&Rig)) {
    with(kind, name, test);
}

#[test]
fn the_group_that_runc_forgets_goes_and_its_closid_is_free() {
    one(RuntimeKind::Runc, "the group that runc forgets", |rig| {
        let Some(mount) = mounted("the group that runc forgets") else {
            return;
        };
        let web = &rig.id();
        rig.stopped(web);
        fs::create_dir(mount.path(web)).unwrap();
        fs::create_dir(mount.path("silver")).unwrap();
        let full = fs::create_dir(mount.path("bronze")).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        let status = fs::read_to_string(mount.path("info/last_cmd_status")).unwrap();
        assert_eq!(status, "Out of CLOSIDs\n");
        rig.edit_state(web, |state| state["config"]["intel_rdt"] = json!({}));
        delete(rig, &mount, web).ok();
        assert!(!mount.path(web).exists());
        fs::create_dir(mount.path("bronze")).unwrap();
    });
}

#[test]
fn without_a_word_of_resctrl_in_its_record_nothing_is_removed() {
    one(RuntimeKind::Runc, "no resctrl in the record", |rig| {
        let Some(mount) = mounted("no resctrl in the record") else {
            return;
        };
        let web = &rig.id();
        rig.stopped(web);
        fs::create_dir(mount.path(web)).unwrap();
        delete(rig, &mount, web).ok();
        assert!(mount.path(web).is_dir());
    });
}

#[test]
fn the_group_of_an_old_youki_goes() {
    one(RuntimeKind::Youki, "the group of an old youki", |rig| {
        let Some(mount) = mounted("the group of an old youki") else {
            return;
        };
        let web = &rig.id();
        rig.stopped(web);
        fs::create_dir(mount.path(web)).unwrap();
        rig.edit_state(web, |state| {
            state["cleanUpIntelRdtSubdirectory"] = true.into();
            state.as_object_mut().unwrap().remove("intelRdtDir");
        });
        delete(rig, &mount, web).ok();
        assert!(!mount.path(web).exists());
    });
}

#[test]
fn the_group_that_an_old_crun_recorded_goes() {
    one(RuntimeKind::Crun, "the group of an old crun", |rig| {
        let Some(mount) = mounted("the group of an old crun") else {
            return;
        };
        let web = &rig.id();
        rig.stopped(web);
        fs::create_dir(mount.path(web)).unwrap();
        rig.edit_state(web, |state| state["intelrdt"] = web.as_str().into());
        edit_config(rig, web, |config| config["linux"]["intelRdt"] = json!({}));
        delete(rig, &mount, web).ok();
        assert!(!mount.path(web).exists());
    });
}

#[test]
fn groups_that_come_and_go_while_they_are_read_are_left_out() {
    let Some(mount) = mounted("groups that come and go") else {
        return;
    };
    let path = mount.path("");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(order) {
                fs::create_dir(path.join("brief")).unwrap();
                fs::create_dir(path.join("brief/mon_groups/web")).unwrap();
                fs::remove_dir(path.join("brief")).unwrap();
            }
        });
        let mut reader = ResctrlReader::default();
        let read = |reader: &mut ResctrlReader| {
            let names = |seen: ocitop::resctrl::Overview| {
                let names = seen.groups.into_iter().map(|group| group.name.to_string());
                names.collect::<Vec<_>>()
            };
            reader.read(&path).map(names)
        };
        let seen: Vec<_> = (0..200).map(|_| read(&mut reader)).collect();
        stop.store(true, order);
        for names in seen {
            let names = names.unwrap();
            assert!(names.starts_with(&["(default)".to_owned()]), "{names:?}");
            assert!(
                names.ends_with(&["gold".to_owned(), "gold/other".to_owned()]),
                "{names:?}"
            );
        }
    });
}

#[test]
fn doctor_says_how_much_of_resctrl_is_taken() {
    one(RuntimeKind::Runc, "doctor and resctrl", |rig| {
        let Some(mount) = mounted("doctor and resctrl") else {
            return;
        };
        let root = mount.path("");
        let root = root.to_str().unwrap();
        let said = rig.ocitop(&["--resctrl-root", root, "doctor"]).stdout;
        assert!(
            said.contains("CLOSIDs in use 2 of 4, RMIDs in use 3 of 8"),
            "{said}"
        );
        let counts = "gives out L3, counts llc_occupancy mbm_total_bytes mbm_local_bytes";
        assert!(said.contains(counts), "{said}");
        mount.plant("schemata", "L3:uninitialized\n");
        let seen = ResctrlReader::default().read(&mount.path("")).unwrap();
        let gold = seen.groups[1].schemata.as_ref().unwrap();
        assert!(matches!(gold.setting("L3", 1), Some(Setting::Mask(mask)) if mask.ways() == 12));
        assert_eq!(
            seen.groups[0].schemata.as_ref().unwrap().to_string(),
            "L3:uninitialized\n"
        );
    });
}

/// The file system of these tests is only worth something if it is like the real one.
#[test]
fn the_mount_behaves_like_resctrl() {
    let Some(mount) = mounted("the FUSE resctrl") else {
        return;
    };
    let read = |path: &str| fs::read_to_string(mount.path(path)).unwrap();
    assert_eq!(read("info/last_cmd_status"), "ok\n");
    assert_eq!(read("gold/mode"), "shareable\n");
    let group = "gold/mon_groups/other";
    assert_eq!(
        read(&format!("{group}/mon_data/mon_L3_00/mbm_total_bytes")),
        "Unavailable\n"
    );
    for refused in [
        "info",
        "gold/mon_groups",
        "gold/mon_data",
        "mon_data/mon_L3_00",
    ] {
        let error = fs::remove_dir(mount.path(refused)).unwrap_err();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::PermissionDenied,
            "{refused}"
        );
    }
    assert!(fs::create_dir(mount.path("gold/sub")).is_err());
    assert!(fs::remove_file(mount.path("gold/tasks")).is_err());
    let stranger = Stranger::new();
    let pid = stranger.pid().to_string();
    assert!(fs::write(mount.path(group).join("tasks"), &pid).is_err());
    assert_eq!(
        read("info/last_cmd_status"),
        "Can't move task to different control group\n"
    );
    fs::write(mount.path("gold/tasks"), &pid).unwrap();
    fs::write(mount.path(group).join("tasks"), &pid).unwrap();
    assert!(read("gold/tasks").contains(&pid));
    fs::remove_dir(mount.path(group)).unwrap();
    assert!(read("gold/tasks").contains(&pid));
    fs::remove_dir(mount.path("gold")).unwrap();
    assert!(!mount.path("gold").exists() && read("tasks").contains(&pid));
    assert!(fs::write(mount.path("tasks"), "0x7").is_err());
}
