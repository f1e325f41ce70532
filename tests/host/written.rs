//! What a teardown writes to control files: put back where it has to be; what is frozen from outside,
//! which is not written at all; and what root writes of a user's.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ocitop::kernel::{Inode, Kernel as _, LiveKernel, StateDir};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::delete::assert_deleted;
use crate::rig::{
    Rig, Spec, freeze, has_v1, is_frozen, patient, process_state, skip, start_of, thaw, until,
};
use crate::torture::fuse::Fuse;

/// A container with half a CPU of which one process cannot die before the file system answers.
fn hung(rig: &Rig, id: &str) -> Option<Fuse> {
    let Some(fuse) = Fuse::mount(rig.scratch("fuse")) else {
        skip("a quota that is lifted", "no FUSE");
        return None;
    };
    rig.run_with(
        id,
        &Spec {
            script: "cat /hang/hang & sleep 3000".to_owned(),
            resources: json!({"cpu": {"quota": 50_000, "period": 100_000}}),
            mounts: json!([{"destination": "/hang", "type": "bind", "source": fuse.dir(),
                "options": ["rbind", "rw"]}]),
            ..Spec::default()
        },
    );
    until("it reads", || {
        let waits = |pid: &i32| {
            let wchan = fs::read_to_string(format!("/proc/{pid}/wchan"));
            wchan.is_ok_and(|name| name == "request_wait_answer")
        };
        rig.members(id).iter().any(waits)
    });
    Some(fuse)
}

fn quota(rig: &Rig, id: &str) -> PathBuf {
    let name = if has_v1() {
        "cpu.cfs_quota_us"
    } else {
        "cpu.max"
    };
    rig.cgroup(id, "cpu").join(name)
}

fn read(file: &std::path::Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

with_each_runtime! {
    fn a_quota_is_put_back_where_the_processes_do_not_die(rig: &Rig) {
        let web = &rig.id();
        let Some(mut fuse) = hung(rig, web) else { return };
        let file = quota(rig, web);
        let before = read(&file);
        assert!(before.starts_with("50000"), "{before}");
        let told = rig.ocitop(&["delete", "--force", "--dry-run", web]).ok().stdout;
        assert!(told.contains("lift its CPU quota") && told.contains("is 50000"), "{told}");
        let ended = rig.ocitop(&["delete", "--force", "--timeout", "2", web]);
        assert_eq!(ended.code, 1, "{ended:#?}");
        assert!(ended.stdout.contains("was 50000"), "{ended:#?}");
        assert!(ended.stdout.contains("1 quota put back"), "{ended:#?}");
        assert_eq!(read(&file), before);
        fuse.abort();
        assert_deleted(rig, web);
    }

    fn a_quota_is_put_back_where_ocitop_is_asked_to_leave_off(rig: &Rig) {
        let web = &rig.id();
        let Some(mut fuse) = hung(rig, web) else { return };
        let file = quota(rig, web);
        let before = read(&file);
        let mut command = rig.ocitop_command(&["delete", "--force", "--timeout", "60", web]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        until("the quota is lifted", || read(&file) != before);
        let pid = Pid::from_child(&process);
        kill_process(pid, Signal::TERM).unwrap();
        assert!(!process.wait().unwrap().success());
        assert_eq!(read(&file), before);
        fuse.abort();
        assert_deleted(rig, web);
    }

    fn what_is_frozen_from_above_is_told_at_once_and_by_what(rig: &Rig) {
        let (web, beside) = (&rig.id(), &format!("{}-b", rig.id()));
        rig.run(web);
        rig.run(beside);
        let init = rig.pid(web);
        let start = start_of(init);
        let above = rig.cgroup("", "freezer");
        freeze(&above);
        until("it is frozen", || is_frozen(&above));
        let listed = rig.ocitop(&["list"]).ok();
        assert!(!listed.stderr.contains("load container"), "{listed:#?}");
        for verb in [&["resume"][..], &["delete", "--force"]] {
            if !has_v1() && verb != ["resume"] {
                continue;
            }
            let ended = rig.ocitop(&[verb, &[web.as_str()]].concat());
            assert!(ended.took < patient(Duration::from_secs(3)), "{ended:#?}");
            let why = format!("frozen by {} above it, which holds another container", above.display());
            ended.refused(1, &why);
            ended.refused(1, "thaw it first: echo ");
        }
        if has_v1() {
            let pending = fs::read_to_string(format!("/proc/{init}/status")).unwrap();
            assert!(pending.contains("ShdPnd:\t0000000000000000"), "{pending}");
            let ended = rig.ocitop(&["kill", web, "KILL"]).ok();
            assert!(ended.stderr.contains("it waits: frozen by"), "{ended:#?}");
            assert_eq!(start_of(init), start);
            assert_ne!(process_state(init), Some('Z'));
        }
        assert!(is_frozen(&above), "what lies above is not ours to thaw");
        thaw(&above);
        rig.ocitop(&["delete", "--force", web, beside]).ok();
        rig.assert_gone(web);
        rig.assert_gone(beside);
    }
}

#[test]
fn a_users_record_that_root_rewrites_stays_that_users() {
    let root = tempfile::Builder::new()
        .prefix("oct-owner")
        .tempdir_in("/run")
        .unwrap();
    let (state, file) = (root.path().join("web"), root.path().join("web/state.json"));
    fs::create_dir(&state).unwrap();
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    for path in [&state, &file] {
        chown(path, Some(4242), Some(4243)).unwrap();
    }
    let id = "web".parse().unwrap();
    let dir = StateDir {
        root: root.path(),
        id: &id,
        inode: Inode::at(&state).unwrap().unwrap(),
    };
    let written = LiveKernel::new().write_state(dir, "state.json", b"new");
    written.unwrap();
    let found = fs::metadata(&file).unwrap();
    assert_eq!((found.uid(), found.gid()), (4242, 4243));
    assert_eq!(found.mode() & 0o7777, 0o640);
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
}
