//! resctrl that has no group left to give, or is not there.

use std::fs;
use std::path::PathBuf;

use super::beside::{through, with};
use crate::fuse::Resctrl;
use crate::resctrl::record;
use crate::rig::{Rig, skip};

fn mounted(name: &str) -> Option<Resctrl> {
    let mount = Resctrl::mount();
    mount.map_err(|why| skip(name, &why)).ok()
}

/// Makes groups until the kernel has none left; they go with the mount.
fn fill(group: impl Fn(usize) -> PathBuf) {
    let all = |number: &usize| fs::create_dir(group(*number)).is_ok();
    assert!((0..64).take_while(all).count() < 64);
}

/// The finding of this cause, of a container that wants a group of its own and has none.
fn said(rig: &Rig, mount: &Resctrl, cause: &str) -> serde_json::Value {
    let (id, root) = (rig.id(), mount.path(""));
    rig.run(&id);
    record(rig, mount, &id, None);
    let root = root.to_str().unwrap();
    let words = ["--resctrl-root", root, "diagnose", "-f", "json", &id];
    let json = rig.ocitop(&words).ok().json();
    let mut findings = json["findings"].as_array().unwrap().iter();
    let found = findings.find(|finding| finding["cause"] == cause);
    found.unwrap_or_else(|| panic!("{json:#}")).clone()
}

#[test]
fn no_class_is_left() {
    with("no CLOSID", |rig| {
        let Some(mount) = mounted("no CLOSID") else {
            return;
        };
        fill(|number| mount.path(&format!("class-{number}")));
        let finding = said(rig, &mount, "out-of-closids");
        assert_eq!((&finding["used"], &finding["of"]), (&4.into(), &4.into()));
        assert_eq!(finding["weight"], "hampers");
    });
}

#[test]
fn nothing_more_can_be_monitored() {
    with("no RMID", |rig| {
        let Some(mount) = mounted("no RMID") else {
            return;
        };
        fill(|number| mount.path(&format!("mon_groups/group-{number}")));
        let finding = said(rig, &mount, "out-of-rmids");
        assert_eq!((&finding["used"], &finding["of"]), (&8.into(), &8.into()));
    });
}

#[test]
fn the_kernel_has_resctrl_and_nobody_mounted_it() {
    with("resctrl not mounted", |rig| {
        let Some(mount) = mounted("resctrl not mounted") else {
            return;
        };
        let id = rig.id();
        rig.run(&id);
        record(rig, &mount, &id, None);
        // Few kernels know it for lack of hardware: this one is said to.
        let known = fs::read_to_string("/proc/filesystems").unwrap();
        let file = rig.scratch("filesystems");
        fs::write(&file, format!("{known}nodev\tresctrl\n")).unwrap();
        let file = file.display();
        let script = format!("mount --bind {file} /proc/filesystems; exec \"$@\"");
        let words = ["unshare", "-m", "sh", "-c", &script, "sh"];
        through(rig, &id, &words, "resctrl-not-mounted");
    });
}

#[test]
fn a_class_is_wanted_where_there_is_no_resctrl() {
    with("no resctrl", |rig| {
        if fs::read_to_string("/proc/filesystems")
            .unwrap()
            .contains("resctrl")
        {
            return crate::rig::not_here("no resctrl", "the kernel has it");
        }
        let id = rig.id();
        rig.run(&id);
        // As runc 1.3 records it: it says nothing, and goes on.
        rig.edit_state(&id, |state| {
            state["config"]["intel_rdt"] = serde_json::json!({"closID": "gold"});
        });
        let said = super::diagnose(rig, &id);
        let finding = said.one("no-resctrl");
        assert_eq!(finding["group"], "gold");
        super::ails::looks(&said, "rdt", "this host has no resctrl");
    });
}

#[test]
fn its_group_is_gone() {
    with("a resctrl group that is gone", |rig| {
        let Some(mount) = mounted("a resctrl group that is gone") else {
            return;
        };
        let (id, root) = (rig.id(), mount.path(""));
        rig.run(&id);
        record(rig, &mount, &id, Some("gold"));
        let words = [
            "--resctrl-root",
            root.to_str().unwrap(),
            "diagnose",
            "-f",
            "json",
            &id,
        ];
        let json = rig.ocitop(&words).ok().json();
        let mut findings = json["findings"].as_array().unwrap().iter();
        assert!(
            findings.any(|one| one["cause"] == "resctrl-group-gone" && one["group"] == "gold"),
            "{json:#}"
        );
    });
}
