//! What no row of the torture table makes: limits that are reached, strangers inside, namespaces
//! that wait, and a host that may not be seen.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use ocitop::oci::RuntimeKind;
use serde_json::json;

use super::diagnose;
use crate::rig::{
    Rig, Spec, Stranger, ask_to_freeze, freeze, has_v1, kill, not_here, process_state, skip, tops,
    until,
};
use crate::torture::fuse::Fuse;
use crate::torture::{Stage, odd};

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
        let said = diagnose(rig, &id);
        assert_eq!(
            said.one("zombies")["hold"],
            "init-later",
            "{}",
            said.ended.stdout
        );
        assert_eq!(super::ails::check(&said, "zombies")["verdict"], "note");
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
        let zombies = said.one("zombies");
        assert_eq!(zombies["hold"]["init"], init, "{zombies}");
        assert_eq!(super::ails::check(&said, "zombies")["verdict"], "cause");
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
fn a_conmon_holds_it() {
    with("a supervisor", |rig| {
        let Some(odd) = odd() else {
            return skip("a supervisor", "no C compiler");
        };
        let id = rig.id();
        rig.run(&id);
        let conmon = rig.scratch("conmon");
        fs::copy(odd, &conmon).unwrap();
        let child = Own(Command::new(conmon)
            .args(["zombies", "-c", &id])
            .spawn()
            .unwrap());
        let pid = child.0.id();
        until("it runs", || {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "conmon\n")
        });
        let said = diagnose(rig, &id);
        assert_eq!(said.one("managed")["pid"], pid);
    });
}

/// One shim of containerd holds all containers of a pod, and is told the pod's id alone.
#[test]
fn the_shim_of_its_pod_holds_it() {
    with("the shim of a pod", |rig| {
        let Some(odd) = odd() else {
            return skip("the shim of a pod", "no C compiler");
        };
        let id = rig.id();
        let pod = format!("{id}-pod");
        let spec = Spec {
            annotations: json!({"io.kubernetes.cri.sandbox-id": pod}),
            ..Spec::default()
        };
        rig.run_with(&id, &spec);
        assert!(diagnose(rig, &id).all("managed").is_empty());
        let shim = rig.scratch("containerd-shim-runc-v2");
        fs::copy(odd, &shim).unwrap();
        let mut command = Command::new(shim);
        let child = Own(command.args(["zombies", "-id", &pod]).spawn().unwrap());
        let pid = child.0.id();
        until("it runs", || {
            let name = fs::read_to_string(format!("/proc/{pid}/comm"));
            name.is_ok_and(|name| name == "containerd-shim\n")
        });
        let said = diagnose(rig, &id);
        assert_eq!(said.one("managed")["pid"], pid);
        assert!(said.all("abandoned").is_empty());
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
