//! Who is told a container's id on a command line, and which of its words that is: shims and monitors by
//! their options, runtimes and engines by any word.

use std::path::PathBuf;

use super::MOST;
use crate::inventory::Machine;
use crate::inventory::author::Author;
use crate::inventory::unread::{Place, Unread, WhyUnread};
use crate::kernel::read::{is_gone, kernel_record};
use crate::text::visible_bytes;

/// So much of a command line is read.
pub(super) const LINE_CAP: usize = 64 << 10;
/// The longest id of any runtime.
const ID_CAP: usize = 1024;

/// How the commands begin that are told a container's id: shims, monitors, and the runtimes while
/// they make or remove one. A command is cut after 15 bytes.
const TELLING: [&str; 14] = [
    "containerd-shim",
    "docker-containe",
    "docker",
    "podman",
    "buildah",
    "nerdctl",
    "ctr",
    "conmon",
    "runc",
    "crun",
    "youki",
    "kata",
    "runsc",
    "lxc",
];

/// Those of them that hold a container for as long as it lives: what they start is theirs.
const MONITORS: [&str; 3] = ["containerd-shim", "docker-containe", "conmon"];

/// Whether a command is that of a shim or a monitor.
pub fn is_monitor(command: &[u8]) -> bool {
    MONITORS
        .iter()
        .any(|name| command.starts_with(name.as_bytes()))
}

/// A process that was told a container's id.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    pub(super) pid: i32,
    /// Safe to print.
    pub(super) command: String,
    pub(super) file: PathBuf,
    pub(super) author: Author,
}

impl Teller {
    pub(super) fn place(&self) -> Place {
        Place::CommandLine {
            pid: self.pid,
            command: self.command.clone(),
            author: self.author,
        }
    }
}

/// Whether a process of this command with these words was told an id.
pub fn is_told(command: &str, words: &[Vec<u8>], id: &str) -> bool {
    ids(command, &words.join(&0)).contains(&id.as_bytes())
}

/// The options by which a shim or a monitor is told an id: containerd-shim(8) `-id`, `-workdir` of its
/// first version (of which the last part is the id), conmon(8) `-c` and `-n`.
const OPTIONS: [&[u8]; 6] = [b"id", b"workdir", b"c", b"cid", b"n", b"name"];

/// The words of a command line that may be an id: of a shim or a monitor what its options say, of any
/// other command each.
pub(super) fn ids<'l>(command: &str, line: &'l [u8]) -> Vec<&'l [u8]> {
    let words = line.split(|byte| *byte == 0);
    let is_id = |word: &&[u8]| (2..=ID_CAP).contains(&word.len());
    // docker's first shims were told the id without an option.
    if !is_monitor(command.as_bytes()) || command.starts_with("docker-containe") {
        return words.filter(is_id).collect();
    }
    let mut told = Vec::new();
    let mut option: Option<&[u8]> = None;
    for word in words {
        if let Some(name) = option.take() {
            told.push(value(name, word));
            continue;
        }
        let Some(rest) = word.strip_prefix(b"-") else {
            continue;
        };
        let rest = rest.strip_prefix(b"-").unwrap_or(rest);
        let mut parts = rest.splitn(2, |byte| *byte == b'=');
        let name = parts.next().filter(|name| OPTIONS.contains(name));
        match (name, parts.next()) {
            (Some(name), Some(word)) => told.push(value(name, word)),
            (name, None) => option = name,
            (None, _) => {}
        }
    }
    told.retain(is_id);
    told
}

fn value<'l>(option: &[u8], word: &'l [u8]) -> &'l [u8] {
    let last = || word.rsplit(|byte| *byte == b'/').next();
    match option {
        b"workdir" => last().unwrap_or_default(),
        _ => word,
    }
}

/// Who is to be asked what it was told.
#[derive(Debug, Default)]
pub(super) struct Telling {
    pub(super) asked: Vec<Teller>,
    pub(super) unread: Vec<Unread>,
}

/// Every process whose command is one of those, as far as /proc shows the processes.
pub(super) fn telling(machine: &Machine) -> Telling {
    let mut found = Telling::default();
    let entries = match std::fs::read_dir(&machine.proc) {
        Ok(entries) => entries,
        Err(error) => {
            let unread = Unread::dir(&machine.proc, (&error).into());
            found.unread.push(unread);
            return found;
        }
    };
    // Its pid 1 is always there, unless it is hidden.
    let mut hidden = Some(WhyUnread::Hidden);
    let mut count = 0;
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            // Who stands behind it is not known.
            Err(error) => {
                let unread = Unread::dir(&machine.proc, (&error).into());
                found.unread.push(unread);
                break;
            }
        };
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if pid == 1 {
            hidden = None;
        }
        if count == MOST {
            let unread = Unread::dir(&machine.proc, WhyUnread::TooMany(MOST));
            found.unread.push(unread);
            break;
        }
        count += 1;
        // The name alone, which never waits: few processes are any of these.
        match kernel_record(&machine.pid_file(pid, "comm")) {
            Ok(comm) if TELLING.iter().any(|word| comm.starts_with(word.as_bytes())) => {
                found.asked.push(Teller {
                    pid,
                    command: visible_bytes(comm.trim_ascii_end()),
                    file: machine.pid_file(pid, "cmdline"),
                    // One that cannot be asked may be root's.
                    author: Author::of_process(machine, pid).unwrap_or_default(),
                });
            }
            Ok(_) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => hidden = Some((&error).into()),
        }
    }
    found.asked.sort_by_key(|one| (one.author, one.pid));
    let place = Place::Processes;
    found.unread.extend(hidden.map(|why| Unread { place, why }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &str, words: &[&str]) -> Vec<String> {
        let line = words.join("\0");
        let ids = ids(command, line.as_bytes()).into_iter();
        ids.map(|id| String::from_utf8_lossy(id).into_owned())
            .collect()
    }

    #[test]
    fn a_monitor_is_told_an_id_by_its_options_alone() {
        for (command, words, ids) in [
            (
                "containerd-shim",
                &["shim", "-namespace", "moby", "-id", "web", "start"][..],
                &["web"][..],
            ),
            (
                "containerd-shim",
                &["shim", "-workdir", "/run/x/moby/web", "other"],
                &["web"],
            ),
            (
                "conmon",
                &["conmon", "--cid=web", "-n", "name", "-u", "else"],
                &["web", "name"],
            ),
            ("conmon", &["conmon", "web", "-b", "web", "-c"], &[]),
            (
                "docker-containe",
                &["shim", "web", "/bundle"],
                &["shim", "web", "/bundle"],
            ),
            (
                "runc",
                &["runc", "delete", "web"],
                &["runc", "delete", "web"],
            ),
        ] {
            assert_eq!(told(command, words), ids, "{command} {words:?}");
        }
    }
}
