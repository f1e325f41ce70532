//! A signal to one process of a container reaches that process or none.

use std::fs;
use std::time::Duration;

use ocitop::kernel::Signal;
use ocitop::lifecycle::guard::Forbidden;
use ocitop::lifecycle::{
    Cancel, Job, NotSignalled, Options, Outcome, Preview, Reason, Refusal, StepEvent, StepKind,
    Verdict,
};
use ocitop::oci::RuntimeKind;
use ocitop::process::InitProcess;

use crate::support::engine;
use crate::support::fake_kernel::{FakeKernel, Op, remove_tree};
use crate::support::machine::Machine;
use crate::support::proc_files::Told;

pub(crate) fn options() -> Options {
    Options {
        timeout: Duration::from_secs(10),
        hooks: true,
        cancel: Cancel::default(),
    }
}

fn started(machine: &Machine, pid: i32) -> InitProcess {
    let stat = machine.machine().stat(pid).unwrap().unwrap();
    InitProcess {
        pid,
        start_time: stat.start_time,
    }
}

/// Sends SIGTERM to `process` of `web`; the outcome of the last step, if it came to one.
fn send(
    machine: &Machine,
    kernel: &FakeKernel<'_>,
    process: InitProcess,
) -> (Verdict, Option<Outcome>) {
    let job = Job::SignalOne(machine.target("web"), process, Signal::TERM);
    let mut last = None;
    let mut report = |event: StepEvent| {
        if let StepKind::Ended { outcome, .. } = event.kind {
            last = Some(outcome);
        }
    };
    let verdict = engine::run(kernel, &machine.machine(), &job, &options(), &mut report);
    (verdict, last)
}

fn preview(machine: &Machine, process: InitProcess) -> Preview {
    let job = Job::SignalOne(machine.target("web"), process, Signal::TERM);
    engine::preview(&machine.machine(), &job, &options())
}

#[track_caller]
fn refused(machine: &Machine, process: InitProcess, why: &Refusal) {
    let kernel = FakeKernel::over(machine);
    let (verdict, _) = send(machine, &kernel, process);
    assert_eq!(verdict, Verdict::Refused(why.clone()));
    assert_eq!(kernel.signals(), []);
    assert_eq!(preview(machine, process).refused.as_ref(), Some(why));
}

/// `web`, its init and its child.
fn web(host: Machine) -> (Machine, i32, i32) {
    let machine = host.running("web", RuntimeKind::Runc);
    let mut pids = machine.processes("web");
    pids.sort_unstable();
    (machine, pids[0], pids[1])
}

#[test]
fn it_reaches_the_one_process_and_no_other() {
    for host in [Machine::v1, Machine::v2] {
        let (machine, _, child) = web(host());
        let kernel = FakeKernel::over(&machine);
        let (verdict, _) = send(&machine, &kernel, started(&machine, child));
        assert_eq!(verdict, Verdict::Clean);
        assert_eq!(kernel.signals(), [(child, Signal::TERM)]);
        assert_eq!(kernel.changes(), 1);
        let steps = preview(&machine, started(&machine, child)).plan.0;
        assert_eq!(steps.len(), 2, "{steps:#?}");
    }
}

#[test]
fn a_recycled_pid_is_refused() {
    let (machine, _, child) = web(Machine::v1());
    let before = InitProcess {
        start_time: started(&machine, child).start_time - 1,
        pid: child,
    };
    refused(&machine, before, &NotSignalled::Recycled(child).into());
}

#[test]
fn a_pid_that_is_recycled_in_the_very_moment_is_refused() {
    let (machine, _, child) = web(Machine::v1());
    let process = started(&machine, child);
    let stat = machine.proc().join(format!("{child}/stat"));
    let kernel = FakeKernel::over(&machine).at_open(child, move || {
        let text = fs::read_to_string(&stat).unwrap();
        let then = process.start_time.to_string();
        fs::write(&stat, text.replace(&then, "777777")).unwrap();
    });
    let (verdict, _) = send(&machine, &kernel, process);
    assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
    assert_eq!(kernel.signals(), []);
}

#[test]
fn who_leaves_the_container_in_the_very_moment_is_refused() {
    let (machine, _, child) = web(Machine::v1());
    let file = machine.proc().join(format!("{child}/cgroup"));
    let kernel =
        FakeKernel::over(&machine).at_open(child, move || fs::write(file, "0::/\n").unwrap());
    let (verdict, _) = send(&machine, &kernel, started(&machine, child));
    assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
    assert_eq!(kernel.signals(), []);
}

