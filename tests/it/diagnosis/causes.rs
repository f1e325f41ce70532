//! Each cause on its evidence: it is named, it is the verdict or stands behind one, it has words.

use std::path::PathBuf;
use std::time::Duration;

use ocitop::cgroup::cpu::Throttling;
use ocitop::cgroup::freezer::Freezer;
use ocitop::cgroup::{Limit, Version};
use ocitop::diagnosis::evidence::{
    Disk, Evidence, HookSeen, InitSeen, Level, MissingFrom, RecordProblem, ResctrlPresence,
    RuntimeSeen, UnitSeen,
};
use ocitop::diagnosis::{Finding, judge};
use ocitop::inventory::freezers::FrozenAt;
use ocitop::inventory::processes::{ProcessPlace, Source};
use ocitop::inventory::{Condition, Managed, Manager};
use ocitop::oci::Status;
use ocitop::process::status::SignalSet;
use proptest::prelude::*;

use super::{INIT, cgroup, healthy, killed, mount, neighbour, task, wait, who};

/// Evidence, the cause that it has to give, and whether that is the verdict.
pub(super) struct Case {
    made: fn(&mut Evidence),
    cause: &'static str,
    /// What the command or the words of its first remedy hold; empty where there is none.
    remedy: &'static str,
    verdict: bool,
}

impl Case {
    /// Makes the evidence.
    pub(super) fn apply(&self, seen: &mut Evidence) {
        (self.made)(seen);
    }
}

const fn case(cause: &'static str, remedy: &'static str, made: fn(&mut Evidence)) -> Case {
    Case {
        made,
        cause,
        remedy,
        verdict: true,
    }
}

const fn beside(cause: &'static str, remedy: &'static str, made: fn(&mut Evidence)) -> Case {
    Case {
        verdict: false,
        ..case(cause, remedy, made)
    }
}

fn fuse(seen: &mut Evidence, state: char, stack: &[&str]) {
    let mut held = killed(3330, state);
    let mut waits = wait(3330, state, stack);
    waits.mount = Some(mount("fuse.sshfs", "host:", "/hang"));
    held.process.exiting = stack.contains(&"do_exit");
    held.waits.push(waits);
    seen.tasks.push(held);
}

/// One that waits in D, by its stack.
fn in_d(seen: &mut Evidence, stack: &[&str], kind: Option<&str>) {
    let mut held = killed(3330, 'D');
    let mut waits = wait(3330, 'D', stack);
    waits.mount = kind.map(|kind| mount(kind, "nas01:/export", "/mnt/nas"));
    held.waits.push(waits);
    seen.tasks.push(held);
}

