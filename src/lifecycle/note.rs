//! What the operator should know before a yes: what could not be known, what is left alone, who may
//! start it again. As data, like a [`Refusal`](super::Refusal): [`Note::words`] get better,
//! [`Note::code`] stays.

use serde::Serializer;
use serde::ser::SerializeMap as _;

use super::clean::Kept;
use super::guard::Forbidden;
use super::outer_freeze::OuterFreeze;
use crate::inventory::Manager;

/// One thing that is worth knowing of a container before something is done with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    /// Something is wrong with its record: this, safe to print.
    #[error("{0}")]
    Record(String),
    /// A delete that was ended had removed its record.
    #[error("its record was removed by a delete that was ended before its directory went")]
    Emptied,
    /// Its recorded pid is another process's by now.
    #[error("recorded pid {0} belongs to another process: not touched")]
    Recycled(i32),
    /// An engine manages it, and does not learn of what is done behind its back.
    #[error("{engine} manages it and may start it again{}", clean(.way.as_deref()))]
    Managed {
        /// The engine.
        engine: Manager,
        /// The command by which the engine itself removes it, safe to copy.
        way: Option<String>,
    },
    /// Its record names no cgroup, and no cgroup has its name.
    #[error("no cgroup recorded, none found by its name")]
    NoCgroup,
    /// Its cgroups were found by their name, in so many hierarchies.
    #[error("cgroup found by its name, in {0} hierarchies")]
    CgroupByName(usize),
    /// A cgroup that is not its own freezes it, and even a SIGKILL waits for the thaw.
    #[error("{0}")]
    FrozenOutside(OuterFreeze),
    /// A process that nothing tells of is not seen either.
    #[error(
        "it had no cgroup and shared the pids of others: what lived on when its init died is not known"
    )]
    PidsWereShared,
    /// Another live container has its cgroup too.
    #[error(
        "{dir} is shared with container {with}, which is alive: it stays, and only this one's processes are signalled"
    )]
    CgroupShared {
        /// The directory of the cgroup, safe to print.
        dir: String,
        /// The other container.
        with: String,
    },
    /// None of its cgroups is its own alone: nothing is done with them.
    #[error("cgroups left alone: {0}")]
    CgroupsSpared(Forbidden),
    /// A live container of the same id has the resctrl groups of that name.
    #[error("resctrl groups left alone: {root} has a live container of the same id")]
    ResctrlSpared {
        /// The state root of that one, safe to print.
        root: String,
    },
    /// The BPF pin that its record names may be another's.
    #[error("BPF pin left alone: {0}")]
    PinSpared(Kept),
}

fn clean(way: Option<&str>) -> String {
    way.map(|way| format!("; clean way: {way}"))
        .unwrap_or_default()
}

impl Note {
    /// The note in words, safe to print.
    pub fn words(&self) -> String {
        self.to_string()
    }

    /// The note as one stable word, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Record(_) => "record",
            Self::Emptied => "record_removed",
            Self::Recycled(_) => "pid_recycled",
            Self::Managed { .. } => "managed",
            Self::NoCgroup => "cgroup_not_found",
            Self::CgroupByName(_) => "cgroup_by_name",
            Self::FrozenOutside(_) => "kill_waits",
            Self::PidsWereShared => "pids_were_shared",
            Self::CgroupShared { .. } => "cgroup_shared",
            Self::CgroupsSpared(_) => "cgroups_spared",
            Self::ResctrlSpared { .. } => "resctrl_spared",
            Self::PinSpared(_) => "pin_spared",
        }
    }
}

/// In JSON: the words of each as `notes`, and in the same order their `note_codes`.
pub(super) fn listed<S: Serializer>(notes: &[Note], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    let words: Vec<String> = notes.iter().map(Note::words).collect();
    map.serialize_entry("notes", &words)?;
    let codes: Vec<&str> = notes.iter().map(Note::code).collect();
    map.serialize_entry("note_codes", &codes)?;
    map.end()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lifecycle::StepKind;

    #[test]
    fn json_has_the_codes_beside_the_words() {
        let notes = vec![Note::NoCgroup, Note::Recycled(7)];
        assert_eq!(
            json!(StepKind::Noted { notes }),
            json!({
                "kind": "noted",
                "notes": [
                    "no cgroup recorded, none found by its name",
                    "recorded pid 7 belongs to another process: not touched",
                ],
                "note_codes": ["cgroup_not_found", "pid_recycled"],
            })
        );
    }
}
