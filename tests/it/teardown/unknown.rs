//! What was not read, is ambiguous or out of sight is not gone: whatever is asked for, nothing is done
//! and the record stays. Each cause with each way to lose a record.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use ocitop::cgroup::Hierarchies;
use ocitop::inventory::sight::{CgroupsOutOfSight, Proc, Sight, SightFacts};
use ocitop::inventory::unread::{Unread, WhyUnread};
use ocitop::inventory::{self, OutOfSight};
use ocitop::lifecycle::find::Ambiguous;
use ocitop::lifecycle::guard::Forbidden;
use ocitop::lifecycle::{Clean, Doubt, Force, Job, Kept, Note, Refusal, StepKind, Verdict};
use ocitop::oci::RuntimeKind;
use serde_json::json;

use super::{options, run};
use crate::support::engine;
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::Machine;

/// Each way to lose the record of `web` ends with this refusal, and nothing is changed.
#[track_caller]
fn keeps_the_record(machine: &Machine, host: &inventory::Machine, why: &Refusal) {
    keeps_it(machine, host, why, why);
}

/// As [`keeps_the_record`], where the clean is refused for another reason.
#[track_caller]
fn keeps_it(machine: &Machine, host: &inventory::Machine, why: &Refusal, of_clean: &Refusal) {
    let target = machine.target("web");
    let order = Clean {
        id: Some("web".to_owned()),
        state_dir: true,
        kill: true,
        ..Clean::default()
    };
    let jobs = [
        Job::Delete(target.clone(), Force::No),
        Job::Delete(target.clone(), Force::Yes),
        Job::Clean(target, Box::new(order)),
    ];
    for job in jobs {
        let why = match job {
            Job::Clean(..) => of_clean,
            _ => why,
        };
        let kernel = FakeKernel::over(machine);
        let shown = engine::preview(host, &job, &options());
        assert_eq!(shown.refused.as_ref(), Some(why), "the preview of {job:?}");
        let verdict = engine::run(&kernel, host, &job, &options(), &mut |_| {});
        assert_eq!(verdict, Verdict::Refused(why.clone()), "{job:?}");
        assert_eq!(kernel.changes(), 0, "{job:?}");
        assert!(machine.state_dir("web").is_dir(), "{job:?}");
    }
    assert!(
        why.words()
            .starts_with("cannot know whether anything lives: ")
    );
}

/// The machine as these facts have it.
fn seen(machine: &Machine, facts: SightFacts) -> inventory::Machine {
    let own = i32::try_from(std::process::id()).unwrap();
    let facts = SightFacts {
        self_link: Some(own),
        own_pid: own,
        pids_of_self: Some(1),
        ..facts
    };
    let mut host = machine.machine();
    host.sight = Arc::new(Sight::of(&facts, &host.hierarchies));
    host
}

/// The state file of `web`, cut after this text.
fn cut(machine: &Machine, text: &str) {
    let text = format!("{{\"id\":\"web\",{text}");
    fs::write(machine.state_dir("web").join("state.json"), text).unwrap();
}

#[test]
fn a_hierarchy_of_the_record_that_is_not_mounted_here_keeps_it() {
    let machine = Machine::v1().stopped("web", RuntimeKind::Runc);
    machine.edit("web", |state| {
        state["cgroup_paths"]["hugetlb"] = "/sys/fs/cgroup/hugetlb/web".into();
    });
    let facts = SightFacts {
        proc: Proc::Mounted,
        active: vec!["freezer".to_owned(), "hugetlb".to_owned()],
        real_mounts: BTreeSet::from([machine.cgroup_root().join("freezer")]),
        ..SightFacts::default()
    };
    let why = Refusal::CgroupsOutOfSight(CgroupsOutOfSight {
        hierarchies: vec!["hugetlb".to_owned()],
        why: OutOfSight::CgroupNotMounted,
    });
    let host = seen(&machine, facts);
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let kernel = FakeKernel::over(&machine);
    let verdict = engine::run(&kernel, &host, &job, &options(), &mut |_| {});
    assert_eq!(verdict, Verdict::Refused(why));
}

/// What the kernel says of the mounts of these hierarchies.
fn mountinfo(machine: &Machine, hierarchies: &[&str]) -> String {
    let line = |name: &&str| {
        let dir = machine.cgroup_root().join(name);
        format!(
            "30 25 0:26 / {} rw - cgroup cgroup rw,{name}\n",
            dir.display()
        )
    };
    hierarchies.iter().map(line).collect()
}