fn frozen(seen: &mut Evidence, dir: &str, level: Level, freezer: Freezer) {
    let mut frozen = cgroup(dir, level);
    frozen.freezer = Some(freezer);
    seen.cgroups.push(frozen);
}

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("running", "", |_| {}),
    case("created", "ocitop --root /run/runc start web", |seen| {
        seen.condition = Condition::Known(Status::Created);
    }),
    case("creating", "delete --force", |seen| seen.condition = Condition::Known(Status::Creating)),
    case("paused", "resume", |seen| {
        seen.condition = Condition::Known(Status::Paused);
        frozen(seen, "/sys/fs/cgroup/freezer/web", Level::Own, Freezer::Frozen);
    }),
    case("stopped", "delete web", |seen| {
        (seen.condition, seen.init) = (Condition::Known(Status::Stopped), InitSeen::Gone(INIT));
        seen.tasks.clear();
    }),
    case("unknown", "delete --force", |seen| seen.condition = Condition::Broken),
    case("frozen", "delete --force", |seen| {
        seen.condition = Condition::Known(Status::Paused);
        frozen(seen, "/sys/fs/cgroup/freezer/web", Level::Own, Freezer::Frozen);
        let mut dying = killed(3330, 'D');
        dying.process.frozen = true;
        seen.tasks.push(dying);
    }),
    case("frozen", "echo THAWED > '/sys/fs/cgroup/freezer/not its own/freezer.state'", |seen| {
        frozen(seen, "/sys/fs/cgroup/freezer/not its own", Level::Elsewhere, Freezer::Frozen);
        seen.cgroups[0].processes = 0;
        let mut dying = killed(3330, 'D');
        dying.process.frozen = true;
        dying.freezers.set = vec![FrozenAt {
            dir: "/sys/fs/cgroup/freezer/not its own".into(),
            version: Version::V1,
            done: true,
        }];
        seen.tasks.push(dying);
    }),
    case("frozen-unseen", "host's cgroup namespace", |seen| seen.tasks[0].freezers.hidden = true),
    case("frozen-unseen", "host's cgroup namespace", |seen| {
        seen.cgroups[0].freezer = Some(Freezer::FrozenAbove);
    }),
    case("frozen", "echo THAWED > /sys/fs/cgroup/freezer/pod/freezer.state", |seen| {
        frozen(seen, "/sys/fs/cgroup/freezer/pod", Level::Above, Freezer::Frozen);
    }),
    case("frozen", "delete --force", |seen| {
        frozen(seen, "/sys/fs/cgroup/freezer/web/in", Level::Below, Freezer::Frozen);
    }),
    case("frozen", "echo 0 > /sys/fs/cgroup/pod/cgroup.freeze", |seen| {
        frozen(seen, "/sys/fs/cgroup/pod", Level::Above, Freezer::Frozen);
        seen.cgroups.last_mut().unwrap().version = Version::V2;
    }),
    beside("freeze-unfinished", "resume", |seen| {
        seen.condition = Condition::Freezing;
        frozen(seen, "/sys/fs/cgroup/freezer/web", Level::Own, Freezer::Freezing);
        fuse(seen, 'D', &["request_wait_answer", "fuse_direct_io"]);
    }),
    case("fuse", "echo 1 > /sys/fs/fuse/connections/93/abort", |seen| {
        fuse(seen, 'D', &["request_wait_answer", "__fuse_simple_request", "fuse_direct_io", "fuse_file_read_iter"]);
    }),
    // Before anybody kills it, it sleeps as any other process does.
    case("fuse", "echo 1 > /sys/fs/fuse/connections/93/abort", |seen| {
        fuse(seen, 'S', &["request_wait_answer", "fuse_direct_io"]);
    }),
    case("fuse", "echo 1 >", |seen| {
        fuse(seen, 'D', &["request_wait_answer", "fuse_flush", "filp_flush", "filp_close", "put_files_struct", "do_exit"]);
    }),
    case("network", "bring nas01:/export back", |seen| {
        in_d(seen, &["rpc_wait_bit_killable", "__rpc_execute", "nfs4_call_sync", "nfs_file_fsync"], Some("nfs4"));
    }),
    case("network", "", |seen| in_d(seen, &["wait_for_response", "cifs_send_recv"], Some("cifs"))),
    case("block-device", "the kernel log", |seen| {
        in_d(seen, &["folio_wait_bit_common", "folio_wait_writeback", "ext4_sync_file"], None);
    }),
    case("frozen-filesystem", "fsfreeze -u MOUNT", |seen| {
        in_d(seen, &["percpu_rwsem_wait", "mnt_want_write", "path_openat"], None);
    }),
    case("frozen-filesystem", "fsfreeze -u /mnt/nas", |seen| {
        in_d(seen, &["percpu_rwsem_wait", "sb_start_write", "vfs_write"], Some("ext4"));
    }),
    case("cgroup-lock", "raise the CPU quota", |seen| {
        in_d(seen, &["cgroup_kn_lock_live", "cgroup_kill_write", "kernfs_fop_write_iter"], None);
    }),
    case("memory-locked", "", |seen| seen.tasks[1].process.source = Source::Silent(Duration::from_secs(3))),
    case("uninterruptible", "not known to end by itself", |seen| in_d(seen, &["msleep", "some_driver_ioctl"], None)),
    // Nobody has tried to kill it: it may end at any time.
    beside("uninterruptible", "not known to end by itself", |seen| {
        in_d(seen, &["msleep", "some_driver_ioctl"], None);
        seen.tasks[2].process.pending = SignalSet::default();
    }),
    case("faulted", "a reboot", |seen| in_d(seen, &["do_exit"], None)),
    case("vfork", "kill -9 3331", |seen| {
        let mut parent = task(3330, "vforks");
        parent.process.state = 'D';
        parent.waits.push(wait(3330, 'D', &["kernel_clone", "__do_sys_vfork"]));
        let mut child = task(3331, "vforks");
        (child.process.parent, child.not_executed) = (3330, true);
        seen.tasks.extend([parent, child]);
    }),
    case("stopped-by-signal", "kill -18 3320", |seen| seen.tasks[1].process.state = 'T'),
    case("traced", "delete --force", |seen| {
        (seen.tasks[1].process.state, seen.tasks[1].process.tracer) = ('t', Some(77));
        seen.tasks[1].tracer = Some(neighbour(77, "gdb"));
    }),
    case("held-at-exit", "kill -9 77", |seen| {
        let mut held = killed(3330, 't');
        held.process.tracer = Some(77);
        held.tracer = Some(neighbour(77, "strace"));
        held.waits.push(wait(3330, 't', &["ptrace_stop", "ptrace_do_notify", "ptrace_notify", "do_exit"]));
        seen.tasks.push(held);
    }),
    case("zombie-init", "delete web", |seen| {
        seen.condition = Condition::Known(Status::Stopped);
        seen.init = InitSeen::Zombie(who(INIT), Some(neighbour(900, "conmon")));
    }),
    beside("zombies", "kill -17 900", |seen| {
        let mut dead = task(3340, "[sh] <defunct>");
        (dead.process.state, dead.parent) = ('Z', Some(neighbour(900, "sh")));
        seen.tasks.push(dead);
    }),
    // Found by the namespace, and its parent has nothing to do with the container.
    beside("zombies", "kill -17 900", |seen| {
        let mut dead = task(3340, "[sh] <defunct>");
        (dead.process.state, dead.parent) = ('Z', Some(neighbour(900, "nsenter")));
        dead.place = ProcessPlace::Outside;
        seen.tasks.push(dead);
    }),
    case("dead-leader", "kill -9 3320", |seen| {
        (seen.tasks[1].process.state, seen.tasks[1].process.threads) = ('Z', 2);
    }),
    case("namespace-waits", "", |seen| {
        seen.tasks[0].process.exiting = true;
        seen.tasks[0].waits.push(wait(INIT, 'S', &["do_wait", "kernel_wait4", "zap_pid_ns_processes", "do_exit"]));
    }),
    case("namespace-waits", "kill -9 900", |seen| {
        seen.tasks[0].process.exiting = true;
        seen.tasks[0].waits.push(wait(INIT, 'S', &["zap_pid_ns_processes", "do_exit"]));
        (seen.tasks[1].process.state, seen.tasks[1].parent) = ('Z', Some(neighbour(900, "nsenter")));
        seen.tasks[1].place = ProcessPlace::Outside;
    }),
    case("core-dump", "end the program", |seen| {
        seen.tasks[1].dumping = true;
        seen.viewer.core_handler = Some("/usr/lib/systemd/systemd-coredump".to_owned());
    }),
    case("long-exit", "", |seen| {
        let mut dying = killed(3330, 'R');
        dying.process.exiting = true;
        dying.waits.push(wait(3330, 'R', &["unmap_vmas", "exit_mmap", "mmput", "do_exit"]));
        seen.tasks.push(dying);
    }),
    case("io-uring", "", |seen| {
        let mut dying = killed(3330, 'D');
        dying.process.exiting = true;
        dying.waits.push(wait(3330, 'D', &["io_wq_put_and_exit", "io_uring_clean_tctx", "do_exit"]));
        seen.tasks.push(dying);
    }),
    case("kernel-thread", "the virtual machine", |seen| seen.tasks[1].process.kernel = true),
    case("host-process", "cgroup.procs", |seen| seen.tasks[1].of_host = true),
    beside("partly-outside", "", |seen| seen.tasks[1].missing_from = vec![astray("pids")]),
    beside("gone", "", |seen| seen.gone = (vec!["/sys/fs/cgroup/memory/web".into()], 2)),
    beside("outside", "", |seen| seen.tasks[1].place = ProcessPlace::Outside),
    case("shared", "delete other first", |seen| {
        seen.shared = Some(("/sys/fs/cgroup/a".into(), "other".to_owned()));
        seen.forbidden = Some("/sys/fs/cgroup/a is shared with container other, which is alive".to_owned());
    }),
    case("forbidden", "", |seen| seen.forbidden = Some("/sys/fs/cgroup/a holds ocitop itself".to_owned())),
    beside("sub-cgroups", "", |seen| seen.cgroups.push(cgroup("/sys/fs/cgroup/web/in", Level::Below))),
    beside("threaded", "", |seen| seen.cgroups[0].kind = Some("threaded".to_owned())),
    case("invalid", "delete --force", |seen| seen.cgroups[0].kind = Some("domain invalid".to_owned())),
    case("foreign-pids", "host's pid namespace", |seen| seen.cgroups[0].foreign = 2),
    case("unlisted", "not known to end", |seen| {
        seen.cgroups[0].populated = Some(true);
        seen.cgroups[0].processes = 0;
        (seen.init, seen.condition) = (InitSeen::Gone(INIT), Condition::Known(Status::Stopped));
        for task in &mut seen.tasks {
            task.process.state = 'Z';
        }
    }),
    case("pids-limit", "echo max > /sys/fs/cgroup/freezer/web/pids.max", |seen| {
        (seen.cgroups[0].pids, seen.cgroups[0].pids_limit) = (Some(7), Some(Limit::At(7)));
        seen.cgroups[0].counts.forks_refused = Some(2);
    }),
    case("fork-bomb", "delete --force", |seen| seen.cgroups[0].since.forks_refused = Some(4000)),
    case("fork-bomb", "delete --force", |seen| seen.fresh = 300),
    case("oom-killer-off", "echo 0 >", |seen| {
        seen.cgroups[0].oom_waits = true;
        let mut waits = task(3330, "eats");
        waits.process.state = 'D';
        waits.waits.push(wait(3330, 'D', &["mem_cgroup_oom_synchronize", "pagefault_out_of_memory"]));
        seen.tasks.push(waits);
    }),
    case("memory-high", "echo max >", |seen| {
        (seen.cgroups[0].high, seen.cgroups[0].since.high) = (Some(Limit::At(1 << 20)), Some(12));
    }),
    case("memory-high", "echo max >", |seen| {
        (seen.cgroups[0].high, seen.cgroups[0].memory) = (Some(Limit::At(1 << 20)), Some(2 << 20));
        let mut waits = task(3330, "eats");
        waits.process.state = 'D';
        waits.waits.push(wait(3330, 'D', &["__mem_cgroup_handle_over_high", "try_charge_memcg"]));
        seen.tasks.push(waits);
    }),
    case("cpu-quota", "cpu.cfs_quota_us", |seen| {
        seen.cgroups[0].quota = Some(Limit::At(1000));
        seen.cgroups[0].counts.cpu = Some(Throttling { periods: 9, throttled: 9 });
        seen.tasks.push(killed(3330, 'R'));
    }),
    beside("cpu-throttled", "cpu.cfs_quota_us", |seen| {
        seen.cgroups[0].quota = Some(Limit::At(500_000));
        seen.cgroups[0].counts.cpu = Some(Throttling { periods: 500, throttled: 480 });
    }),
    beside("oom-kills", "", |seen| seen.cgroups[0].counts.oom_kills = Some(15)),
    beside("memory-at-limit", "", |seen| {
        seen.cgroups[0].memory_limit = Some(Limit::At(20 << 20));
        seen.cgroups[0].counts.at_limit = Some(251_845);
    }),
    case("mount-on", "umount /sys/fs/cgroup/freezer/web", |seen| seen.mounts.push("/sys/fs/cgroup/freezer/web".into())),
    case("mount-in", "umount /run/runc/web/x", |seen| seen.mounts.push("/run/runc/web/x".into())),
    case("missing", "delete --force", |seen| broken(seen, RecordProblem::Missing("no state file".to_owned()))),
    case("torn", "delete --force", |seen| broken(seen, RecordProblem::Torn("EOF".to_owned()))),
    case("corrupt", "delete --force", |seen| broken(seen, RecordProblem::Corrupt("not JSON".to_owned()))),
    case("unreadable", "delete --force", |seen| broken(seen, RecordProblem::Unreadable("EACCES".to_owned()))),
    case("incomplete", "delete --force", |seen| seen.record.note = Some("config.json missing".to_owned())),
    beside("foreign", "", |seen| seen.record.foreign = Some(1000)),
    case("recycled", "delete web", |seen| {
        seen.init = InitSeen::Recycled(neighbour(INIT, "sshd"));
        seen.condition = Condition::Known(Status::Stopped);
    }),
    case("hook-broken", "delete --force", |seen| hook(seen, Some("does not exist"), false)),
    case("hook-runs", "kill -9 950", |seen| hook(seen, None, true)),
    case("runtime-works", "kill -15 960", |seen| runtime(seen, "delete")),
    beside("runtime-works", "", |seen| runtime(seen, "run")),
    case("unit-failed", "systemctl reset-failed runc-web.scope", |seen| {
        seen.unit = Some(UnitSeen { name: "runc-web.scope".to_owned(), loaded: Some(true), active: Some(false) });
    }),
    beside("unit-gone", "", |seen| {
        seen.unit = Some(UnitSeen { name: "runc-web.scope".to_owned(), loaded: Some(false), active: Some(false) });
    }),
    beside("managed", "podman rm -f web", |seen| {
        (seen.manager, seen.supervisor) = (Some(Managed::plainly(Manager::Podman, "web")), Some(neighbour(900, "conmon")));
    }),
    beside("abandoned", "docker rm -f web", |seen| seen.manager = Some(Managed::plainly(Manager::Docker, "web"))),
    case("state-full", "make room", |seen| seen.disk = Some(disk(0, false))),
    case("state-read-only", "mount -o remount,rw /run/runc", |seen| seen.disk = Some(disk(1 << 30, true))),
    case("out-of-closids", "remove resctrl groups", |seen| {
        (seen.rdt.wanted, seen.rdt.closids) = (Some("gold".to_owned()), Some((16, 16)));
        seen.rdt.mount = ResctrlPresence::Mounted;
    }),
    beside("out-of-rmids", "remove resctrl groups", |seen| seen.rdt.rmids = Some((32, 32))),
    beside("resctrl-not-mounted", "mount -t resctrl", |seen| {
        (seen.rdt.wanted, seen.rdt.mount) = (Some("gold".to_owned()), ResctrlPresence::NotMounted);
    }),
    beside("no-resctrl", "", |seen| seen.rdt.wanted = Some("gold".to_owned())),
    beside("resctrl-group-gone", "", |seen| {
        (seen.rdt.wanted, seen.rdt.mount) = (Some("gold".to_owned()), ResctrlPresence::Mounted);
        seen.rdt.there = Some(false);
    }),
    beside("not-root", "", |seen| seen.viewer.root = Some(false)),
    beside("no-ptrace", "", |seen| seen.viewer.ptrace = Some(false)),
    beside("other-pid-namespace", "", |seen| seen.viewer.host_pids = Some(false)),
    case("cgroup-read-only", "mount -o remount,rw", |seen| seen.viewer.read_only.push("/sys/fs/cgroup".into())),
];

