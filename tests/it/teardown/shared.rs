//! Two live containers with one cgroup: each is told by its init and the pid namespace of that, and
//! the cgroup is nobody's.

use ocitop::kernel::Signal;
use ocitop::lifecycle::guard::Forbidden;
use ocitop::lifecycle::{
    Claims, Engine, Force, Job, Note, Outcome, OuterFreeze, Reason, Refusal, Step, StepEvent,
    Target, Verdict,
};
use ocitop::oci::RuntimeKind;

use super::{options, outcomes, run};
use crate::support::engine;
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::Machine;
use crate::support::proc_files::{HOST, Told};

/// `web` and `other`, both with the cgroup `/web`, each with two processes.
struct Two {
    machine: Machine,
    web: Vec<i32>,
    other: Vec<i32>,
}

impl Two {
    /// In these pid namespaces, with these pids of their inits inside.
    fn of(host: Machine, runtime: RuntimeKind, namespaces: [(&'static str, i32); 2]) -> Self {
        let mut machine = host.running("web", runtime);
        let web = machine.processes("web");
        let other: Vec<i32> = (0..2).map(|_| machine.spawn("web")).collect();
        let machine = machine.stopped("other", runtime);
        let record = ["status", "state.json"].map(|name| machine.state_dir("other").join(name));
        let record = record.iter().find(|file| file.exists()).unwrap();
        let from = machine.state_dir("web").join(record.file_name().unwrap());
        let text = std::fs::read_to_string(from).unwrap();
        let mut state: serde_json::Value = serde_json::from_str(&text).unwrap();
        if runtime == RuntimeKind::Runc {
            state["id"] = "other".into();
            state["init_process_pid"] = other[0].into();
        } else {
            state["pid"] = other[0].into();
        }
        std::fs::write(record, state.to_string()).unwrap();
        for (pids, (name, inside)) in [(&web, namespaces[0]), (&other, namespaces[1])] {
            for (index, pid) in pids.iter().enumerate() {
                let inside = inside + i32::try_from(index).unwrap();
                let told = Told {
                    namespace: Some((name, inside)),
                    ..Told::default()
                };
                machine.tell(*pid, &told);
            }
        }
        let two = Self {
            machine,
            web,
            other,
        };
        assert_eq!(two.init(&two.machine.target("web")), Some(two.web[0]));
        assert_eq!(two.init(&two.machine.target("other")), Some(two.other[0]));
        two
    }

    fn apart(host: Machine, runtime: RuntimeKind) -> Self {
        Self::of(host, runtime, [("pid:[7]", 1), ("pid:[8]", 1)])
    }

    fn init(&self, target: &Target) -> Option<i32> {
        let _ = self;
        target.init.map(|init| init.pid)
    }

    fn delete(&self, kernel: &FakeKernel<'_>, id: &str) -> (Verdict, Vec<StepEvent>) {
        let job = Job::Delete(self.machine.target(id), Force::Yes);
        run(&self.machine, kernel, &job)
    }

    fn lives(&self, pids: &[i32]) -> bool {
        pids.iter()
            .all(|pid| self.machine.proc().join(pid.to_string()).exists())
    }
}

/// The records that name start times: youki's init is told by its cgroup, which is both's.
const KINDS: [RuntimeKind; 2] = [RuntimeKind::Runc, RuntimeKind::Crun];

#[test]
fn a_delete_takes_its_own_processes_and_leaves_the_cgroup() {
    for host in [Machine::v1, Machine::v2] {
        for runtime in KINDS {
            let two = Two::apart(host(), runtime);
            let kernel = FakeKernel::over(&two.machine);
            let dirs = two.machine.cgroup_dirs("web");
            let job = Job::Delete(two.machine.target("web"), Force::Yes);
            let preview = engine::preview(&two.machine.machine(), &job, &options());
            assert_eq!(preview.processes, 2);
            assert!(
                preview
                    .notes
                    .iter()
                    .any(|note| matches!(note, Note::CgroupShared { with, .. } if with.starts_with("other"))),
                "{:?}",
                preview.notes
            );
            let (verdict, events) = two.delete(&kernel, "web");
            assert_eq!(verdict, Verdict::Clean, "{runtime}: {events:#?}");
            assert!(two.lives(&two.other) && !two.lives(&two.web[..1]));
            // Each is stopped before the first is killed.
            let signals = kernel.signals().into_iter();
            let kills = signals.filter(|(_, signal)| *signal == Signal::KILL);
            let mut killed: Vec<i32> = kills.map(|(pid, _)| pid).collect();
            killed.sort_unstable();
            let mut web = two.web.clone();
            web.sort_unstable();
            assert_eq!(killed, web);
            assert_eq!(kernel.written(), Vec::<std::path::PathBuf>::new());
            assert_eq!(two.machine.cgroup_dirs("web"), dirs);
            assert!(!two.machine.state_dir("web").exists());
            let removal = outcomes(&events)
                .into_iter()
                .find(|(step, _)| matches!(step, Step::RemoveCgroups { .. }));
            let other = two.machine.target("other").key.label_in_root();
            let skipped = Outcome::Skipped(Reason::Shared(other));
            assert_eq!(removal.unwrap().1, &skipped);
            // Now it is the other's alone.
            let (verdict, _) = two.delete(&kernel, "other");
            assert_eq!(verdict, Verdict::Clean);
            assert_eq!(
                two.machine.cgroup_dirs("web"),
                Vec::<std::path::PathBuf>::new()
            );
        }
    }
}

#[test]
fn of_two_deleted_at_once_the_last_takes_the_cgroup() {
    let two = Two::apart(Machine::v1(), RuntimeKind::Runc);
    let kernel = FakeKernel::over(&two.machine);
    let machine = two.machine.machine();
    // Both were looked at before either was touched.
    let engine = Engine {
        kernel: &kernel,
        machine: &machine,
        options: &options(),
        claims: &Claims::read(&machine),
    };
    let jobs = ["web", "other"].map(|id| Job::Delete(two.machine.target(id), Force::Yes));
    for job in &jobs {
        assert_eq!(engine.run(job, &mut |_| {}), Verdict::Clean);
    }
    assert_eq!(
        two.machine.cgroup_dirs("web"),
        Vec::<std::path::PathBuf>::new()
    );
}

#[test]
fn a_signal_goes_to_its_own_and_a_pause_is_refused() {
    let two = Two::apart(Machine::v1(), RuntimeKind::Crun);
    let kernel = FakeKernel::over(&two.machine);
    let job = Job::KillAll(two.machine.target("other"), Signal::TERM);
    assert_eq!(run(&two.machine, &kernel, &job).0, Verdict::Clean);
    let sent: Vec<i32> = kernel.signals().into_iter().map(|(pid, _)| pid).collect();
    assert_eq!(sent, two.other);
    let changes = kernel.changes();
    let why = Refusal::SharedFreezer {
        with: two.machine.target("web").key.label_in_root(),
    };
    let job = Job::Pause(two.machine.target("other"));
    assert_eq!(run(&two.machine, &kernel, &job).0, Verdict::Refused(why));
    assert_eq!(kernel.changes(), changes);
}

#[test]
fn what_is_frozen_together_is_not_thawed_for_one() {
    let two = Two::apart(Machine::v1(), RuntimeKind::Runc);
    let freezer = two.machine.freezer_dir("web");
    two.machine.set_frozen(&freezer);
    let kernel = FakeKernel::over(&two.machine);
    let held = OuterFreeze {
        by: Some(freezer),
        kills_wait: true,
        above: false,
        others: 1,
    };
    let refused = Verdict::Refused(Refusal::FrozenOutside(held));
    assert_eq!(two.delete(&kernel, "web").0, refused);
    let job = Job::Resume(two.machine.target("web"));
    assert_eq!(run(&two.machine, &kernel, &job).0, refused);
    assert_eq!(kernel.changes(), 0);
}

#[test]
fn whether_the_other_dies_too_is_not_guessed() {
    let two = Two::of(
        Machine::v1(),
        RuntimeKind::Runc,
        [("pid:[7]", 1), ("pid:[8]", 1)],
    );
    let stranger = two.machine.proc().join("77/stat");
    std::fs::create_dir(stranger.parent().unwrap()).unwrap();
    let unread = Machine::cannot_be_read(&stranger);
    let kernel = FakeKernel::over(&two.machine);
    let family = format!("the family of pid {}", two.web[0]);
    let why = Forbidden::Unseen(family, unread);
    assert_eq!(two.delete(&kernel, "web").0, Verdict::Refused(why.into()));
    assert_eq!(kernel.changes(), 0);
}

#[test]
fn what_cannot_be_told_apart_is_refused() {
    let dir = |two: &Two| two.machine.cgroup_dirs("web")[0].display().to_string();
    // Neither has a pid namespace of its own; or the other lives in this one's.
    for (namespaces, dies_too) in [
        ([(HOST, 60), (HOST, 70)], false),
        ([("pid:[7]", 1), ("pid:[7]", 9)], true),
    ] {
        let two = Two::of(Machine::v1(), RuntimeKind::Runc, namespaces);
        let kernel = FakeKernel::over(&two.machine);
        let other = two.machine.target("other").key.label_in_root();
        let why = if dies_too {
            Forbidden::DiesToo(dir(&two), other)
        } else {
            Forbidden::Inseparable(dir(&two), other)
        };
        let refused = Verdict::Refused(why.into());
        assert_eq!(two.delete(&kernel, "web").0, refused);
        let job = Job::Kill(two.machine.target("web"), Signal::KILL);
        assert_eq!(run(&two.machine, &kernel, &job).0, refused);
        assert_eq!(kernel.changes(), 0);
    }
}
