//! What could not be read, and so may own what was found.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ocitop::inventory::Unread;
use ocitop::inventory::author::{Author, Whose};
use ocitop::inventory::owners::Owners;
use ocitop::inventory::unread::{Place, WhyUnread};
use ocitop::leftovers::{
    Argument, Confidence, FoundLeftovers, KillOrphans, KnownBefore, find, order,
};
use ocitop::lifecycle::{Kept, Refusal, Verdict};

use super::{ID, at, broken, clean, command, look};
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::Machine;

/// This machine with one state root more.
fn with_root(machine: &Machine, path: &Path) -> ocitop::inventory::Machine {
    ocitop::inventory::Machine::new(&ocitop::config::Roots {
        cgroup: Some(machine.cgroup_root()),
        resctrl: None,
        proc: machine.proc(),
        state: vec![machine.root(), path.to_owned()],
        host: None,
    })
}

/// That it is unknown, whatever else is known of it, because this was not read.
#[track_caller]
fn unknown_for(found: &FoundLeftovers, end: &str, unread: &str) {
    let leftover = at(found, end);
    let said = leftover.argument();
    assert_eq!(leftover.confidence, Confidence::Unknown, "{said}");
    let is_told = |argument: &Argument| match argument {
        Argument::Unread(list) => list.iter().any(|one| one.words().contains(unread)),
        _ => false,
    };
    assert!(leftover.arguments.iter().any(is_told), "{said}");
    // Whoever was not asked may know it.
    assert!(
        !said.contains("no engine") && !said.contains("no other record"),
        "{said}"
    );
}

#[test]
fn while_a_root_is_unread_nothing_that_it_may_own_is_more_than_unknown() {
    let machine = Machine::v1();
    machine.leave("system.slice/crun-web.scope", None);
    let unread = machine.root().join("not-a-root");
    fs::write(&unread, "").unwrap();
    let mut known = KnownBefore::default();
    let blind = with_root(&machine, &unread);
    unknown_for(&find(&blind, &known), "crun-web.scope", "not-a-root");
    // Not even what this session saw end: one of that name may live there.
    known.gone.insert(("web".to_owned(), Author::Trusted));
    unknown_for(&find(&blind, &known), "crun-web.scope", "not-a-root");
    // A record in a root that can be read, of which the state file cannot.
    let machine = Machine::v1();
    machine.leave("system.slice/crun-web.scope", None);
    fs::create_dir_all(machine.state_dir("other/status")).unwrap();
    fs::create_dir_all(machine.state_dir("more")).unwrap();
    let found = look(&machine);
    assert_eq!(at(&found, "crun-web.scope").confidence, Confidence::Likely);
}

#[test]
fn mounts_that_could_not_be_read_are_told() {
    let machine = Machine::v1();
    let file = machine.proc().join("self/mountinfo");
    fs::create_dir_all(&file).unwrap();
    let why = WhyUnread::from(&std::io::Error::from(rustix::io::Errno::ISDIR));
    assert_eq!(look(&machine).unread, [Unread::dir(&file, why)]);
}

#[test]
fn a_root_below_a_users_own_directory_may_own_that_users_alone() {
    let machine = Machine::v2();
    machine.leave("system.slice/crun-web.scope", None);
    machine.leave("user.slice/user-1000.slice/crun-api.scope", None);
    let unread = machine.beside("run/user/1000/crun");
    fs::create_dir_all(unread.parent().unwrap()).unwrap();
    fs::write(&unread, "").unwrap();
    let found = find(&with_root(&machine, &unread), &KnownBefore::default());
    assert_eq!(at(&found, "crun-web.scope").confidence, Confidence::Likely);
    unknown_for(&found, "crun-api.scope", "run/user/1000/crun");
}

