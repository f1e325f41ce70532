//! What no row of the torture table makes: limits that are reached, strangers inside, hooks,
//! namespaces that wait, mounts, and a host that does not answer or may not be seen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use ocitop::oci::RuntimeKind;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::json;

use super::{AT_ONCE, diagnose};
use crate::rig::{
    Rig, Spec, Stranger, ask_to_freeze, freeze, has_v1, kill, not_here, patient, process_state,
    skip, tops, until,
};
use crate::torture::fuse::Fuse;
use crate::torture::{Stage, odd};

/// Something mounted by a test.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::DETACH).ok();
    }
}

/// A process of the test.
pub(super) struct Own(pub(super) Child);

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(super) fn shared(script: &str) -> Spec {
    Spec {
        script: script.to_owned(),
        private_pids: false,
        ..Spec::default()
    }
}

/// A container with a file system below `/hang` that does not answer.
fn hung(rig: &Rig, script: &str, private_pids: bool) -> Option<Fuse> {
    let Some(fuse) = Fuse::mount(rig.scratch("fuse")) else {
        skip("a diagnosis beside FUSE", "no FUSE");
        return None;
    };
    let mounts = json!([{"destination": "/hang", "type": "bind", "source": fuse.dir(),
        "options": ["rbind", "rw"]}]);
    rig.run_with(
        &rig.id(),
        &Spec {
            script: script.to_owned(),
            mounts,
            private_pids,
            ..Spec::default()
        },
    );
    Some(fuse)
}

/// The member that waits for FUSE, once it does.
fn waiting(rig: &Rig) -> i32 {
    let waits = |pid: &i32| {
        let wchan = fs::read_to_string(format!("/proc/{pid}/wchan"));
        wchan.is_ok_and(|wchan| wchan == "request_wait_answer")
    };
    let find = || rig.members(&rig.id()).into_iter().find(waits);
    until("it waits for an answer", || find().is_some());
    find().unwrap()
}

fn put_odd(rig: &Rig) -> bool {
    let Some(odd) = odd() else {
        skip("a diagnosis", "no C compiler");
        return false;
    };
    fs::copy(odd, rig.scratch("rootfs/bin/odd")).unwrap();
    true
}

pub(super) fn with(name: &str, test: fn(&Rig)) {
    crate::rig::with(RuntimeKind::Runc, name, test);
}

#[test]
fn no_process_can_be_made_at_the_limit() {
    with("pids.max", |rig| {
        let id = rig.id();
        rig.run_with(&id, &shared("sleep 3000 & sleep 3001 & wait"));
        let pids = rig.cgroup(&id, if has_v1() { "pids" } else { "" });
        until("all run", || crate::rig::number(&pids, "pids.current") == 3);
        fs::write(pids.join("pids.max"), "3").unwrap();
        let said = diagnose(rig, &id);
        let finding = said.verdict("pids-limit");
        assert_eq!(finding["cgroup"].as_str(), pids.to_str());
        assert_eq!(finding["limit"], 3);
    });
}

#[test]
fn memory_is_out_and_the_oom_killer_is_off() {
    with("memory.oom_control", |rig| {
        if !has_v1() {
            return not_here("memory.oom_control", "v2 always kills");
        }
        let id = rig.id();
        let resources = json!({"memory": {"limit": 16 << 20, "disableOOMKiller": true}});
        let script = "sleep 3000 & x=0123456789; while :; do x=$x$x; done";
        rig.run_with(
            &id,
            &Spec {
                resources,
                ..shared(script)
            },
        );
        let memory = rig.cgroup(&id, "memory");
        until("memory is out", || {
            let control = fs::read_to_string(memory.join("memory.oom_control")).unwrap();
            control.contains("under_oom 1")
        });
        let said = diagnose(rig, &id);
        let finding = said.verdict("oom-killer-off");
        assert_eq!(finding["cgroup"].as_str(), memory.to_str());
        assert_eq!(finding["pids"][0], rig.pid(&id));
    });
}

