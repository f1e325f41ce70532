//! What an ordinary user tries against root's ocitop: a table, as the torture one. Each row sets up
//! something of root's, lets a user do what a user can (records, links, cgroups below one of the
//! user's own, processes with any name and words), and runs ocitop as root. Nothing of root's may be
//! touched for what the user said, and nothing of root's refused.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use ocitop::oci::RuntimeKind;
use serde_json::{Value, json};

use crate::rig::{Rig, Stranger, by_systemd, program, skip, start_of, tops, until};
use crate::torture::words;

/// A user whom no machine has.
fn user() -> u32 {
    4_242_000_000 + std::process::id() % 100_000
}

/// Processes of the user; they end with the value.
#[derive(Default)]
struct Crowd(Vec<Child>);

impl Crowd {
    fn start(&mut self, command: &mut Command) -> i32 {
        let user = user();
        let child = command
            .uid(user)
            .gid(user)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = child.spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        self.0.push(child);
        pid
    }

    /// A process with the name of a monitor.
    fn monitor(&mut self, dir: &Path, like: &str, words: &str) -> i32 {
        let program = dir.join("conmon");
        if !program.exists() {
            fs::copy(like, &program).unwrap();
        }
        let program = program.display();
        let script = format!("ulimit -s unlimited; exec {program} {words}");
        let pid = self.start(Command::new("bash").args(["-c", &script]));
        let comm = format!("/proc/{pid}/comm");
        until("it has its name", || {
            fs::read_to_string(&comm).is_ok_and(|comm| comm.trim() == "conmon")
        });
        pid
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Where the attack is made.
struct Yard<'a> {
    rig: &'a Rig,
    crowd: Crowd,
    made: Vec<PathBuf>,
}

impl Drop for Yard<'_> {
    fn drop(&mut self) {
        for dir in &self.made {
            drop(fs::remove_dir(dir));
        }
    }
}

impl Yard<'_> {
    /// A directory of the user's.
    fn own(&self, name: &str) -> PathBuf {
        let dir = self.rig.scratch(name);
        fs::create_dir_all(&dir).unwrap();
        give(&dir);
        dir
    }

    /// Cgroups of root's of this name, in the hierarchies that take a process without more ado.
    fn cgroups(&mut self, name: &str) -> Vec<PathBuf> {
        let dirs = tops().into_iter().filter(|top| !top.ends_with("cpuset"));
        let dirs = dirs.map(|top| top.join(self.rig.prefix()).join(name));
        let dirs: Vec<PathBuf> = dirs.collect();
        for dir in &dirs {
            fs::create_dir_all(dir).unwrap();
        }
        dirs
    }

    fn ocitop(&self, roots: &[&Path], args: &[&str]) -> crate::rig::Ended {
        let mut command = self.rig.ocitop_command(&[]);
        for root in roots {
            command.arg("--root").arg(root);
        }
        command.args(args);
        self.rig.finish(command)
    }
}

fn give(path: &Path) {
    chown(path, Some(user()), Some(user())).unwrap();
}

/// A record of the user's, as runc writes it.
fn record(root: &Path, id: &str, pid: i32, cgroups: &[PathBuf]) {
    let dir = root.join(id);
    fs::create_dir(&dir).unwrap();
    let controller = |at: &PathBuf| {
        let top = tops().into_iter().find(|top| at.starts_with(top)).unwrap();
        top.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .replace("cgroup", "")
    };
    let paths: serde_json::Map<String, Value> = cgroups
        .iter()
        .map(|at| (controller(at), json!(at)))
        .collect();
    let state = json!({
        "id": id, "init_process_pid": pid, "init_process_start": start_of(pid).unwrap(),
        "created": "2026-01-01T00:00:00Z", "cgroup_paths": paths,
        "config": {"rootfs": "/", "labels": ["bundle=/nowhere"], "version": "1.0.2-dev"},
    });
    let file = dir.join("state.json");
    fs::write(&file, state.to_string()).unwrap();
    give(&file);
    give(&dir);
}

fn age(path: &Path) {
    let then = SystemTime::now() - Duration::from_hours(3);
    let dir = fs::File::open(path).unwrap();
    dir.set_times(fs::FileTimes::new().set_modified(then))
        .unwrap();
}

fn torn_record_named_as_roots_cgroup(yard: &mut Yard<'_>) {
    let name = yard.rig.id();
    let dirs = yard.cgroups(&name);
    let root = yard.own("crun");
    let torn = root.join(&name);
    fs::create_dir(&torn).unwrap();
    for (file, text) in [("status", "{\"pid\": 1"), ("config.json", "{\"linux\":{}}")] {
        fs::write(torn.join(file), text).unwrap();
        give(&torn.join(file));
    }
    give(&torn);
    age(&torn);
    for dir in &dirs {
        age(dir);
    }
    let mut within = vec![
        "leftovers",
        "clean",
        "--yes",
        "--within",
        torn.to_str().unwrap(),
    ];
    for dir in &dirs {
        within.extend(["--within", dir.to_str().unwrap()]);
    }
    yard.ocitop(&[&root], &within);
    assert!(dirs.iter().all(|dir| dir.is_dir()), "{dirs:?}");
    let mut victim = Stranger::new();
    for dir in &dirs {
        fs::write(dir.join("cgroup.procs"), victim.pid().to_string()).unwrap();
    }
    let kill = [
        "leftovers",
        "clean",
        "--yes",
        "--kill",
        torn.to_str().unwrap(),
    ];
    yard.ocitop(&[&root], &kill);
    assert!(victim.is_alive());
    assert!(dirs.iter().all(|dir| dir.is_dir()), "{dirs:?}");
}

