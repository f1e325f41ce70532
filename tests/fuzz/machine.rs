//! The files of one container and of its init on a machine of plain files, read as `list` and the screen
//! read them: what no parser alone can show, since each takes up what another made of its file.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ocitop::config::Roots;
use ocitop::inventory::owners::Owners;
use ocitop::inventory::processes::{ProcessReader, ProcessSubject};
use ocitop::inventory::{Machine, Scanner};
use tempfile::TempDir;

use super::{Target, is_bounded, is_drawable, parts};

/// The container's directory has the name of its id, and its init this pid.
const PID: &str = "proc/4100007";

pub(super) const MACHINE: Target = Target {
    name: "machine",
    run: |input| {
        let dir = LAID.with(|laid| laid.path().to_owned());
        let files = parts::<{ FILES.len() }>(input);
        for (name, content) in FILES.iter().zip(files) {
            let file = dir.join(name);
            // What is empty is not there.
            if content.is_empty() {
                fs::remove_file(file).ok();
            } else {
                fs::write(file, content).unwrap();
            }
        }
        look(input, &dir);
    },
    files: &[],
    examples: &[
        b"{\"ociVersion\":\"1\",\"id\":\"web\",\"status\":\"running\",\"pid\":4100007,\"bundle\":\"/b\",\"annotations\":{\"io.kubernetes.pod.name\":\"p\"}}\x1e{\"cgroup_path\":\"/web\",\"hooks\":null}\x1e\x1e\x1e4100007 (conmon) S 1 7 7 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 5000 0 0\x1econmon\0-c\0web\0\x1econmon\n\x1e0::/web\n\x1ecpu 1 2 3 4\ncpu0 1\nbtime 1700000000\n\x1eMemTotal: 1024 kB\n\x1e31 23 0:28 / /r rw - resctrl resctrl rw\n\x1eusage_usec 7\nnr_periods 1\nnr_throttled 1\n",
        b"{\"id\":\"web\",\"init_process_pid\":4100007,\"init_process_start\":5000,\"config\":{\"rootfs\":\"/b/r\",\"labels\":[\"bundle=/b\"]},\"cgroup_paths\":{\"\":\"/sys/fs/cgroup/web\"}}\x1e\x1e\x1e\x1e4100007 (a) b) Z 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 5000 0 0\x1e\x1ea\n\x1e0::/web\n",
        b"\x1e\x1e{\"pid\":4100007,\"process-start-time\":5000,\"cgroup-path\":\"/web\",\"bundle\":\"/b\",\"created\":\"2026-01-01T00:00:00Z\"}\x1e{\"linux\":{\"intelRdt\":{\"closID\":\"gold\"}},\"annotations\":{\"a\":\"b\"}}\x1e4100007 (sh) D 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5000 0 0\x1esh\0-c\0sleep 1\0",
        b"\x1e\x1e\x1e\x1e4100007 (sh) S 1 7 7 0 -1 0 0 0 0 0 0 18446744073709551615 0 0 0 20 0 1 0 18446744073709551615 0 0\x1e\x1e\x1e\x1ebtime 9223372036854775807\n\x1eMemTotal: 9223372036854775807 kB\n",
    ],
};

/// Where each part of an input lies.
const FILES: [&str; 13] = [
    "root/web/state.json",
    "root/web/youki_config.json",
    "root/web/status",
    "root/web/config.json",
    "proc/4100007/stat",
    "proc/4100007/cmdline",
    "proc/4100007/comm",
    "proc/4100007/cgroup",
    "proc/stat",
    "proc/meminfo",
    "proc/self/mountinfo",
    "cgroup/web/cpu.stat",
    "cgroup/web/memory.max",
];

thread_local! {
    static LAID: TempDir = lay();
}

/// The directories, and what the inputs do not change.
fn lay() -> TempDir {
    let laid = tempfile::tempdir().unwrap();
    let dir = laid.path();
    for name in ["root/web", PID, "proc/self", "cgroup/web"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    for (name, content) in [
        ("proc/self/cgroup", "0::/\n"),
        (
            "proc/self/status",
            "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
        ),
        ("cgroup/cgroup.controllers", "cpu memory pids\n"),
        ("cgroup/web/cgroup.procs", "4100007\n"),
        ("cgroup/web/memory.current", "4096\n"),
    ] {
        fs::write(dir.join(name), content).unwrap();
    }
    laid
}

fn look(input: &[u8], dir: &Path) {
    let machine = Machine::new(&Roots {
        cgroup: Some(dir.join("cgroup")),
        resctrl: None,
        proc: dir.join("proc"),
        state: vec![dir.join("root")],
        host: None,
    });
    machine.find_resctrl();
    let owners = Owners::read_within(&machine, Duration::from_secs(2));
    for unread in &owners.unread {
        is_drawable(&unread.words());
    }
    let snapshot = Scanner::complete(machine.clone()).with_counters().scan();
    assert_eq!(snapshot.containers.len(), 1);
    for container in snapshot.containers {
        is_bounded(input, &container.facts);
        is_drawable(&container.key.label());
        if let Some(problem) = &container.problem {
            is_drawable(problem);
        }
        let mut reader = ProcessReader::new(machine.clone());
        let subject = ProcessSubject {
            key: container.key.clone(),
            init: container.init,
            cgroups: container.cgroups.clone(),
            selected: container.init,
        };
        let now = Duration::from_secs(10);
        let mut listing = reader.look(&subject, now);
        reader.ask(&mut listing, &subject, now);
        for process in listing.processes() {
            is_drawable(&process.command);
        }
    }
}