fn astray(hierarchy: &str) -> MissingFrom {
    MissingFrom {
        hierarchy: hierarchy.to_owned(),
        place: "/elsewhere".to_owned(),
        limits: true,
    }
}

fn broken(seen: &mut Evidence, problem: RecordProblem) {
    seen.record.problem = Some(problem);
    seen.condition = Condition::Broken;
    seen.init = InitSeen::Unknown;
}

fn hook(seen: &mut Evidence, broken: Option<&str>, runs: bool) {
    seen.hooks.push(HookSeen {
        path: "/usr/libexec/net-down".into(),
        apart: None,
        broken: broken.map(str::to_owned),
        running: runs.then(|| (neighbour(950, "net-down"), Duration::from_secs(40))),
    });
}

fn runtime(seen: &mut Evidence, verb: &str) {
    seen.runtimes.push(RuntimeSeen {
        process: neighbour(960, "runc"),
        verb: verb.to_owned(),
        time: Duration::from_secs(40),
    });
}

fn disk(free: u64, read_only: bool) -> Disk {
    Disk {
        path: PathBuf::from("/run/runc"),
        free,
        files: None,
        read_only,
    }
}

pub(super) fn name(finding: &Finding) -> String {
    let json = serde_json::to_value(finding).unwrap();
    json["cause"].as_str().unwrap().to_owned()
}