#[test]
fn a_process_of_the_host_is_in_its_cgroup() {
    with("a stranger inside", |rig| {
        let id = rig.id();
        rig.run(&id);
        let stranger = Stranger::new();
        for dir in rig.cgroups(&id) {
            fs::write(dir.join("cgroup.procs"), stranger.pid().to_string()).unwrap();
        }
        let said = diagnose(rig, &id);
        assert_eq!(said.verdict("host-process")["pid"], stranger.pid());
        // It must not be in the way when the rig removes the cgroups.
        for (dir, top) in rig.cgroups(&id).iter().zip(tops()) {
            let top = if dir.starts_with(&top) { top } else { continue };
            fs::write(top.join("cgroup.procs"), stranger.pid().to_string()).unwrap();
        }
    });
}

#[test]
fn a_hook_cannot_be_run() {
    with("broken hooks", |rig| {
        let id = rig.id();
        let plain = rig.scratch("plain");
        fs::write(&plain, "#!/bin/sh\n").unwrap();
        let hooks = json!({"poststop": [{"path": "/nonexistent/hook"}, {"path": plain}]});
        rig.run_with(
            &id,
            &Spec {
                hooks,
                ..Spec::default()
            },
        );
        let said = diagnose(rig, &id);
        let broken = said.all("hook-broken");
        assert_eq!(broken[0]["hook"], "/nonexistent/hook");
        assert_eq!(broken[0]["why"], "does not exist");
        assert_eq!(broken[1]["hook"].as_str(), plain.to_str());
        assert_eq!(broken[1]["why"], "is not executable");
    });
}

#[test]
fn a_hook_does_not_end() {
    with("a hook that runs", |rig| {
        let id = rig.id();
        let hooks = json!({"poststop": [{"path": "/bin/sleep", "args": ["sleep", "3000"]}]});
        rig.run_with(
            &id,
            &Spec {
                hooks,
                ..Spec::default()
            },
        );
        let mut delete = rig.ocitop_command(&["delete", "--force", &id]);
        delete
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut delete = Own(delete.spawn().unwrap());
        let children = format!("/proc/{0}/task", delete.0.id());
        let hook = || {
            let threads = fs::read_dir(&children).into_iter().flatten().flatten();
            let pids = threads.filter_map(|t| fs::read_to_string(t.path().join("children")).ok());
            pids.flat_map(|text| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .filter_map(|pid| pid.parse::<i32>().ok())
            .find(|pid| {
                fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c == "sleep\n")
            })
        };
        until("the hook runs", || hook().is_some());
        let pid = hook().unwrap();
        let said = diagnose(rig, &id);
        let finding = said.verdict("hook-runs");
        assert_eq!(
            (&finding["pid"], &finding["hook"]),
            (&pid.into(), &"/bin/sleep".into())
        );
        kill(pid);
        assert!(delete.0.wait().unwrap().code().is_some());
    });
}

#[test]
fn init_waits_for_a_child_that_cannot_die() {
    with("zap_pid_ns_processes", |rig| {
        let Some(_fuse) = hung(rig, "cat /hang/hang & sleep 3000", true) else {
            return;
        };
        let id = rig.id();
        let child = waiting(rig);
        let init = rig.pid(&id);
        kill(init);
        until("the child is in D", || process_state(child) == Some('D'));
        let said = diagnose(rig, &id);
        let finding = said.one("namespace-waits");
        assert_eq!(
            (&finding["pid"], &finding["waits_for"]),
            (&init.into(), &child.into())
        );
        assert_eq!(said.one("fuse")["pid"], child);
    });
}

#[test]
fn init_waits_for_a_zombie_whose_parent_is_outside() {
    with("a foreign zombie", |rig| {
        let id = rig.id();
        let mut stage = Stage::new(rig);
        if !stage.with_odd() {
            return;
        }
        rig.run(&id);
        let init = rig.pid(&id);
        let ready = rig.scratch("ready");
        stage.helper(&["inject", &init.to_string(), ready.to_str().unwrap()]);
        kill(init);
        until("init dies", || {
            let stat = fs::read(format!("/proc/{init}/stat")).unwrap_or_default();
            ocitop::process::ProcStat::parse(&stat).is_some_and(|stat| stat.is_exiting())
        });
        let said = diagnose(rig, &id);
        let finding = said.verdict("namespace-waits");
        assert_eq!(finding["pid"], init);
        let parent = finding["parent"].as_i64().unwrap();
        let name = fs::read_to_string(format!("/proc/{parent}/comm")).unwrap();
        assert_eq!(name, "odd\n");
        said.offers(finding, &format!("kill -9 {parent}"));
    });
}

