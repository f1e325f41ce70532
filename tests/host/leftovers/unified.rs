//! What cgroup v2 tells of a cgroup that is left, and v1 does not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use super::{Lived, age, id64, leftovers, plant};
use crate::rig::{Rig, by_systemd, has_v1, not_here, number, pids_of, skip, tops, until};

const MIB: u64 = 1 << 20;

/// A cgroup named as docker names them, and one below it; memory is counted in both.
fn nested(rig: &Rig, number: usize) -> PathBuf {
    let dir = plant(rig, &tops(), &format!("docker/{}", id64(rig, 0, number))).remove(0);
    let mut above: Vec<&Path> = dir.ancestors().take(3).collect();
    above.reverse();
    for dir in above {
        fs::write(dir.join("cgroup.subtree_control"), "+memory").unwrap();
    }
    fs::create_dir(dir.join("in")).unwrap();
    dir
}

/// A shell that joins the cgroup first.
fn inside(dir: &Path, script: &str) -> Child {
    let mut command = Command::new("sh");
    let script = format!("echo $$ > \"$0/cgroup.procs\" && {script}");
    command.arg("-c").arg(script).arg(dir).stdin(Stdio::null());
    command.stderr(Stdio::null()).spawn().unwrap()
}

fn has(dir: &Path, file: &str, line: &str) -> bool {
    let text = fs::read_to_string(dir.join(file)).unwrap();
    text.lines().any(|have| have == line)
}

/// What is listed of the leftover at this directory.
fn at(rig: &Rig, dir: &Path) -> Value {
    let list = leftovers(rig, &["list", "-f", "json", "--all"]).json();
    let found = list.as_array().unwrap().iter();
    let mut found = found.filter(|one| one["path"].as_str() == dir.to_str());
    found.next().unwrap().clone()
}

#[test]
fn a_leftover_of_v2_tells_who_lives_in_it_what_is_dying_and_what_it_is_charged() {
    if has_v1() || by_systemd() {
        return not_here("who is in a leftover, and what is dying", "v2 tells it");
    }
    let rig = match Rig::new(RuntimeKind::Runc) {
        Ok(rig) => rig,
        Err(reason) => return skip("leftovers of v2", &reason),
    };
    // Removed while a file keeps it charged, a cgroup goes on dying.
    let charged = nested(&rig, 0);
    let file = rig.scratch("file");
    let script = format!("head -c {MIB} /dev/zero > {}", file.display());
    let mut writer = inside(&charged.join("in"), &script);
    assert!(writer.wait().unwrap().success());
    until("nobody is in it", || {
        has(&charged, "cgroup.events", "populated 0")
    });
    fs::remove_dir(charged.join("in")).unwrap();
    assert!(has(&charged, "cgroup.stat", "nr_dying_descendants 1"));
    // Its processes are below it, its own list is empty.
    let peopled = nested(&rig, 1);
    let mut lived = Lived(vec![inside(&peopled.join("in"), "exec sleep 3000")]);
    until("it is inside", || {
        has(&peopled, "cgroup.events", "populated 1")
    });
    assert!(pids_of(&peopled).is_empty());
    age(&charged);
    age(&peopled);

    let told = at(&rig, &charged);
    assert_eq!(
        (&told["populated"], &told["dying"], &told["children"]),
        (&false.into(), &1.into(), &0.into())
    );
    assert_eq!(told["confidence"], "likely");
    assert!(told["memory"].as_u64().unwrap() >= MIB, "{told}");
    assert!(number(&charged, "memory.current") >= MIB);
    let told = at(&rig, &peopled);
    let sleeper = lived.0[0].id();
    assert_eq!(
        (&told["populated"], &told["dying"], &told["children"]),
        (&true.into(), &0.into(), &1.into())
    );
    assert_eq!(told["processes"], serde_json::json!([sleeper]));
    assert_eq!(told["reason"], "holds 1 process; 1 cgroup below it");

    // The one goes, charged as it is. The other is refused while somebody lives in it.
    let paths = [&charged, &peopled].map(|dir| dir.to_str().unwrap());
    let cleaned = leftovers(&rig, &["clean", "--yes", paths[0], paths[1]]);
    assert_eq!(cleaned.code, 1, "{cleaned:#?}");
    assert!(
        cleaned.stderr.contains("processes live in it"),
        "{cleaned:#?}"
    );
    assert!(!charged.exists() && peopled.join("in").is_dir());
    // A zombie is nobody: its parent, which is this test, has not taken note.
    lived.0[0].kill().unwrap();
    until("it is dead", || {
        has(&peopled, "cgroup.events", "populated 0")
    });
    leftovers(&rig, &["clean", "--yes", paths[1]]).ok();
    assert!(!peopled.exists());
}
