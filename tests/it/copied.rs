//! What is copied into a shell means there what it means here, and what is drawn cannot steer the
//! terminal.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use ocitop::cgroup::Version;
use ocitop::diagnosis::evidence::UnitSeen;
use ocitop::diagnosis::{Remedy, judge};
use ocitop::inventory::{CgroupView, Container, Managed, Manager};
use ocitop::leftovers::{Confidence, Leftover, LeftoverKind};
use ocitop::oci::ContainerKey;
use ocitop::tui::Effect;

use crate::diagnosis::healthy;
use crate::support::stage::{Stage, container, with_facts};
use crate::views::leftovers;

/// What the shell makes of a command: its words.
#[track_caller]
fn words(command: &str) -> Vec<Vec<u8>> {
    let script = format!("for word in {command}; do printf '%s\\0' \"$word\"; done");
    let out = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert!(out.status.success(), "{command}: {out:?}");
    let mut words: Vec<Vec<u8>> = out.stdout.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
    words.pop();
    words
}

/// What was copied since the last look.
#[track_caller]
fn copied(stage: &mut Stage) -> String {
    let effects = std::mem::take(&mut stage.effects);
    let mut copies = effects.into_iter().filter_map(|effect| match effect {
        Effect::Copy(text) => Some(text),
        _ => None,
    });
    let text = copies.next().unwrap();
    assert_eq!(copies.next(), None);
    assert!(
        text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "{text:?} would steer a terminal"
    );
    text
}

/// Everything that the menu of `y` offers, in its order.
fn all_copied(stage: &mut Stage, entries: usize) -> Vec<String> {
    let copy = |at: usize| {
        stage.keys("y");
        stage.keys(&"j".repeat(at));
        stage.keys("<Enter>");
        copied(stage)
    };
    (0..entries).map(copy).collect()
}

fn odd(name: &[u8]) -> Container {
    let name = OsStr::from_bytes(name);
    with_facts(container("odd"), |facts| {
        facts.key = ContainerKey::new(Path::new("/run/it's"), name);
        facts.bundle = Some(PathBuf::from(OsStr::from_bytes(b"/b/\x1b]0;x\x07 \xff")));
        facts.cgroups = vec![CgroupView {
            hierarchy: "unified".to_owned(),
            dir: r"/sys/fs/cgroup/system.slice/my\x2dapp.slice/x.scope".into(),
        }];
    })
}

#[test]
fn what_is_copied_of_a_container_is_what_a_shell_takes_for_its_real_bytes() {
    let name = b"a b\x1b[31m$(id)";
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![odd(name)]);
    stage.keys("y");
    // What is drawn is escaped, as everywhere.
    stage.sees(r"my\\x2dapp.slice/x.scope");
    stage.sees(r"a b\x1b[31m$(id)");
    stage.keys("<Esc>");
    let all = all_copied(&mut stage, 5);
    let [id, dir, bundle, cgroup, command] = all.as_slice() else {
        panic!("{all:?}");
    };
    assert_eq!(words(id), [name.as_slice()]);
    assert_eq!(words(dir), [b"/run/it's/a b\x1b[31m$(id)".as_slice()]);
    assert_eq!(words(bundle), [b"/b/\x1b]0;x\x07 \xff".as_slice()]);
    let group = br"/sys/fs/cgroup/system.slice/my\x2dapp.slice/x.scope";
    assert_eq!(words(cgroup), [group.as_slice()]);
    let [_, _, root, verb, force, last] = &words(command)[..] else {
        panic!("{command}");
    };
    assert_eq!(
        [root.as_slice(), verb, force, last],
        [b"/run/it's".as_slice(), b"delete", b"--force", name]
    );
}

#[test]
fn the_clean_way_of_the_engine_can_be_copied() {
    let web = with_facts(container("web"), |facts| {
        facts.manager = Some(Managed::plainly(Manager::Docker, "web"));
    });
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![web]);
    let last = all_copied(&mut stage, 6).pop();
    assert_eq!(last.as_deref(), Some("docker rm -f web"));
}