#[test]
fn a_freeze_does_not_end_while_a_process_is_in_d() {
    with("FREEZING", |rig| {
        let Some(_fuse) = hung(rig, "cat /hang/hang & sleep 3000", false) else {
            return;
        };
        let id = rig.id();
        let child = waiting(rig);
        kill(child);
        until("it is in D", || process_state(child) == Some('D'));
        let freezer = rig.cgroup(&id, if has_v1() { "freezer" } else { "" });
        ask_to_freeze(&freezer);
        let said = diagnose(rig, &id);
        let finding = said.one("freeze-unfinished");
        assert_eq!(finding["cgroup"].as_str(), freezer.to_str());
        assert_eq!(finding["pid"], child);
        assert_eq!(said.one("fuse")["pid"], child);
    });
}

#[test]
fn a_locked_memory_keeps_nobody_waiting() {
    with("a locked memory", |rig| {
        if !put_odd(rig) {
            return;
        }
        let script = "/bin/odd locked /hang/hang & sleep 3000";
        let Some(_fuse) = hung(rig, script, false) else {
            return;
        };
        let id = rig.id();
        let find = || {
            let members = rig.members(&id).into_iter();
            members.into_iter().find(|pid| {
                fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "odd\n")
            })
        };
        until("it runs", || find().is_some());
        let pid = find().unwrap();
        let in_d = |tid: &fs::DirEntry| {
            let stat = fs::read(tid.path().join("stat")).unwrap_or_default();
            ocitop::process::ProcStat::parse(&stat).is_some_and(|stat| stat.state == 'D')
        };
        until("its threads wait", || {
            let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
            threads.filter(in_d).count() > 0
        });
        let said = diagnose(rig, &id);
        assert_eq!(said.one("fuse")["pid"], pid);
    });
}

#[test]
fn a_state_root_that_does_not_answer_is_an_error_at_once() {
    with("a dead state root", |rig| {
        // Below /tmp, which anybody may lay out, no mount is crossed at all.
        let dir = tempfile::Builder::new()
            .prefix("oct")
            .tempdir_in("/run")
            .unwrap();
        let Some(fuse) = Fuse::mount(dir.path().join("fuse")) else {
            return skip("a dead state root", "no FUSE");
        };
        fuse.mute();
        let root = fuse.dir().join("box");
        let mut command = Command::new(crate::rig::ocitop());
        command.env("XDG_STATE_HOME", rig.scratch("log"));
        command.arg("--root").arg(&root).args(["diagnose", "web"]);
        let start = Instant::now();
        let ended = rig.finish(command);
        assert!(start.elapsed() < patient(AT_ONCE), "{ended:#?}");
        ended.refused(1, "does not answer");
        // Beside it a container of another root is diagnosed as ever.
        rig.run(&rig.id());
        let mut command = rig.ocitop_command(&["--root", root.to_str().unwrap()]);
        command.args(["diagnose", "-f", "json", &rig.id()]);
        let ended = rig.finish(command).ok();
        assert!(ended.took < patient(AT_ONCE), "{ended:#?}");
        assert_eq!(ended.json()["findings"][0]["cause"], "running");
    });
}