fn claim_with_another_init(yard: &mut Yard<'_>) {
    let id = yard.rig.id();
    yard.rig.run(&id);
    let members = yard.rig.members(&id);
    let init = yard.crowd.start(Command::new("sleep").arg("3000"));
    let root = yard.own("runc");
    record(&root, "evil", init, &yard.rig.cgroups(&id));
    // Nor does its own delete reach what it names.
    yard.ocitop(&[&root], &["delete", "--force", "evil"]);
    assert_eq!(yard.rig.members(&id), members);
    let init = yard.crowd.start(Command::new("sleep").arg("3000"));
    record(&root, "worse", init, &yard.rig.cgroups(&id));
    // A process of root's as its own.
    record(&root, "worst", members[0], &yard.rig.cgroups(&id));
    yard.ocitop(&[&root], &["delete", "--force", &id]).ok();
    yard.rig.assert_gone(&id);
    assert_eq!(
        start_of(init).map(drop),
        Some(()),
        "it is no container of root's"
    );
}

fn owner_of_what_is_roots(yard: &mut Yard<'_>) {
    let id = format!(
        "{:x}",
        0xcbf2_9ce4_8422_2325_u64 + u64::from(std::process::id())
    )
    .repeat(4);
    let dirs = yard.cgroups(&format!("docker/{id}"));
    for dir in &dirs {
        age(dir);
    }
    let mut look = vec!["leftovers", "--all", "--format", "json"];
    for dir in &dirs {
        look.extend(["--within", dir.to_str().unwrap()]);
    }
    let confidence = |yard: &Yard<'_>| {
        let ended = yard.ocitop(&[], &look);
        let found = ended.json();
        let all = found["leftovers"].as_array().or(found.as_array()).unwrap();
        let own = all.iter().find(|one| one["id"] == id.as_str());
        own.unwrap_or_else(|| panic!("{ended:#?}"))["confidence"].clone()
    };
    assert_eq!(confidence(yard), "likely");
    let run = PathBuf::from(format!("/run/user/{}", user()));
    let record = run.join("containers/overlay-containers").join(&id);
    let home = Some(PathBuf::from("/run/user")).filter(|home| !home.exists());
    fs::create_dir_all(&record).unwrap();
    let made = record.ancestors().take_while(|dir| dir.starts_with(&run));
    for dir in made {
        give(dir);
        yard.made.push(dir.to_owned());
    }
    yard.made.extend(home);
    assert_eq!(confidence(yard), "likely", "a directory of a user's");
    let dir = yard.own("bin");
    // It stops itself, and ends with the test.
    let words = format!("-c 'kill -STOP $$' x -c {id}");
    yard.crowd.monitor(&dir, "/bin/bash", &words);
    assert_eq!(confidence(yard), "likely", "a process of a user's");
}

fn same_name_in_a_subtree_of_the_users(yard: &mut Yard<'_>) {
    let id = yard.rig.id();
    yard.rig.run(&id);
    let members = yard.rig.members(&id);
    fs::write(yard.rig.state_file(&id), "").unwrap();
    for top in tops() {
        let own = top.join(yard.rig.prefix()).join("user");
        fs::create_dir_all(own.join(&id)).unwrap();
        give(&own);
        give(&own.join(&id));
        assert_eq!(own.metadata().unwrap().uid(), user());
    }
    yard.rig.ocitop(&["delete", "--force", &id]).ok();
    for pid in members {
        assert!(start_of(pid).is_none_or(|_| crate::rig::process_state(pid) == Some('Z')));
    }
    assert!(!yard.rig.state_dir(&id).exists());
}

fn monitors_with_megabytes_of_words(yard: &mut Yard<'_>) {
    let dir = yard.own("bin");
    for _ in 0..4 {
        // sleep(1) keeps no copy of its words: a virtual machine has little memory.
        let words = "3000 $(yes 00 | head -c 1500000)";
        yard.crowd.monitor(&dir, "/bin/sleep", words);
    }
    let mut command = Command::new("prlimit");
    command.args(["--as=150000000"]).arg(crate::rig::ocitop());
    command.args(["leftovers", "--within", dir.to_str().unwrap()]);
    let ended = yard.rig.finish(command);
    assert!(ended.stdout.starts_with("KIND"), "{ended:#?}");
}