#[test]
fn an_engines_directory_that_cannot_be_listed_may_own_anything() {
    for file in [
        "var/lib/docker/containers",
        "run/containerd/io.containerd.runtime.v2.task",
        "run/user",
    ] {
        let machine = Machine::v2();
        machine.leave(&format!("docker/{ID}"), None);
        let path = machine.beside(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        unknown_for(&look(&machine), ID, file);
    }
}

#[test]
fn processes_that_proc_hides_may_own_anything() {
    // hidepid=2: those of others are not there, not even pid 1.
    let machine = Machine::v2();
    machine.leave(&format!("docker/{ID}"), None);
    fs::rename(machine.proc().join("1"), machine.proc().join("hidden")).unwrap();
    unknown_for(&look(&machine), ID, "hidepid");
    // hidepid=1: they are there, and nothing of them can be read.
    let machine = Machine::v2();
    machine.leave(&format!("docker/{ID}"), None);
    fs::create_dir(machine.proc().join("1/comm")).unwrap();
    unknown_for(&look(&machine), ID, "the processes of other users");
    // What one shim was told cannot be read.
    let mut machine = Machine::v2();
    machine.leave(&format!("docker/{ID}"), None);
    let shim = machine.told("containerd-shim", &[]);
    let line = machine.proc().join(format!("{shim}/cmdline"));
    fs::remove_file(&line).unwrap();
    fs::create_dir(&line).unwrap();
    let said = format!("the command line of pid {shim} (containerd-shim)");
    unknown_for(&look(&machine), ID, &said);
}

#[test]
fn a_shim_that_does_not_answer_is_named_and_those_before_it_are_heard() {
    let mut machine = Machine::v2();
    machine.told("conmon", &["conmon", "-c", ID]);
    let stuck = machine.told("containerd-shim", &[]);
    machine.told("conmon", &["conmon", "-c", "after"]);
    let line = machine.proc().join(format!("{stuck}/cmdline"));
    fs::remove_file(&line).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &line, kind, mode, 0).unwrap();
    let owners = Owners::read_within(&machine.machine(), Duration::from_millis(50));
    // Whoever reads it waits for a writer.
    drop(fs::OpenOptions::new().write(true).open(&line).unwrap());
    let places: Vec<_> = owners
        .unread
        .iter()
        .map(|one| (&one.place, one.why))
        .collect();
    let first = Place::CommandLine {
        author: Author::Trusted,
        pid: stuck,
        command: "containerd-shim".to_owned(),
    };
    let rest = Place::CommandLines {
        count: 1,
        author: Author::Trusted,
    };
    assert_eq!(
        places,
        [(&first, WhyUnread::Late), (&rest, WhyUnread::NotAsked)]
    );
    assert!(owners.of(ID, &[Whose::ROOTS]).is_some());
    assert_eq!(owners.of("after", &[Whose::ROOTS]), None);
}

#[test]
fn what_was_likely_is_not_cleaned_once_an_owner_cannot_be_asked() {
    let mut machine = Machine::v2();
    machine.leave(&format!("docker/{ID}"), None);
    let job = order(&at(&look(&machine), ID), KillOrphans::No).unwrap();
    let shim = machine.told("containerd-shim", &[]);
    let line = machine.proc().join(format!("{shim}/cmdline"));
    fs::remove_file(&line).unwrap();
    fs::create_dir(&line).unwrap();
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = clean(&machine, &kernel, &job);
    assert!(
        matches!(&verdict, Verdict::Refused(Refusal::Kept(Kept::NotAsked(_)))),
        "{verdict:?}"
    );
    assert_eq!(kernel.changes(), 0);
    // Who names it is told that it is unknown, and may go on.
    let job = order(&at(&look(&machine), ID), KillOrphans::No).unwrap();
    assert_eq!(clean(&machine, &kernel, &job).0, Verdict::Clean);
}

#[test]
fn clean_and_list_do_not_succeed_while_something_could_not_be_judged() {
    let mut machine = Machine::v2();
    let shim = machine.told("containerd-shim", &[]);
    let line = machine.proc().join(format!("{shim}/cmdline"));
    fs::remove_file(&line).unwrap();
    fs::create_dir(&line).unwrap();
    let said = format!("not read: the command line of pid {shim} (containerd-shim)");
    for words in [&["clean", "--yes"][..], &["clean", "--dry-run"], &["list"]] {
        let (code, _, err) = command(&machine, words);
        assert_eq!(code, 1, "{words:?}");
        assert!(err.contains(&said), "{err}");
    }
    // It would be certain, had everybody been asked.
    let dir = broken(&machine, &[("state.json", "")]);
    assert_eq!(command(&machine, &["clean", "--yes"]).0, 1);
    assert!(dir.exists());
    fs::remove_dir(&line).unwrap();
    fs::write(&line, "").unwrap();
    assert_eq!(command(&machine, &["clean", "--yes"]).0, 0);
    assert!(!dir.exists());
}

/// Where systemd keeps a link for each unit that is active.
const ACTIVE: &str = "units/invocation:";