#[test]
fn the_state_root_is_full_or_read_only() {
    with("a full state root", |rig| {
        let id = rig.id();
        rig.run(&id);
        // Below /tmp, which anybody may lay out, no mount is crossed at all.
        let dir = tempfile::Builder::new()
            .prefix("oct")
            .tempdir_in("/run")
            .unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        let flags = MountFlags::empty();
        mount(
            "ocitop-test",
            &root,
            "tmpfs",
            flags,
            Some(c"size=256k,mode=755"),
        )
        .unwrap();
        let mounted = Mounted(root.clone());
        fs::create_dir(root.join(&id)).unwrap();
        fs::copy(rig.state_file(&id), root.join(&id).join("state.json")).unwrap();
        let verdict = || {
            let mut command = Command::new(crate::rig::ocitop());
            command
                .arg("--root")
                .arg(&root)
                .args(["diagnose", "-f", "json", &id]);
            let json = rig.finish(command).ok().json();
            let findings = json["findings"].as_array().unwrap().clone();
            findings
                .into_iter()
                .map(|f| f["cause"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert!(!verdict().contains(&"state-full".to_owned()));
        drop(fs::write(root.join("filler"), vec![0_u8; 1 << 18]));
        assert!(
            verdict().contains(&"state-full".to_owned()),
            "{:?}",
            verdict()
        );
        rustix::mount::mount_remount(&root, MountFlags::RDONLY, "").unwrap();
        assert!(
            verdict().contains(&"state-read-only".to_owned()),
            "{:?}",
            verdict()
        );
        drop(mounted);
    });
}

#[test]
fn something_is_mounted_in_its_state_directory() {
    with("a mount in the state directory", |rig| {
        let id = rig.id();
        rig.run(&id);
        let (over, inside) = (rig.scratch("over"), rig.state_dir(&id).join("over"));
        fs::create_dir(&over).unwrap();
        fs::create_dir(&inside).unwrap();
        rustix::mount::mount_bind(&over, &inside).unwrap();
        let mounted = Mounted(inside.clone());
        let said = diagnose(rig, &id);
        assert_eq!(said.verdict("mount-in")["mount"].as_str(), inside.to_str());
        drop(mounted);
    });
}

#[test]
fn a_conmon_holds_it() {
    with("a supervisor", |rig| {
        let Some(odd) = odd() else {
            return skip("a supervisor", "no C compiler");
        };
        let id = rig.id();
        rig.run(&id);
        let conmon = rig.scratch("conmon");
        fs::copy(odd, &conmon).unwrap();
        let child = Own(Command::new(conmon).args(["zombies", &id]).spawn().unwrap());
        let pid = child.0.id();
        until("it runs", || {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "conmon\n")
        });
        let said = diagnose(rig, &id);
        assert_eq!(said.one("managed")["pid"], pid);
    });
}

/// ocitop behind something that takes rights or sight from it.
pub(super) fn through(rig: &Rig, id: &str, words: &[&str], cause: &str) {
    let ocitop = crate::rig::ocitop();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .arg(ocitop)
        .arg("--root")
        .arg(rig.root());
    command.args(["diagnose", "-f", "json", id]);
    let ended = rig.finish(command).ok();
    let json = ended.json();
    let mut findings = json["findings"].as_array().unwrap().iter();
    assert!(
        findings.any(|finding| finding["cause"] == cause),
        "{cause} in {ended:#?}"
    );
}

#[test]
fn what_ocitop_itself_may_not_see_is_said() {
    with("missing privileges", |rig| {
        let id = rig.id();
        rig.run(&id);
        if Path::new("/usr/bin/setpriv").exists() {
            through(
                rig,
                &id,
                &["setpriv", "--bounding-set", "-sys_ptrace"],
                "no-ptrace",
            );
        }
        let words = ["unshare", "-p", "-f", "--mount-proc"];
        through(rig, &id, &words, "other-pid-namespace");
        // v1 keeps quiet about them.
        if !has_v1() {
            through(rig, &id, &words, "foreign-pids");
        }
        let pids = if has_v1() {
            "/sys/fs/cgroup/pids"
        } else {
            "/sys/fs/cgroup"
        };
        let script = format!("mount -o bind,remount,ro {pids}; exec \"$@\"");
        let words = ["unshare", "-m", "sh", "-c", &script, "sh"];
        through(rig, &id, &words, "cgroup-read-only");
    });
}

#[test]
fn the_screen_of_the_command_reads_as_a_sentence() {
    with("the text", |rig| {
        let id = rig.id();
        rig.run(&id);
        let (controller, file) = if has_v1() {
            ("freezer", "freezer.state")
        } else {
            ("", "cgroup.freeze")
        };
        freeze(&rig.cgroup("", controller));
        let ended = rig.ocitop(&["diagnose", &id]).ok();
        let first = ended.stdout.lines().next().unwrap();
        assert!(
            first.starts_with(&format!("{id}: frozen from above: ")),
            "{ended:#?}"
        );
        assert!(ended.stdout.contains(file), "{ended:#?}");
        let absent = rig.ocitop(&["diagnose", "no-such"]);
        absent.refused(1, "does not exist");
        assert_eq!(rig.ocitop(&["diagnose"]).code, 2);
        crate::rig::thaw(&rig.cgroup("", controller));
    });
}
