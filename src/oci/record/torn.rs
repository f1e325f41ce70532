//! What still stands in the text of a state file that is cut short: who init was, and which cgroups.
//!
//! No authority, as no record is; but while a process of that number lives, or one of those
//! directories is there, nobody may say that nothing of the container is left.

use std::path::PathBuf;

use super::PID_MAX;

/// Most cgroups that are taken from one text: more than any host has hierarchies.
const MOST_CGROUPS: usize = 64;

/// The keys under which the runtimes write init's pid and its start.
const PIDS: [&str; 2] = ["\"pid\"", "\"init_process_pid\""];
const STARTS: [&str; 2] = ["\"init_process_start\"", "\"process-start-time\""];

/// What can still be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Torn {
    /// The pids that are given as init's.
    pub pids: Vec<i32>,
    /// When init started, clock ticks since boot, if that was not cut off.
    pub start_time: Option<u64>,
    /// The cgroups, absolute: runc's of each controller.
    pub cgroups: Vec<PathBuf>,
}

impl Torn {
    /// From the text of a state file.
    ///
    /// ```
    /// use ocitop::oci::record::torn::Torn;
    /// let text = r#"{"id":"web","init_process_pid": 4711,"init_process_start":99,
    ///     "cgroup_paths":{"cpu":"/sys/fs/cgroup/cpu/web","pids":"/sys/fs/cg"#;
    /// let torn = Torn::read(text);
    /// assert_eq!((torn.pids, torn.start_time), (vec![4711], Some(99)));
    /// assert_eq!(torn.cgroups, [std::path::Path::new("/sys/fs/cgroup/cpu/web")]);
    /// ```
    pub fn read(text: &str) -> Self {
        let numbers = |keys: &[&str]| -> Vec<u64> {
            let behind = keys.iter().flat_map(|key| text.split(key).skip(1));
            behind.filter_map(number).collect()
        };
        let pids = numbers(&PIDS).into_iter().map(u64::cast_signed);
        let pids = pids.filter(|pid| (2..=PID_MAX).contains(pid));
        Self {
            pids: pids.filter_map(|pid| i32::try_from(pid).ok()).collect(),
            start_time: numbers(&STARTS).into_iter().find(|start| *start > 0),
            cgroups: cgroups(text),
        }
    }
}

/// The number behind a key: all of its digits, so one that is cut is another's.
fn number(rest: &str) -> Option<u64> {
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest.get(..end)?.parse().ok()
}

/// The absolute paths in the object behind `cgroup_paths`, those that were not cut.
fn cgroups(text: &str) -> Vec<PathBuf> {
    let Some((_, rest)) = text.split_once("\"cgroup_paths\"") else {
        return Vec::new();
    };
    let object = rest.split('}').next().unwrap_or_default();
    // Every other piece between quotes is a name or a value; the last one has no quote behind it.
    let mut pieces: Vec<&str> = object.split('"').collect();
    pieces.pop();
    let paths = pieces.into_iter().filter(|piece| piece.starts_with('/'));
    // systemd's names have a `\\`, which JSON doubles.
    let plain = |piece: &str| serde_json::from_str::<PathBuf>(&format!("\"{piece}\"")).ok();
    paths.filter_map(plain).take(MOST_CGROUPS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_found_in_text_that_is_cut_and_one_that_is_cut_itself_is_none() {
        let pids = |text| Torn::read(text).pids;
        assert_eq!(pids("{\"id\":\"web\",\"pid\": 4711,\"bun"), [4711]);
        assert_eq!(pids("{\"init_process_pid\":77}"), [77]);
        assert_eq!(pids("{\"pid\":-1,\"pid\":0,\"pid\":1,\"pid\":}"), [0; 0]);
        assert_eq!(pids("{\"pid\":471"), [0; 0]);
        assert_eq!(pids("{\"pid\":99999999,"), [0; 0]);
    }

    #[test]
    fn the_cgroups_that_stand_there_whole_are_found() {
        let text =
            r#"{"cgroup_paths": {"": "/sys/fs/cgroup/unified/a b", "cpu":"/c/web","pids":"/p"#;
        let found = Torn::read(text).cgroups;
        assert_eq!(
            found,
            [PathBuf::from("/sys/fs/cgroup/unified/a b"), "/c/web".into()]
        );
        let scope = r#"{"cgroup_paths":{"":"/c/a\\x2db.scope","cpu"#;
        assert_eq!(
            Torn::read(scope).cgroups,
            [PathBuf::from(r"/c/a\x2db.scope")]
        );
        let whole = r#"{"cgroup_paths":{"cpu":"/c"},"rootfs":"/elsewhere","#;
        assert_eq!(Torn::read(whole).cgroups, [PathBuf::from("/c")]);
    }
}