#[test]
fn a_name_that_looks_like_an_option_is_none_in_a_copied_command() {
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![odd(b"--all")]);
    let command = all_copied(&mut stage, 5).pop().unwrap();
    assert!(command.ends_with(" delete --force -- --all"), "{command}");
}

#[test]
fn what_is_copied_of_a_leftover_is_what_a_shell_takes_for_its_real_path() {
    let dir = r"/sys/fs/cgroup/system.slice/my\x2dapp.slice";
    let mut one = Leftover::new(
        ContainerKey::new(Path::new(dir), "x\ny"),
        LeftoverKind::Cgroup,
    );
    one.confidence = Confidence::Certain;
    one.id = Some("x\ny".to_owned());
    let mut stage = Stage::new(120, 40);
    stage.event(leftovers::found(vec![one]));
    stage.keys("4");
    let all = all_copied(&mut stage, 3);
    let path = br"/sys/fs/cgroup/system.slice/my\x2dapp.slice/x".to_vec();
    let path = [path, b"\ny".to_vec()].concat();
    assert_eq!(words(&all[0]), std::slice::from_ref(&path));
    assert_eq!(words(&all[1]).last(), Some(&path));
    assert!(all[1].starts_with("ocitop leftovers clean --dry-run "));
    assert_eq!(words(&all[2]), [b"x\ny".as_slice()]);
}

#[test]
fn the_problem_of_a_container_is_escaped_once() {
    let said = r"invalid container ID format: ctl\x1b[31mred";
    let mut one = with_facts(container("web"), |facts| {
        facts.problem = Some(said.to_owned());
        facts.manager = Some(Managed::plainly(Manager::Docker, "web"));
    });
    one.usage = ocitop::inventory::Usage::default();
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![one]);
    for keys in ["", "D"] {
        stage.keys(keys);
        stage.sees(said);
        stage.sees_no(r"ctl\\x1b");
    }
}

#[test]
fn the_command_of_a_remedy_names_the_unit_as_it_is_and_its_words_show_it_escaped() {
    let unit = r"my\x2dapp.scope";
    let mut seen = healthy();
    seen.unit = Some(UnitSeen {
        name: unit.to_owned(),
        loaded: Some(true),
        active: Some(false),
    });
    let key = seen.key.clone();
    let found = judge(&seen);
    let mut remedies = found.iter().flat_map(|finding| &finding.remedies);
    let forget = remedies
        .find(|remedy| matches!(remedy, Remedy::ResetFailed { .. }))
        .unwrap();
    let command = forget.command(&key, None).unwrap();
    assert_eq!(command, r"systemctl reset-failed 'my\x2dapp.scope'");
    assert_eq!(words(&command).last().unwrap(), unit.as_bytes());
    assert!(forget.words().contains(r"my\\x2dapp.scope"));
}

#[test]
fn the_commands_of_a_diagnosis_and_of_a_refusal_can_be_pasted() {
    let odd = Path::new("/mnt/$(id) 'x'\\x2d\x1b");
    let key = ContainerKey::new(odd, "-rf");
    let commands = [
        Remedy::ForceDelete,
        Remedy::Thaw {
            cgroup: odd.to_owned(),
            version: Version::V2,
        },
        Remedy::Unfreeze {
            mount: odd.to_owned(),
        },
        Remedy::Unmount {
            mount: odd.to_owned(),
            force: true,
            within: Some(7),
        },
        Remedy::RemountWritable {
            mount: odd.to_owned(),
        },
        Remedy::Clean {
            path: odd.to_owned(),
            kill: true,
        },
    ];
    for remedy in commands {
        let command = remedy.command(&key, None).unwrap();
        // What it is written into is a word as well.
        let words = words(&command.replace('>', ""));
        let whole = |word: &&Vec<u8>| word.starts_with(odd.as_os_str().as_bytes());
        assert_eq!(words.iter().filter(whole).count(), 1, "{command}");
        assert!(
            command.bytes().all(|b| (b' '..=b'~').contains(&b)),
            "{command:?}"
        );
    }
}
