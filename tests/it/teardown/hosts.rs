//! Init is dead, and the record names a cgroup that nothing ties to the container: a process of the host
//! in it is not touched, nor one of which that cannot be told.

use std::fs;
use std::os::unix::fs::symlink;

use ocitop::lifecycle::guard::Forbidden;
use ocitop::lifecycle::{Force, Job, Refusal, Verdict};
use ocitop::oci::RuntimeKind;

use super::options;
use crate::support::engine;
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::Machine;

/// Whose mounts ocitop's own are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mounts {
    Hosts,
    Unknown,
}

/// The mount namespace that pid 1 has, if it may be read, and ocitop's own.
type Namespaces<'a> = (Option<&'a str>, Option<&'a str>);

/// A record of a dead init that names the cgroup `batch`, and a process in that.
fn house(namespaces: Namespaces<'_>) -> (Machine, i32) {
    let mut machine = Machine::v2().stopped("web", RuntimeKind::Youki);
    machine.leave("batch", None);
    let pid = machine.spawn("batch");
    let config = r#"{"hooks":null,"cgroup_path":"/batch"}"#;
    fs::write(machine.state_dir("web").join("youki_config.json"), config).unwrap();
    let (first, own) = namespaces;
    let link = |of: &str, to: Option<&str>| {
        let dir = machine.proc().join(of).join("ns");
        fs::create_dir_all(&dir).unwrap();
        fs::remove_file(dir.join("mnt")).ok();
        if let Some(to) = to {
            symlink(to, dir.join("mnt")).unwrap();
        }
    };
    link("1", first);
    link("self", own);
    (machine, pid)
}

fn delete(machine: &Machine, mounts: Mounts) -> Verdict {
    let host = match mounts {
        Mounts::Hosts => machine.machine(),
        Mounts::Unknown => machine.among_other_mounts(None),
    };
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let kernel = FakeKernel::over(machine);
    let verdict = engine::run(&kernel, &host, &job, &options(), &mut |_| {});
    if !verdict.is_clean() {
        assert_eq!(kernel.changes(), 0);
        assert!(machine.state_dir("web").is_dir());
    }
    verdict
}

fn batch(machine: &Machine) -> String {
    machine.cgroup_root().join("batch").display().to_string()
}

#[test]
fn a_process_of_the_host_is_told_also_where_pid_1_may_not_be_looked_at() {
    // The process has mnt:[2].
    for (namespaces, mounts) in [
        ((Some("mnt:[2]"), Some("mnt:[9]")), Mounts::Unknown),
        ((None, Some("mnt:[2]")), Mounts::Hosts),
        ((None, Some("mnt:[2]")), Mounts::Unknown),
    ] {
        let (machine, pid) = house(namespaces);
        let status = machine.proc().join(format!("{pid}/status"));
        fs::write(status, "NSpid:\t9\t1\n").unwrap();
        let why = Forbidden::HostProcess(batch(&machine), pid);
        assert_eq!(delete(&machine, mounts), Verdict::Refused(why.into()));
    }
    // Whose mounts ocitop has cannot be told: what has a pid of the host alone may be the host's.
    let (machine, pid) = house((None, Some("mnt:[1]")));
    fs::write(machine.proc().join(format!("{pid}/status")), "NSpid:\t9\n").unwrap();
    let why = Forbidden::HostProcess(batch(&machine), pid);
    assert_eq!(
        delete(&machine, Mounts::Unknown),
        Verdict::Refused(why.into())
    );
}

#[test]
fn what_is_in_another_mount_namespace_than_the_hosts_goes_as_ever() {
    for (namespaces, mounts) in [
        ((Some("mnt:[1]"), Some("mnt:[9]")), Mounts::Unknown),
        ((None, Some("mnt:[1]")), Mounts::Hosts),
        ((None, Some("mnt:[1]")), Mounts::Unknown),
    ] {
        let (machine, pid) = house(namespaces);
        let status = machine.proc().join(format!("{pid}/status"));
        fs::write(status, "NSpid:\t9\t1\n").unwrap();
        assert_eq!(delete(&machine, mounts), Verdict::Clean, "{namespaces:?}");
        assert!(machine.processes("batch").is_empty());
    }
}

#[test]
fn a_process_of_which_it_cannot_be_told_is_not_touched_and_the_refusal_says_what_would_tell() {
    // Nothing is known of the host's.
    let (machine, pid) = house((None, None));
    let untold = |machine: &Machine, of: &str| {
        let file = machine.proc().join(of).join("ns/mnt").display().to_string();
        let why = Forbidden::Untold {
            dir: batch(machine),
            pid,
            file,
        };
        Verdict::Refused(Refusal::from(why))
    };
    assert_eq!(delete(&machine, Mounts::Unknown), untold(&machine, "1"));
    // Nor of the process itself.
    let (machine, pid) = house((Some("mnt:[1]"), None));
    fs::remove_file(machine.proc().join(format!("{pid}/ns/mnt"))).unwrap();
    assert_eq!(
        delete(&machine, Mounts::Hosts),
        untold(&machine, &pid.to_string())
    );
    // What ends meanwhile is no reason.
    let stat = machine.proc().join(format!("{pid}/stat"));
    let text = fs::read_to_string(&stat).unwrap();
    fs::write(&stat, text.replace(" -1 64 ", " -1 68 ")).unwrap();
    assert_eq!(delete(&machine, Mounts::Hosts), Verdict::Clean);
}

#[test]
fn what_is_tied_to_the_container_needs_no_look_at_pid_1() {
    for runtime in super::RUNTIMES {
        let machine = Machine::v2().running("web", runtime);
        fs::remove_file(machine.proc().join("1/ns/mnt")).unwrap();
        assert_eq!(
            delete(&machine, Mounts::Unknown),
            Verdict::Clean,
            "{runtime}"
        );
        // Init is dead: its name is in that of its cgroup.
        let mut machine = Machine::v2().stopped("web", runtime);
        machine.spawn("web");
        fs::remove_file(machine.proc().join("1/ns/mnt")).unwrap();
        assert_eq!(
            delete(&machine, Mounts::Unknown),
            Verdict::Clean,
            "{runtime}"
        );
    }
}
