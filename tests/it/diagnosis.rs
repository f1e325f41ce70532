//! Why it is stuck: every cause from evidence as it was captured, and the page and the command that
//! say it.
//!
//! Most of them are made for real on a host or in the virtual machine (`tests/host/diagnosis`); those
//! that are not are listed in `causes`.

mod causes;
mod checks;

use std::path::PathBuf;
use std::time::Duration;

use ocitop::cgroup::Version;
use ocitop::diagnosis::evidence::{
    CgroupSeen, EventCounts, Evidence, InitSeen, Level, MountSeen, Neighbour, NotSeen,
    PidNamespace, RdtSeen, RecordSeen, Task, Viewer, Wait,
};
use ocitop::diagnosis::wait_kind::WaitKind;
use ocitop::inventory::Condition;
use ocitop::inventory::freezers::FreezersOver;
use ocitop::inventory::processes::{Closeup, LastingState, Process, ProcessPlace, Source};
use ocitop::oci::{ContainerKey, RuntimeKind, Status};
use ocitop::process::InitProcess;
use ocitop::process::status::SignalSet;

pub(super) const INIT: i32 = 3312;

pub(super) fn who(pid: i32) -> InitProcess {
    InitProcess {
        pid,
        start_time: 9_182_733,
    }
}

pub(super) fn neighbour(pid: i32, name: &str) -> Neighbour {
    Neighbour {
        who: who(pid),
        name: name.to_owned(),
        state: 'S',
        inside: false,
    }
}

/// A process that sleeps in its own cgroup.
pub(super) fn task(pid: i32, command: &str) -> Task {
    let process = Process {
        who: who(pid),
        parent: INIT,
        inside: None,
        is_init: pid == INIT,
        user: "root".to_owned(),
        state: 'S',
        exiting: false,
        kernel: false,
        threads: 1,
        cpu: None,
        ticks: 12,
        resident: Some(1 << 20),
        age: Duration::from_hours(2),
        command: command.to_owned(),
        source: Source::Line,
        wchan: None,
        pending: SignalSet::default(),
        tracer: None,
        frozen: false,
        elsewhere: None,
        held: LastingState {
            looks: 2,
            time: Duration::from_secs(17),
            switches: Some(0),
        },
    };
    Task {
        process,
        place: ProcessPlace::Own("/web".to_owned()),
        of_host: false,
        missing_from: Vec::new(),
        not_executed: false,
        dumping: false,
        parent: None,
        tracer: None,
        freezers: FreezersOver::THAWED,
        waits: Vec::new(),
    }
}

/// A task with SIGKILL pending, in this state.
pub(super) fn killed(pid: i32, state: char) -> Task {
    let mut task = task(pid, "cat /hang/hang");
    task.process.state = state;
    task.process.pending = SignalSet(0x100);
    task
}

/// Where a task waits, by its stack.
pub(super) fn wait(pid: i32, state: char, stack: &[&str]) -> Wait {
    let stack: Vec<String> = stack.iter().map(|name| (*name).to_owned()).collect();
    let wchan = stack.first().cloned();
    Wait {
        tid: pid,
        state,
        still: true,
        frozen: false,
        kind: WaitKind::of(wchan.as_deref(), &stack),
        closeup: Closeup {
            who: who(pid),
            stack,
            syscall: "0 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f1c".parse().ok(),
            file: Some("/hang/hang".to_owned()),
            silent: None,
        },
        wchan,
        mount: None,
    }
}

pub(super) fn mount(kind: &str, source: &str, point: &str) -> MountSeen {
    MountSeen {
        kind: kind.to_owned(),
        source: source.to_owned(),
        point: PathBuf::from(point),
        here: Some(PathBuf::from(point)),
        device: (0, 93),
        fuse: kind.starts_with("fuse"),
        remote: true,
        waiting: kind.starts_with("fuse").then_some(1),
    }
}

pub(super) fn cgroup(dir: &str, level: Level) -> CgroupSeen {
    CgroupSeen {
        dir: PathBuf::from(dir),
        version: Version::V1,
        level,
        listed: true,
        processes: 2,
        foreign: 0,
        populated: None,
        freezer: None,
        kind: None,
        pids: None,
        pids_limit: None,
        oom_waits: false,
        high: None,
        quota: None,
        memory: None,
        memory_limit: None,
        counts: EventCounts::default(),
        since: EventCounts::default(),
    }
}

/// A container that runs and of which nothing is to be said.
pub(crate) fn healthy() -> Evidence {
    Evidence {
        key: ContainerKey::new(std::path::Path::new("/run/runc"), "web"),
        runtime: Some(RuntimeKind::Runc),
        condition: Condition::Known(Status::Running),
        record: RecordSeen {
            has_start: true,
            ..RecordSeen::default()
        },
        init: InitSeen::Alive(who(INIT)),
        pid_namespace: PidNamespace::Private,
        tasks: vec![
            task(INIT, "nginx: master process"),
            task(3320, "nginx: worker"),
        ],
        cgroups: vec![cgroup("/sys/fs/cgroup/freezer/web", Level::Own)],
        gone: (Vec::new(), 1),
        shared: None,
        forbidden: None,
        hooks: Vec::new(),
        unit: None,
        manager: None,
        supervisor: None,
        runtimes: Vec::new(),
        mounts: Vec::new(),
        disk: None,
        rdt: RdtSeen::default(),
        viewer: Viewer {
            root: Some(true),
            ptrace: Some(true),
            host_pids: Some(true),
            systemd: Some(true),
            ..Viewer::default()
        },
        unseen: NotSeen::default(),
        leftover: None,
        span: Duration::from_millis(200),
        fresh: 0,
        more: 0,
        more_cgroups: false,
    }
}

/// A cgroup with one process that was started by a container that is gone.
pub(crate) fn bare() -> Evidence {
    let mut orphan = task(4711, "sleep 3000");
    orphan.process.parent = 1;
    let mut own = cgroup("/sys/fs/cgroup/:youki:api", Level::Own);
    own.version = Version::V2;
    own.freezer = Some(ocitop::cgroup::freezer::Freezer::Thawed);
    Evidence {
        condition: Condition::Known(Status::Stopped),
        runtime: None,
        init: InitSeen::Unknown,
        tasks: vec![orphan],
        cgroups: vec![own],
        ..healthy()
    }
}