#[test]
fn a_process_that_is_gone_in_the_very_moment_is_already_gone() {
    let (machine, _, child) = web(Machine::v1());
    let process = started(&machine, child);
    let dir = machine.proc().join(child.to_string());
    let kernel = FakeKernel::over(&machine).at_open(child, move || remove_tree(&dir));
    let (verdict, outcome) = send(&machine, &kernel, process);
    assert_eq!(verdict, Verdict::Clean);
    assert_eq!(outcome, Some(Outcome::Skipped(Reason::AlreadyGone)));
    assert_eq!(kernel.signals(), []);
}

#[test]
fn a_process_of_the_host_or_of_another_container_is_refused() {
    let (machine, _, _) = web(Machine::v1());
    let mut machine = machine.running("other", RuntimeKind::Runc);
    let stranger = machine.spawn_stranger();
    let other = machine.processes("other")[0];
    for pid in [stranger, other] {
        let why = NotSignalled::Foreign(pid).into();
        refused(&machine, started(&machine, pid), &why);
    }
}

#[test]
fn pid_1_ocitop_itself_and_kernel_threads_are_refused() {
    let (machine, _, child) = web(Machine::v1());
    let own = i32::try_from(std::process::id()).unwrap();
    for pid in [-1, 0, 1, own] {
        let process = InitProcess {
            pid,
            start_time: 5_000,
        };
        refused(&machine, process, &NotSignalled::Never(pid).into());
    }
    let thread = Told {
        flags: 0x0020_0000,
        ..Told::default()
    };
    machine.tell(child, &thread);
    // The guard sees it first: a cgroup with a kernel thread is no container's.
    let web = machine.cgroup_dirs("web").remove(0);
    let why = Forbidden::KernelThread(web.display().to_string(), child).into();
    refused(&machine, started(&machine, child), &why);
}

#[test]
fn a_zombie_is_refused_and_its_parent_named() {
    let (mut machine, init, _) = web(Machine::v1());
    let zombie = machine.spawn_zombie(init);
    let why = NotSignalled::Zombie {
        pid: zombie,
        parent: init,
    };
    refused(&machine, started(&machine, zombie), &why.into());
}

/// `web` in a pid namespace in which its init is pid `inside`, and a process of it that has left
/// the cgroup.
fn astray(inside: i32) -> (Machine, i32) {
    let (mut machine, init, _) = web(Machine::v2());
    let away = machine.spawn_stranger();
    for (pid, inside) in [(init, inside), (away, 9)] {
        let told = Told {
            namespace: Some(("pid:[7]", inside)),
            ..Told::default()
        };
        machine.tell(pid, &told);
    }
    (machine, away)
}

#[test]
fn outside_the_cgroup_only_the_containers_own_pid_namespace_counts() {
    let (machine, away) = astray(1);
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = send(&machine, &kernel, started(&machine, away));
    assert_eq!(verdict, Verdict::Clean);
    assert_eq!(kernel.signals(), [(away, Signal::TERM)]);
    // A pod's namespace is shared: who else is in it is another's.
    let (machine, away) = astray(12);
    let why = NotSignalled::Foreign(away).into();
    refused(&machine, started(&machine, away), &why);
}

#[test]
fn a_container_that_was_replaced_keeps_its_processes() {
    let (machine, _, child) = web(Machine::v1());
    let mut target = machine.target("web");
    target.init.as_mut().unwrap().start_time += 1;
    let job = Job::SignalOne(target, started(&machine, child), Signal::KILL);
    let kernel = FakeKernel::over(&machine);
    let verdict = engine::run(&kernel, &machine.machine(), &job, &options(), &mut |_| {});
    assert_eq!(verdict, Verdict::Refused(Refusal::Replaced));
    assert_eq!(kernel.signals(), []);
}

#[test]
fn a_paused_container_is_not_thawed_for_one_of_its_processes() {
    let machine = Machine::v1().paused("web", RuntimeKind::Runc);
    let child = machine.processes("web")[1];
    let kernel = FakeKernel::over(&machine);
    let job = Job::SignalOne(
        machine.target("web"),
        started(&machine, child),
        Signal::KILL,
    );
    let verdict = engine::run(&kernel, &machine.machine(), &job, &options(), &mut |_| {});
    assert_eq!(verdict, Verdict::Clean);
    let state = fs::read_to_string(machine.freezer_dir("web").join("freezer.state")).unwrap();
    assert_eq!(state, "FROZEN\n");
}

#[test]
fn what_the_kernel_refuses_is_said() {
    let (machine, _, child) = web(Machine::v1());
    let kernel = FakeKernel::over(&machine).failing(Op::Signal, rustix::io::Errno::PERM);
    let (verdict, _) = send(&machine, &kernel, started(&machine, child));
    let said = format!("signal pid {child}");
    assert!(matches!(&verdict, Verdict::Failed(why) if why.contains(&said)));
}
