//! What was looked at: a check for every cause, and never a word that contradicts a finding or says
//! of what was not looked at that it is fine.

use std::collections::{BTreeMap, BTreeSet};

use ocitop::cgroup::Limit;
use ocitop::cgroup::cpu::Throttling;
use ocitop::cgroup::freezer::Freezer;
use ocitop::diagnosis::evidence::{
    Disk, Evidence, HookSeen, InitSeen, Level, NotSeen, PidNamespace, RecordProblem, RecordSeen,
    UnitSeen, Viewer,
};
use ocitop::diagnosis::{About, Check, CheckResult, Diagnosis, Futile};
use ocitop::inventory::freezers::{FreezersOver, FreezersUnseen};
use ocitop::inventory::processes::ProcessPlace;
use ocitop::inventory::{Condition, Managed, Manager, OutOfSight};
use ocitop::oci::Status;
use ocitop::process::status::SignalSet;
use proptest::prelude::*;

use super::causes::{CASES, name};
use super::{INIT, cgroup, healthy, killed, mount, neighbour, task, wait, who};

/// A healthy container of which everything was looked at.
fn seen_whole() -> Evidence {
    let mut seen = healthy();
    let own = &mut seen.cgroups[0];
    own.freezer = Some(Freezer::Thawed);
    (own.pids, own.pids_limit) = (Some(2), Some(Limit::At(512)));
    (own.memory, own.memory_limit) = (Some(212 << 20), Some(Limit::At(512 << 20)));
    own.quota = Some(Limit::At(2_000_000));
    own.counts.cpu = Some(Throttling {
        periods: 9000,
        throttled: 3,
    });
    seen.disk = Some(Disk {
        path: "/run/runc".into(),
        free: 3 << 30,
        files: Some(9000),
        read_only: false,
    });
    seen
}

#[track_caller]
fn one(seen: &Evidence, about: About) -> Check {
    let checks = Diagnosis::of(seen).checks;
    let mut hits = checks.into_iter().filter(|check| check.about == about);
    let hit = hits.next().unwrap();
    assert_eq!(hits.next(), None);
    hit
}

#[track_caller]
fn found(seen: &Evidence, about: About, verdict: CheckResult, words: &str) {
    let check = one(seen, about);
    assert_eq!((check.verdict, check.found.as_str()), (verdict, words));
}

#[test]
fn of_a_healthy_container_that_was_seen_whole_every_check_is_ok() {
    let seen = seen_whole();
    for check in Diagnosis::of(&seen).checks {
        assert_eq!(check.verdict, CheckResult::Ok, "{check:?}");
        assert!(!check.found.is_empty(), "{check:?}");
    }
    let ok = |about, words| found(&seen, about, CheckResult::Ok, words);
    ok(About::Record, "runc's, complete");
    ok(About::Init, "pid 3312, start 9182733: the one recorded");
    ok(About::Tasks, "2 (2 S) in 1 cgroup");
    ok(About::Pids, "2 of 512");
    ok(About::Memory, "212M of 512M");
    ok(
        About::Cpu,
        "quota of 2 CPU, held back in 3 of 9000 periods so far",
    );
    ok(About::Disk, "3G free, writable");
}