/// The machine of which this was read of its mounts, or nothing could be.
fn seen_of_mounts(machine: &Machine, read: Option<&str>) -> inventory::Machine {
    let mut host = machine.machine();
    let text = read.unwrap_or_default();
    host.hierarchies = Hierarchies::from_mountinfo(text.as_bytes());
    let facts = SightFacts {
        proc: Proc::Mounted,
        active: vec!["freezer".to_owned(), "pids".to_owned()],
        mounts_unread: read.is_none(),
        real_mounts: host
            .hierarchies
            .iter()
            .map(|one| one.mount.clone())
            .collect(),
        self_link: Some(1),
        own_pid: 1,
        pids_of_self: Some(1),
        ..SightFacts::default()
    };
    host.sight = Arc::new(Sight::of(&facts, &host.hierarchies));
    host
}

/// Neither says of any hierarchy that it is not there.
#[test]
fn while_what_is_mounted_is_not_read_or_torn_the_record_stays() {
    let whole = ["freezer", "pids"];
    let unseen = |hierarchies: &[&str], why| {
        let hierarchies = hierarchies.iter().map(|name| (*name).to_owned()).collect();
        Refusal::CgroupsOutOfSight(CgroupsOutOfSight { hierarchies, why })
    };
    let machine = Machine::v1().stopped("web", RuntimeKind::Runc);
    let unread = seen_of_mounts(&machine, None);
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let refused = |host: &inventory::Machine| {
        let kernel = FakeKernel::over(&machine);
        let verdict = engine::run(&kernel, host, &job, &options(), &mut |_| {});
        assert_eq!(kernel.changes(), 0);
        assert!(machine.state_dir("web").is_dir());
        verdict
    };
    let why = unseen(&whole, OutOfSight::MountsUnread);
    assert_eq!(refused(&unread), Verdict::Refused(why));
    // Cut in the line of the second hierarchy, before its controllers; and before the first.
    let text = mountinfo(&machine, &whole);
    for (end, missing) in [(text.rfind(" - ").unwrap(), &whole[1..]), (9, &whole[..])] {
        let torn = seen_of_mounts(&machine, text.get(..end));
        let why = unseen(missing, OutOfSight::CgroupNotMounted);
        assert_eq!(refused(&torn), Verdict::Refused(why), "{end}");
    }
    // Read whole, it goes.
    let host = seen_of_mounts(&machine, Some(&text));
    let kernel = FakeKernel::over(&machine);
    let verdict = engine::run(&kernel, &host, &job, &options(), &mut |_| {});
    assert_eq!(verdict, Verdict::Clean);
}

#[test]
fn which_hierarchies_there_are_was_not_read_so_any_may_be_out_of_sight() {
    let machine = Machine::v1().stopped("web", RuntimeKind::Runc);
    let facts = SightFacts {
        proc: Proc::Mounted,
        active_unread: true,
        ..SightFacts::default()
    };
    let host = seen(&machine, facts);
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let verdict = engine::preview(&host, &job, &options()).refused;
    let why = CgroupsOutOfSight {
        hierarchies: vec!["any".to_owned()],
        why: OutOfSight::CgroupUnreadable,
    };
    assert_eq!(verdict, Some(Refusal::CgroupsOutOfSight(why)));
}

#[test]
fn without_proc_the_record_stays() {
    let machine = Machine::v1().stopped("web", RuntimeKind::Runc);
    let facts = SightFacts {
        proc: Proc::Missing,
        ..SightFacts::default()
    };
    let host = seen(&machine, facts);
    keeps_the_record(&machine, &host, &Refusal::OutOfSight(OutOfSight::NoProc));
}

#[test]
fn an_init_of_which_the_look_fails_is_not_dead() {
    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    let pid = machine.processes("web")[0];
    let stat = machine.proc().join(format!("{pid}/stat"));
    fs::remove_file(&stat).unwrap();
    fs::create_dir(&stat).unwrap();
    for dir in machine.cgroup_dirs("web") {
        fs::write(dir.join("cgroup.procs"), "").unwrap();
    }
    let why = Refusal::OutOfSight(OutOfSight::ProcessUnread);
    let kept = Refusal::Kept(Kept::Alive {
        id: "web".to_owned(),
        root: machine.root().display().to_string(),
    });
    keeps_it(&machine, &machine.machine(), &why, &kept);
}

#[test]
fn a_pid_in_what_is_left_of_a_record_that_lives_keeps_it() {
    let mut machine = Machine::v1().stopped("web", RuntimeKind::Runc);
    let pid = machine.spawn_stranger();
    cut(&machine, &format!("\"init_process_pid\":{pid},\"init_pro"));
    let why = Refusal::CannotKnow(Doubt::Pid(pid));
    keeps_the_record(&machine, &machine.machine(), &why);
    // One that started at another time is another.
    cut(
        &machine,
        &format!("\"init_process_pid\":{pid},\"init_process_start\":7,"),
    );
    let kernel = FakeKernel::over(&machine);
    let job = Job::Delete(machine.target("web"), Force::Yes);
    assert_eq!(run(&machine, &kernel, &job).0, Verdict::Clean);
}