fn check(case: &Case) -> Result<(), String> {
    let mut seen = healthy();
    (case.made)(&mut seen);
    let findings = judge(&seen);
    let names: Vec<String> = findings.iter().map(name).collect();
    let at = names.iter().position(|name| name == case.cause);
    let at = at.ok_or_else(|| format!("{}: {names:?}", case.cause))?;
    if case.verdict != (at == 0) {
        return Err(format!("{} is number {at} of {names:?}", case.cause));
    }
    let finding = &findings[at];
    if finding.cause.words().is_empty() {
        return Err(format!("{} has no words", case.cause));
    }
    let first = finding.remedies.first().map(|remedy| {
        let command = remedy.command(&seen.key, None).unwrap_or_default();
        format!("{command} {}", remedy.words())
    });
    let first = first.unwrap_or_default();
    if first.contains(case.remedy) {
        return Ok(());
    }
    Err(format!(
        "{}: {:?} is not in {first:?}",
        case.cause, case.remedy
    ))
}

/// Causes that no test in `tests/host/diagnosis`, or in the VM with systemd, makes for real.
const ONLY_ON_EVIDENCE: &[&str] = &[
    // A bug of the kernel, or a moment of it that cannot be held.
    "cgroup-lock",
    "long-exit",
    "io-uring",
    "memory-locked",
    "uninterruptible",
    "faulted",
    // Of kernels that are not these, or a moment.
    "unlisted",
    // The kernel's threads are not a test's to move.
    "kernel-thread",
    // What is left where no other cause is.
    "unknown",
];

