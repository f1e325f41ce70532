//! Trees of cgroups without a bottom in sight: all of it is killed and removed, and what was not looked
//! at is never called gone.

use std::fs;
use std::path::Path;

use ocitop::inventory::unread::{Unread, WhyUnread};
use ocitop::lifecycle::{Doubt, Force, Job, Outcome, Refusal, StepError, Verdict};
use ocitop::oci::RuntimeKind;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use super::{delete, drained, options, run};
use crate::support::engine;
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::Machine;

/// Deeper than any walk that keeps count of its depth goes.
const DEEP: usize = 100;

/// A running `web` with so many cgroups nested below its own, and a process in the deepest.
fn nested(host: Machine) -> (Machine, i32) {
    let mut machine = host.running("web", RuntimeKind::Runc);
    let mut path = "web".to_owned();
    for _ in 0..DEEP {
        path.push_str("/d");
        for top in machine.cgroup_dirs("web") {
            let below = Path::new(&path).strip_prefix("web").unwrap();
            machine.make_cgroup(&top.join(below));
        }
    }
    let pid = machine.spawn(&path);
    (machine, pid)
}

#[test]
fn a_process_at_the_bottom_of_a_hundred_cgroups_is_killed_and_all_of_them_go() {
    for host in [Machine::v1, Machine::v2] {
        let (machine, deepest) = nested(host());
        let kernel = FakeKernel::over(&machine);
        let job = Job::Delete(machine.target("web"), Force::Yes);
        let shown = engine::preview(&machine.machine(), &job, &options());
        assert_eq!(shown.processes, 3);
        let (verdict, events) = delete(&machine, &kernel);
        assert_eq!(verdict, Verdict::Clean, "{events:#?}");
        assert!(machine.is_gone("web"));
        assert!(!machine.proc().join(deepest.to_string()).exists());
    }
}

#[test]
fn a_cgroup_whose_members_cannot_be_read_keeps_the_record() {
    let (machine, _) = nested(Machine::v1());
    let list = machine.cgroup_root().join("freezer/web/d/cgroup.procs");
    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = run(&machine, &kernel, &job);
    let at = list.parent().unwrap();
    let why = Unread::dir(
        at,
        WhyUnread::Refused(rustix::io::Errno::ISDIR.raw_os_error()),
    );
    assert_eq!(
        verdict,
        Verdict::Refused(Refusal::CannotKnow(Doubt::Members(why)))
    );
    assert_eq!(kernel.changes(), 0);
    assert!(machine.state_dir("web").is_dir());
}

#[test]
fn a_cgroup_whose_members_cannot_be_read_any_more_is_not_drained() {
    // youki has none of its cgroups in the v2 tree: each process is opened.
    let machine = Machine::v1().running("web", RuntimeKind::Youki);
    let list = machine.cgroup_root().join("pids/web/in/cgroup.procs");
    machine.make_cgroup(list.parent().unwrap());
    let away = list.clone();
    let init = machine.target("web").init.unwrap().pid;
    let kernel = FakeKernel::over(&machine).at_open(init, move || {
        fs::remove_file(&away).unwrap();
        fs::create_dir(&away).unwrap();
    });
    let (verdict, events) = delete(&machine, &kernel);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{events:#?}");
    let Outcome::Failed(StepError::Unread { what }) = drained(&events) else {
        panic!("{events:#?}");
    };
    assert!(what.words().contains("pids/web/in"), "{what}");
    assert!(machine.state_dir("web").is_dir());
}

/// How often a file is opened while `act` runs.
fn opens(file: &Path, act: impl FnOnce()) -> usize {
    let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
    // Two of the same in a row would be told as one.
    let flags = WatchFlags::OPEN | WatchFlags::CLOSE_NOWRITE;
    inotify::add_watch(&watch, file, flags).unwrap();
    act();
    let mut space = vec![std::mem::MaybeUninit::uninit(); 65536];
    let mut told = inotify::Reader::new(&watch, &mut space);
    let mut count = 0;
    while let Ok(event) = told.next() {
        count += usize::from(event.events().contains(ReadFlags::OPEN));
    }
    count
}

#[test]
fn how_often_a_cgroup_is_read_for_a_preview_and_a_report_does_not_grow_with_the_processes() {
    let cost = |processes: usize| {
        let mut machine = Machine::v1().running("web", RuntimeKind::Runc);
        let all: Vec<i32> = (0..processes).map(|_| machine.spawn("web")).collect();
        for pid in &all {
            // Nobody knows why it does not die without a look at its freezer.
            let stat = machine.proc().join(format!("{pid}/stat"));
            let text = fs::read_to_string(&stat).unwrap();
            fs::write(&stat, text.replace(") S ", ") D ")).unwrap();
        }
        let list = machine.cgroup_root().join("freezer/web/cgroup.procs");
        let job = Job::Delete(machine.target("web"), Force::Yes);
        let host = machine.machine();
        let shown = opens(&list, || {
            let preview = engine::preview(&host, &job, &options());
            assert_eq!(preview.uninterruptible, processes);
        });
        let immortal = |kernel, pid: &i32| FakeKernel::immortal(kernel, *pid);
        let kernel = all.iter().fold(FakeKernel::over(&machine), immortal);
        let verdict = engine::run(&kernel, &host, &job, &options(), &mut |_| {});
        assert!(matches!(verdict, Verdict::Leftovers(_)), "{verdict:?}");
        shown
    };
    assert_eq!(cost(2), cost(40));
}