#[test]
fn what_a_user_keeps_of_units_says_nothing_of_the_hosts() {
    let scope = format!("docker-{ID}.scope");
    let users = "user.slice/user-1000.slice/user@1000.service/user.slice";
    for (above, home, confidence) in [
        ("system.slice", "run/systemd", Confidence::Unknown),
        ("system.slice", "run/user/1000/systemd", Confidence::Likely),
        (users, "run/user/1000/systemd", Confidence::Unknown),
        (users, "run/user/1001/systemd", Confidence::Likely),
    ] {
        let machine = Machine::v2();
        machine.leave(&format!("{above}/{scope}"), None);
        let link = machine.beside(&format!("{home}/{ACTIVE}{scope}"));
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("x", link).unwrap();
        let found = look(&machine);
        let leftover = at(&found, &scope);
        assert_eq!(leftover.confidence, confidence, "{above}, {home}");
        let active = Argument::UnitActive(scope.clone());
        let is_told = leftover.arguments.contains(&active);
        assert_eq!(
            is_told,
            confidence == Confidence::Unknown,
            "{above}, {home}"
        );
    }
}

#[test]
fn a_scope_of_which_systemds_files_cannot_be_looked_at_is_unknown() {
    let scope = format!("docker-{ID}.scope");
    let machine = Machine::v2();
    machine.leave(&format!("system.slice/{scope}"), None);
    let units = machine.beside("run/systemd/units");
    fs::create_dir_all(units.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("units", &units).unwrap();
    let found = look(&machine);
    let leftover = at(&found, &scope);
    assert_eq!(leftover.confidence, Confidence::Unknown);
    let unclear = |argument: &Argument| match argument {
        Argument::Unclear(why) => why.contains("run/systemd"),
        _ => false,
    };
    assert!(
        leftover.arguments.iter().any(unclear),
        "{}",
        leftover.argument()
    );
}

#[test]
fn a_cgroup_below_which_was_not_looked_makes_what_it_may_hold_unknown() {
    let machine = Machine::v2();
    machine.leave("system.slice/crun-web.scope", None);
    let found = look(&machine);
    assert_eq!(at(&found, "crun-web.scope").confidence, Confidence::Likely);
    // Deeper than engines nest: what is there may be of it, or be its owner.
    let deep = vec!["level"; 30].join("/");
    machine.leave(&deep, None);
    unknown_for(&look(&machine), "crun-web.scope", "the cgroups in ");
}

/// One hierarchy was not seen when it was shown: the record is all that tells of what is there.
#[test]
fn a_state_directory_is_kept_while_a_cgroup_of_its_name_was_not_shown() {
    let machine = Machine::v1();
    let dirs = machine.leave("web", None);
    broken(&machine, &[("state.json", "")]);
    let found = look(&machine);
    let mut shown = at(&found, "root/web").clone();
    let missed = shown.parts.cgroups.pop().unwrap();
    let job = order(&shown, KillOrphans::No).unwrap();
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = clean(&machine, &kernel, &job);
    let Verdict::Refused(Refusal::Kept(Kept::Missed(dir))) = &verdict else {
        panic!("{verdict:?}");
    };
    assert!(
        dirs.iter().any(|own| own.display().to_string() == *dir),
        "{dir}"
    );
    assert!(dir.ends_with(&missed.0.path.to_string()));
    assert_eq!(kernel.changes(), 0);
    assert!(machine.state_dir("web").exists());
    assert_eq!(
        clean(
            &machine,
            &kernel,
            &order(&at(&found, "root/web"), KillOrphans::No).unwrap()
        )
        .0,
        Verdict::Clean
    );
}

/// What is in it would be left itself: it owns nothing, and not all was looked for.
#[test]
fn a_directory_of_leftovers_that_cannot_be_listed_is_told_and_hides_nobody() {
    for path in ["sys/fs/bpf/crun", "run/systemd/transient"] {
        let machine = Machine::v2();
        machine.leave("system.slice/crun-web.scope", None);
        let dir = machine.beside(path);
        fs::create_dir_all(dir.parent().unwrap()).unwrap();
        fs::write(&dir, "").unwrap();
        let found = look(&machine);
        let told = |one: &Unread| one.place == Place::Dir(dir.clone());
        assert!(found.unread.iter().any(told), "{:?}", found.unread);
        let web = at(&found, "crun-web.scope");
        assert!(
            !web.arguments.iter().any(
                |argument| matches!(argument, Argument::Unread(list) if list.iter().any(told))
            )
        );
    }
}