#[test]
fn a_cause_is_made_for_real_or_is_listed_as_one_that_is_not() {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host");
    let mut sources = std::fs::read_to_string(tests.join("systemd.rs")).unwrap();
    for entry in std::fs::read_dir(tests.join("diagnosis")).unwrap() {
        sources.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let causes = CASES.iter().map(|case| case.cause);
    let wrong: Vec<&str> = causes
        .filter(|cause| {
            let made = sources.contains(&format!("\"{cause}\""));
            made == ONLY_ON_EVIDENCE.contains(cause)
        })
        .collect();
    assert_eq!(wrong, Vec::<&str>::new());
}

#[test]
fn every_cause_is_told_from_its_evidence() {
    let wrong: Vec<String> = CASES.iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn many_that_wait_for_one_thing_are_one_finding() {
    let mut seen = healthy();
    for pid in [3330, 3340, 3350] {
        let mut stuck = killed(pid, 'D');
        let mut waits = wait(pid, 'D', &["request_wait_answer", "fuse_direct_io"]);
        waits.mount = Some(mount("fuse", "x", "/hang"));
        stuck.waits.push(waits);
        seen.tasks.push(stuck);
    }
    let findings = judge(&seen);
    assert_eq!(
        findings
            .iter()
            .filter(|finding| name(finding) == "fuse")
            .count(),
        1
    );
    let lines = &findings[0].evidence;
    assert!(
        lines.iter().any(|line| line == "so do pids 3340, 3350"),
        "{lines:?}"
    );
}

#[test]
fn a_process_that_moves_is_not_stuck() {
    let mut seen = healthy();
    in_d(
        &mut seen,
        &["folio_wait_bit_common", "ext4_sync_file"],
        None,
    );
    seen.tasks[2].waits[0].still = false;
    assert_eq!(name(&judge(&seen)[0]), "running");
}

#[test]
fn nobody_is_told_to_kill_pid_1() {
    let mut seen = healthy();
    seen.init = InitSeen::Zombie(who(INIT), Some(neighbour(1, "systemd")));
    seen.condition = Condition::Known(Status::Stopped);
    let findings = judge(&seen);
    assert_eq!(name(&findings[0]), "stopped");
    for remedy in findings.iter().flat_map(|finding| &finding.remedies) {
        let command = remedy.command(&seen.key, None).unwrap_or_default();
        assert!(!command.starts_with("kill"), "{command}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_together_there_is_a_verdict_and_the_weights_never_rise(
        chosen in proptest::collection::vec(0..CASES.len(), 0..8),
    ) {
        let mut seen = healthy();
        for at in chosen {
            // Some cases change a task by its place: all of those exist from the start.
            (CASES[at].made)(&mut seen);
            while seen.tasks.len() < 2 {
                seen.tasks.push(task(INIT, "nginx"));
            }
        }
        let findings = judge(&seen);
        prop_assert!(!findings.is_empty());
        prop_assert!(findings.windows(2).all(|pair| pair[0].weight <= pair[1].weight));
        prop_assert!(findings.iter().all(|finding| !finding.cause.words().is_empty()));
    }
}