/// Evidence that leaves something out, the check that has to say so, and a part of its words.
type Left = (About, &'static str, fn(&mut Evidence));

#[rustfmt::skip]
const LEFT: &[Left] = &[
    (About::Init, "no record says which process", torn),
    (About::Tasks, "its cgroups: no record says which", |seen| {
        torn(seen);
        (seen.cgroups, seen.tasks) = (Vec::new(), Vec::new());
    }),
    (About::Tasks, "what outlives its init", |seen| {
        seen.record.cgroup_disabled = true;
        (seen.cgroups, seen.init) = (Vec::new(), InitSeen::Gone(INIT));
    }),
    (About::Stopped, "2 of 39 processes were read", |seen| seen.more = 37),
    (About::Zombies, "outside of ocitop's pid namespace", |seen| seen.cgroups[0].foreign = 2),
    (About::Unkillable, "where 1 process in D wait was not read", |seen| {
        seen.tasks.push(killed(3330, 'D'));
    }),
    (About::Exits, "may not be read", |seen| {
        seen.viewer.ptrace = Some(false);
        seen.tasks[1].process.exiting = true;
    }),
    (About::Frozen, "none of its cgroups tells of the freezer", |seen| {
        (seen.init, seen.cgroups[0].freezer) = (InitSeen::Gone(INIT), None);
        seen.tasks.clear();
    }),
    (About::Frozen, "the freezer of pid 3312: nobody looked at it", |seen| {
        seen.tasks[0].freezers = FreezersOver::default();
    }),
    (About::Frozen, "the freezer of pid 3320: /elsewhere is not below what is mounted", |seen| {
        seen.tasks[1].freezers.unseen = Some(FreezersUnseen::OutOfReach("/elsewhere".into()));
    }),
    (About::Tasks, "its record does not say which", |seen| {
        (seen.cgroups, seen.tasks, seen.gone.1) = (Vec::new(), Vec::new(), 0);
        seen.init = InitSeen::Gone(INIT);
    }),
    (About::Tasks, "the list of /sys/fs/cgroup/freezer/web", |seen| seen.cgroups[0].listed = false),
    (About::Stopped, "they are gone, and it lives", |seen| {
        (seen.gone.0, seen.cgroups) = (vec!["/sys/fs/cgroup/freezer/web".into()], Vec::new());
        seen.pid_namespace = PidNamespace::Shared;
    }),
    (About::Cgroups, "only 1 of its cgroups were read", |seen| seen.more_cgroups = true),
    (About::Outside, "it shares its pid namespace", |seen| seen.pid_namespace = PidNamespace::Shared),
    (About::Outside, "its pid namespace cannot be read", |seen| seen.pid_namespace = PidNamespace::Unknown),
    (About::Outside, "may not be read", |seen| seen.viewer.ptrace = Some(false)),
    (About::Record, "not read", |seen| seen.runtime = None),
    (About::Owner, "no record says who made it", |seen| seen.runtime = None),
    (About::Pids, "the pids controller", |seen| seen.cgroups[0].pids = None),
    (About::Cpu, "a CPU quota", |seen| seen.cgroups[0].quota = None),
    (About::Unit, "another user", |seen| seen.record.foreign = Some(1000)),
    (About::Unit, "is not told to ocitop", |seen| {
        seen.unit = Some(UnitSeen { name: "a.scope".to_owned(), loaded: None, active: None });
    }),
    (About::Viewer, "may see is not known", |seen| seen.viewer.root = None),
    (About::Viewer, "pid namespace of its own", |seen| {
        seen.unseen.pids = Some(OutOfSight::PidNamespace);
    }),
    (About::Outside, "without a live init", |seen| seen.init = InitSeen::Gone(INIT)),
    (About::Outside, "cannot be seen", |seen| seen.viewer.host_pids = Some(false)),
    (About::Shared, "containers of /run/crun: EACCES", |seen| {
        seen.unseen.roots = vec!["/run/crun: EACCES".to_owned()];
    }),
    (About::Memory, "memory controller", |seen| seen.cgroups[0].memory = None),
    (About::Hooks, "its configuration cannot be read", |seen| seen.unseen.hooks = true),
    (About::Hooks, "on /mnt/nas (nfs4): /mnt/nas/hook", |seen| {
        seen.hooks.push(HookSeen {
            path: "/mnt/nas/hook".into(),
            apart: Some("/mnt/nas (nfs4)".to_owned()),
            broken: None,
            running: None,
        });
    }),
    (About::Mounts, "cannot be read", |seen| seen.unseen.mounts = true),
    (About::Rdt, "does not answer", |seen| seen.unseen.rdt = true),
    (About::Runtime, "pid 77 does not answer", |seen| seen.unseen.mute = vec![77]),
    (About::Unit, "not known", |seen| seen.viewer.systemd = None),
    (About::Disk, "does not say", |seen| seen.disk = None),
];

/// Evidence of a look that met nothing: no answer to any question, and nobody knows why.
fn blank(seen: &Evidence) -> Evidence {
    Evidence {
        runtime: None,
        record: RecordSeen::default(),
        init: InitSeen::Unknown,
        pid_namespace: PidNamespace::Unknown,
        tasks: Vec::new(),
        cgroups: Vec::new(),
        gone: (Vec::new(), 0),
        disk: None,
        viewer: Viewer::default(),
        unseen: NotSeen {
            hooks: true,
            mounts: true,
            rdt: true,
            roots: vec!["/run/crun: EACCES".to_owned()],
            ..NotSeen::default()
        },
        ..seen.clone()
    }
}

#[test]
fn no_check_is_ok_where_nothing_was_met() {
    let seen = blank(&seen_whole());
    let checks = Diagnosis::of(&seen).checks;
    assert_eq!(checks.len(), 22);
    for check in checks {
        assert_ne!(check.verdict, CheckResult::Ok, "{check:?}");
    }
}

/// The grades that a check got by the evidence of these tests.
fn grades() -> BTreeMap<About, BTreeSet<CheckResult>> {
    let mut grades: BTreeMap<About, BTreeSet<CheckResult>> = BTreeMap::new();
    let mut add = |seen: &Evidence| {
        for check in Diagnosis::of(seen).checks {
            grades.entry(check.about).or_default().insert(check.verdict);
        }
    };
    add(&seen_whole());
    for (_, _, made) in LEFT {
        let mut seen = seen_whole();
        made(&mut seen);
        add(&seen);
    }
    for case in CASES {
        let mut seen = seen_whole();
        case.apply(&mut seen);
        add(&seen);
    }
    grades
}

#[test]
fn each_check_is_ok_not_looked_at_and_something_else_by_evidence() {
    let grades = grades();
    let mut lacking = Vec::new();
    for (about, grades) in &grades {
        let found = [CheckResult::Cause, CheckResult::Look, CheckResult::Note];
        let some = found.iter().any(|grade| grades.contains(grade));
        for (is, what) in [
            (grades.contains(&CheckResult::Ok), "ok"),
            (grades.contains(&CheckResult::NotLookedAt), "not looked at"),
            (some, "anything found"),
        ] {
            // Whose records are read is told by the refusal of an action, not by a finding.
            if !is {
                lacking.push((*about, what));
            }
        }
    }
    assert_eq!(grades.len(), 22);
    assert_eq!(lacking, []);
}

fn torn(seen: &mut Evidence) {
    seen.record.problem = Some(RecordProblem::Torn("EOF".to_owned()));
    seen.init = InitSeen::Unknown;
}

#[test]
fn what_was_not_looked_at_is_said_and_is_never_ok() {
    for (about, words, made) in LEFT {
        let mut seen = seen_whole();
        made(&mut seen);
        let check = one(&seen, *about);
        assert_eq!(check.verdict, CheckResult::NotLookedAt, "{check:?}");
        assert!(check.found.contains(words), "{words:?}: {check:?}");
    }
}

#[test]
fn a_full_file_system_is_out_of_bytes_or_of_inodes() {
    let full = |free, files| {
        let mut seen = seen_whole();
        let disk = seen.disk.as_mut().unwrap();
        (disk.free, disk.files) = (free, Some(files));
        one(&seen, About::Disk)
    };
    let check = full(3 << 30, 0);
    assert_eq!(check.verdict, CheckResult::Cause);
    assert!(
        check.found.ends_with("(3221225472 bytes left, no inode)"),
        "{check:?}"
    );
    let check = full(0, 9000);
    assert!(check.found.ends_with("(0 bytes left)"), "{check:?}");
}

#[test]
fn that_no_shim_holds_it_is_said_only_where_every_process_is_seen() {
    let mut seen = seen_whole();
    seen.manager = Some(Managed::plainly(Manager::Docker, "web"));
    let words = |seen: &Evidence| one(seen, About::Owner).found;
    assert!(words(&seen).ends_with("no shim or conmon of docker holds it any more"));
    let blind: [fn(&mut Evidence); 4] = [
        |seen| seen.unseen.pids = Some(OutOfSight::Hidden),
        |seen| seen.unseen.mute = vec![77],
        |seen| seen.viewer.host_pids = Some(false),
        |seen| seen.viewer.host_pids = None,
    ];
    for made in blind {
        let mut seen = seen.clone();
        made(&mut seen);
        assert!(words(&seen).ends_with("whether a shim or conmon holds it cannot be seen"));
    }
}

#[test]
fn what_was_found_is_said_also_where_not_all_was_looked_at() {
    let mut seen = seen_whole();
    seen.tasks[1].process.state = 'T';
    seen.more = 37;
    let check = one(&seen, About::Stopped);
    assert_eq!(check.verdict, CheckResult::Cause);
    let last = check.proof.last().unwrap();
    assert_eq!(last, "not looked at: 2 of 39 processes were read");
}

#[test]
fn the_answer_is_the_cause_and_what_stands_beside_it_is_less() {
    let mut seen = seen_whole();
    let mut stuck = killed(3330, 'D');
    let mut waits = wait(3330, 'D', &["request_wait_answer", "fuse_direct_io"]);
    waits.mount = Some(mount("fuse.sshfs", "nas01:/export", "/hang"));
    stuck.waits.push(waits);
    let mut zombie = task(3340, "[sh] <defunct>");
    (zombie.process.state, zombie.parent) = ('Z', Some(neighbour(900, "sh")));
    seen.tasks.extend([stuck, zombie]);
    seen.tasks[1].place = ProcessPlace::Outside;
    seen.record.note = Some("config.json missing".to_owned());
    (seen.manager, seen.supervisor) = (
        Some(Managed::plainly(Manager::Podman, "web")),
        Some(neighbour(900, "conmon")),
    );
    found(
        &seen,
        About::Tasks,
        CheckResult::Ok,
        "3 (1 D, 1 S, 1 Z) in 1 cgroup",
    );
    let verdict = |about| one(&seen, about).verdict;
    assert_eq!(verdict(About::Unkillable), CheckResult::Cause);
    assert_eq!(verdict(About::Record), CheckResult::Look);
    assert_eq!(verdict(About::Zombies), CheckResult::Note);
    assert_eq!(verdict(About::Outside), CheckResult::Note);
    assert_eq!(verdict(About::Owner), CheckResult::Note);
    assert_eq!(verdict(About::Frozen), CheckResult::Ok);
    let proof = one(&seen, About::Unkillable).proof.join("\n");
    assert!(
        proof.contains("request_wait_answer < fuse_direct_io"),
        "{proof}"
    );
    assert!(proof.contains("nas01:/export on /hang"), "{proof}");
}

#[test]
fn a_paused_container_is_frozen_and_a_stopped_one_has_no_init() {
    let mut seen = seen_whole();
    seen.condition = Condition::Known(Status::Paused);
    seen.cgroups[0].freezer = Some(Freezer::Frozen);
    assert_eq!(one(&seen, About::Frozen).verdict, CheckResult::Cause);
    assert_eq!(one(&seen, About::Init).verdict, CheckResult::Ok);
    let mut seen = seen_whole();
    seen.condition = Condition::Known(Status::Stopped);
    seen.init = InitSeen::Gone(INIT);
    seen.tasks.clear();
    found(&seen, About::Init, CheckResult::Cause, "pid 3312 is gone");
    seen.mounts.push("/run/runc/web/x".into());
    found(&seen, About::Init, CheckResult::Note, "pid 3312 is gone");
    assert_eq!(one(&seen, About::Mounts).verdict, CheckResult::Cause);
}

#[test]
fn what_is_in_d_and_no_finding_says_why_it_is_none() {
    let mut seen = seen_whole();
    let mut moving = killed(3330, 'D');
    moving
        .waits
        .push(wait(3330, 'D', &["folio_wait_bit_common"]));
    moving.waits[0].still = false;
    seen.tasks.push(moving);
    found(
        &seen,
        About::Unkillable,
        CheckResult::Ok,
        "pid 3330 is in D and moves on",
    );
    seen.tasks[2].process.frozen = true;
    found(
        &seen,
        About::Unkillable,
        CheckResult::Ok,
        "pid 3330 is in D: frozen",
    );
}

#[test]
fn a_thousand_lines_of_proof_are_cut_and_counted() {
    let mut seen = seen_whole();
    seen.tasks
        .extend((4000..5000).map(|pid| task(pid, "sleep")));
    seen.init = InitSeen::Alive(who(INIT));
    let proof = one(&seen, About::Tasks).proof;
    assert_eq!(proof.len(), 49);
    assert_eq!(proof[48], "and 954 lines more");
}

/// No finding is without a check that says at least as much, and no check says more than its
/// findings do.
fn agrees(seen: &Evidence) -> Result<(), String> {
    let diagnosis = Diagnosis::of(seen);
    let checks = &diagnosis.checks;
    let abouts: BTreeSet<About> = checks.iter().map(|check| check.about).collect();
    if abouts.len() != checks.len() {
        return Err("a check stands twice".to_owned());
    }
    for check in checks {
        let own: Vec<String> = diagnosis
            .findings
            .iter()
            .filter(|finding| finding.cause.about() == check.about)
            .map(name)
            .collect();
        let plain = own.iter().all(|name| name == "running");
        let quiet = matches!(check.verdict, CheckResult::Ok | CheckResult::NotLookedAt);
        if plain != quiet {
            return Err(format!("{check:?} of {own:?}"));
        }
        if check.found.is_empty() {
            return Err(format!("{check:?} has no words"));
        }
    }
    let first = &diagnosis.findings[0];
    let answer = checks
        .iter()
        .find(|check| check.about == first.cause.about());
    match answer {
        Some(check) if check.verdict == CheckResult::Cause => Ok(()),
        // How it is, and nothing is at fault.
        Some(_) if matches!(name(first).as_str(), "running" | "created") => Ok(()),
        other => Err(format!("{} is the answer, and {other:?}", name(first))),
    }
}

#[test]
fn every_cause_is_the_finding_of_one_check() {
    let wrong: Vec<String> = CASES
        .iter()
        .filter_map(|case| {
            let mut seen = healthy();
            case.apply(&mut seen);
            agrees(&seen).err()
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_cgroup_above_or_below_is_not_taken_for_its_own() {
    let mut seen = seen_whole();
    let mut above = cgroup("/sys/fs/cgroup/pod", Level::Above);
    above.freezer = Some(Freezer::Thawed);
    (above.pids, above.pids_limit) = (Some(900), Some(Limit::At(1000)));
    seen.cgroups.insert(0, above);
    found(&seen, About::Pids, CheckResult::Ok, "2 of 512");
    found(
        &seen,
        About::Frozen,
        CheckResult::Ok,
        "no: thawed, as are 1 above and 0 below",
    );
}

proptest! {
    #[test]
    fn whatever_comes_together_checks_and_findings_agree(
        chosen in proptest::collection::vec(0..CASES.len(), 0..8),
    ) {
        let mut seen = healthy();
        for at in chosen {
            CASES[at].apply(&mut seen);
            while seen.tasks.len() < 2 {
                seen.tasks.push(task(INIT, "nginx"));
            }
        }
        prop_assert_eq!(agrees(&seen), Ok(()));
    }
}

#[test]
fn what_would_not_help_is_said_only_where_it_was_seen_not_to() {
    let mut seen = seen_whole();
    let mut stuck = killed(3330, 'D');
    stuck.waits.push(wait(
        3330,
        'D',
        &["rpc_wait_bit_killable", "nfs_file_fsync"],
    ));
    seen.tasks.push(stuck);
    assert_eq!(Diagnosis::of(&seen).findings[0].futile, [Futile::Kill]);
    // Nobody has tried: a wait for a server can be killable.
    seen.tasks[2].process.pending = SignalSet::default();
    assert_eq!(Diagnosis::of(&seen).findings[0].futile, []);
}