fn one_record_linked_many_times(yard: &mut Yard<'_>) {
    let root = yard.own("runc");
    let pid = i32::try_from(std::process::id()).unwrap();
    record(&root, "c0", pid, &[]);
    let file = root.join("c0/state.json");
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str(&" ".repeat(700_000));
    fs::write(&file, text).unwrap();
    for number in 1..500 {
        let dir = root.join(format!("c{number}"));
        fs::create_dir(&dir).unwrap();
        fs::hard_link(&file, dir.join("state.json")).unwrap();
        give(&dir);
    }
    let listed = yard.ocitop(&[&root], &["list", "-f", "json"]);
    let rows = listed.json();
    let own = |row: &&Value| row["root"].as_str() == root.to_str();
    let rows: Vec<&Value> = rows.as_array().unwrap().iter().filter(own).collect();
    assert_eq!(rows.len(), 500);
    let said = |row: &&Value| row["problem"].as_str().unwrap_or_default().to_owned();
    // On a slow machine the time for a user's root is over before the last of them.
    let linked = |said: &String| said.contains("is linked from several directories");
    let late = |said: &String| said.contains("was not read");
    let said: Vec<String> = rows.iter().map(said).collect();
    assert!(said.iter().any(linked), "{said:?}");
    assert!(
        said.iter().all(|said| linked(said) || late(said)),
        "{said:?}"
    );
    let id = yard.rig.id();
    yard.rig.run(&id);
    yard.ocitop(&[&root], &["delete", "--force", &id]).ok();
    yard.rig.assert_gone(&id);
}

fn more_records_than_are_read_at_a_time(yard: &mut Yard<'_>) {
    let root = yard.own("runc");
    let pid = i32::try_from(std::process::id()).unwrap();
    for number in 0..40 {
        let id = format!("c{number:02}");
        record(&root, &id, pid, &[]);
        let file = root.join(&id).join("state.json");
        let mut text = fs::read_to_string(&file).unwrap();
        text.push_str(&" ".repeat(900_000));
        fs::write(&file, text).unwrap();
    }
    let listed = yard.ocitop(&[&root], &["list", "-f", "json"]);
    let rows = listed.json();
    let own = |row: &&Value| row["root"].as_str() == root.to_str();
    let unread = |row: &&Value| {
        let said = row["problem"].as_str().unwrap_or_default();
        said.contains("was not read")
    };
    let rows: Vec<&Value> = rows.as_array().unwrap().iter().filter(own).collect();
    let unread = rows.iter().copied().filter(unread).count();
    assert!(
        rows.len() == 40 && unread > 0 && unread < 40,
        "{unread} of {}",
        rows.len()
    );
    // It is root's container that is deleted, and nothing of the user's root is in its way.
    let id = yard.rig.id();
    yard.rig.run(&id);
    yard.ocitop(&[&root], &["delete", "--force", &id]).ok();
    yard.rig.assert_gone(&id);
}

type Row = (&'static str, fn(&mut Yard<'_>));

const ROWS: [Row; 7] = [
    (
        "a torn record named as root's cgroup",
        torn_record_named_as_roots_cgroup,
    ),
    (
        "a record that claims root's cgroup",
        claim_with_another_init,
    ),
    (
        "a directory and a process that own what is root's",
        owner_of_what_is_roots,
    ),
    (
        "a cgroup of the same name",
        same_name_in_a_subtree_of_the_users,
    ),
    (
        "monitors with megabytes of words",
        monitors_with_megabytes_of_words,
    ),
    (
        "one record in 500 directories",
        one_record_linked_many_times,
    ),
    (
        "more records than are read",
        more_records_than_are_read_at_a_time,
    ),
];

#[test]
fn every_attack_of_an_ordinary_user_fails() {
    let kind = RuntimeKind::Runc;
    let name = "the attacks of an ordinary user";
    if let Err(reason) = program(kind).and(Rig::new(kind).map(drop)) {
        return skip(name, &reason);
    }
    if by_systemd() {
        return crate::rig::not_here(name, "they are made in cgroups of the test's own");
    }
    let mut broken = Vec::new();
    for (what, attack) in ROWS {
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let rig = Rig::new(kind).unwrap();
            // The user has to get to what is his in it.
            let open = fs::Permissions::from_mode(0o755);
            fs::set_permissions(rig.root().parent().unwrap(), open).unwrap();
            let mut yard = Yard {
                rig: &rig,
                crowd: Crowd::default(),
                made: Vec::new(),
            };
            attack(&mut yard);
        }));
        tell(what, if ended.is_ok() { "fails" } else { "SUCCEEDS" });
        if let Err(panic) = ended {
            broken.push(format!("{what}: {}", words(&*panic)));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

/// Puts a line into the table that is printed at the end of the run.
fn tell(what: &str, result: &str) {
    let Some(file) = std::env::var_os("OCITOP_ATTACKS") else {
        return;
    };
    let file = fs::File::options().append(true).create(true).open(file);
    writeln!(file.unwrap(), "{what}\t{result}").unwrap();
}
