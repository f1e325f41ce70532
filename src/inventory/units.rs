//! What systemd knows of its units, told by its files and without asking it: it keeps a link for each
//! unit that is active, and a file for each transient one that is loaded; user managers keep their own
//! below the user's directory.

use std::path::PathBuf;

use super::Machine;
use crate::kernel::read::is_gone;

/// What precedes the name of an active unit in the name of its link.
const ACTIVE: &str = "invocation:";

/// What systemd knows of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitState {
    /// It is active.
    pub active: bool,
    /// It is transient and loaded.
    pub loaded: bool,
}

/// What systemd, or the manager of a user, knows of a unit.
pub fn state(machine: &Machine, name: &str) -> UnitState {
    let there = |path: PathBuf| path.symlink_metadata().is_ok();
    let link = format!("{ACTIVE}{name}");
    let homes = homes(machine);
    UnitState {
        active: homes
            .iter()
            .any(|home| there(home.join("units").join(&link))),
        loaded: homes
            .iter()
            .any(|home| there(home.join("transient").join(name))),
    }
}

/// The names of all units that are active, or transient and loaded, by the system's manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Units {
    /// The active ones.
    pub active: Vec<String>,
    /// The loaded ones.
    pub loaded: Vec<String>,
}

/// Where the system's manager keeps its files.
pub fn home(machine: &Machine) -> PathBuf {
    machine.run.join("systemd")
}

/// Reads them; an error if they are there and cannot be listed.
pub fn all(machine: &Machine) -> std::io::Result<Units> {
    let home = home(machine);
    let names = |dir: &str| match std::fs::read_dir(home.join(dir)) {
        Ok(entries) => {
            let names = entries.map(|entry| Ok(entry?.file_name()));
            let names: std::io::Result<Vec<_>> = names.collect();
            let names = names?
                .into_iter()
                .filter_map(|name| name.into_string().ok());
            Ok(names.collect())
        }
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let links: Vec<String> = names("units")?;
    let active = links
        .iter()
        .filter_map(|link| link.strip_prefix(ACTIVE).map(str::to_owned));
    Ok(Units {
        active: active.collect(),
        loaded: names("transient")?,
    })
}

fn homes(machine: &Machine) -> Vec<PathBuf> {
    let mut homes = vec![home(machine)];
    let users = std::fs::read_dir(machine.run.join("user"));
    let users = users.into_iter().flatten().flatten();
    homes.extend(users.map(|user| user.path().join("systemd")));
    homes
}