#[test]
fn what_is_in_a_cgroup_that_was_found_by_its_name_goes_as_ever() {
    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    let pid = machine.processes("web")[0];
    let freezer = "/sys/fs/cgroup/freezer/web";
    cut(
        &machine,
        &format!("\"init_process_pid\":{pid},\"cgroup_paths\":{{\"freezer\":\"{freezer}\","),
    );
    let kernel = FakeKernel::over(&machine);
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let (verdict, events) = run(&machine, &kernel, &job);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert!(machine.processes("web").is_empty());
}

#[test]
fn a_cgroup_in_what_is_left_of_a_record_keeps_it() {
    let machine = Machine::v1().stopped("web", RuntimeKind::Runc);
    machine.leave("batch/one", None);
    let path = json!("/sys/fs/cgroup/freezer/batch/one");
    cut(
        &machine,
        &format!("\"cgroup_paths\":{{\"freezer\":{path},\"cpu\":\"/sys"),
    );
    let dir = machine.cgroup_root().join("freezer/batch/one");
    let why = Refusal::CannotKnow(Doubt::Cgroup(dir.display().to_string()));
    keeps_the_record(&machine, &machine.machine(), &why);
}

#[test]
fn two_cgroups_of_its_name_keep_the_record() {
    let machine = Machine::v2().stopped("web", RuntimeKind::Runc);
    machine.leave("a/web", None);
    fs::write(machine.state_dir("web").join("state.json"), "").unwrap();
    let both = Ambiguous("/a/web".to_owned(), "/web".to_owned());
    let other = Ambiguous(both.1.clone(), both.0.clone());
    let shown = engine::preview(
        &machine.machine(),
        &Job::Delete(machine.target("web"), Force::Yes),
        &options(),
    );
    // In the order in which the directory lists them.
    let first = Refusal::CannotKnow(Doubt::Ambiguous(both));
    let why = if shown.refused == Some(first.clone()) {
        first
    } else {
        Refusal::CannotKnow(Doubt::Ambiguous(other))
    };
    keeps_the_record(&machine, &machine.machine(), &why);
}

#[test]
fn a_search_by_name_that_did_not_come_to_its_end_keeps_the_record() {
    let machine = Machine::v2().stopped("web", RuntimeKind::Runc);
    fs::write(machine.state_dir("web").join("state.json"), "").unwrap();
    let mut deep = machine.cgroup_root();
    for _ in 0..64 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    let cut = Unread::dir(&deep, WhyUnread::TooMany(64));
    let why = Refusal::CannotKnow(Doubt::Search(cut));
    keeps_the_record(&machine, &machine.machine(), &why);
}

/// Init of `web` is dead; `other`, which lives, has its cgroup too.
fn shared() -> (Machine, i32) {
    let mut machine = Machine::v1().stopped("web", RuntimeKind::Runc);
    let other = machine.spawn("web");
    let state = fs::read(machine.state_dir("web").join("state.json")).unwrap();
    let mut state: serde_json::Value = serde_json::from_slice(&state).unwrap();
    state["id"] = "other".into();
    state["init_process_pid"] = other.into();
    fs::create_dir(machine.state_dir("other")).unwrap();
    fs::write(
        machine.state_dir("other").join("state.json"),
        state.to_string(),
    )
    .unwrap();
    (machine, other)
}

#[test]
fn a_child_of_a_dead_init_in_a_cgroup_that_another_claims_keeps_the_record() {
    let (mut machine, _) = shared();
    let child = machine.spawn("web");
    let mounts = machine.proc().join(format!("{child}/ns/mnt"));
    fs::remove_file(&mounts).unwrap();
    symlink("mnt:[3]", &mounts).unwrap();
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = run(&machine, &kernel, &job);
    let Verdict::Refused(Refusal::CannotKnow(Doubt::Beside { pid, why })) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(pid, child);
    assert!(matches!(*why, Forbidden::Shared(..)), "{why:?}");
    assert_eq!(kernel.changes(), 0);
    assert!(machine.state_dir("web").is_dir());
}

#[test]
fn where_all_in_it_are_the_others_the_record_goes_and_the_cgroup_stays_and_the_run_says_so() {
    let (machine, other) = shared();
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let before = engine::preview(&machine.machine(), &job, &options()).notes;
    let kernel = FakeKernel::over(&machine);
    let (verdict, events) = run(&machine, &kernel, &job);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert!(!machine.state_dir("web").exists());
    assert_eq!(machine.processes("web"), [other]);
    assert!(matches!(before[0], Note::CgroupsSpared(_)), "{before:?}");
    // What was noted before is said by the run, before its plan.
    let said = events.iter().find_map(|event| match &event.kind {
        StepKind::Noted { notes } => Some(notes.clone()),
        _ => None,
    });
    assert_eq!(said, Some(before));
}
