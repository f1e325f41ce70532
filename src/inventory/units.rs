//! What systemd knows of its units, told by its files and without asking it: it keeps a link for each
//! unit that is active, and a file for each transient one that is loaded. The manager of a user keeps
//! its own below that user's directory, and tells of what is in that user's part of the cgroups alone:
//! what a user writes there says nothing of the host's units.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::Machine;
use crate::kernel::Scope;
use crate::kernel::read::{is_gone, is_there};

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

/// What the manager of a unit knows of it. An error where that cannot be looked at.
pub fn state(machine: &Machine, unit: &Scope) -> io::Result<UnitState> {
    state_in(&home_of(machine, &unit.cgroup), &unit.name)
}

/// The same by the system's manager, of the unit of this name.
pub fn system_state(machine: &Machine, name: &str) -> io::Result<UnitState> {
    state_in(&home(machine), name)
}

fn state_in(home: &Path, name: &str) -> io::Result<UnitState> {
    Ok(UnitState {
        active: is_there(&home.join("units").join(format!("{ACTIVE}{name}")))?,
        loaded: is_there(&home.join("transient").join(name))?,
    })
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

/// Where the manager of what is in a cgroup keeps its files: `user@UID.service` is one (user@.service(5)).
pub fn home_of(machine: &Machine, cgroup: &Path) -> PathBuf {
    let user = cgroup.components().find_map(|part| {
        let Component::Normal(name) = part else {
            return None;
        };
        let service = name.to_str()?.strip_prefix("user@")?;
        service.strip_suffix(".service")?.parse::<u32>().ok()
    });
    user.map_or_else(
        || home(machine),
        |user| machine.run.join(format!("user/{user}/systemd")),
    )
}

/// Reads them; an error if they are there and cannot be listed.
pub fn all(machine: &Machine) -> io::Result<Units> {
    let home = home(machine);
    let names = |dir: &str| match std::fs::read_dir(home.join(dir)) {
        Ok(entries) => {
            let names = entries.map(|entry| Ok(entry?.file_name()));
            let names: io::Result<Vec<_>> = names.collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Roots;

    #[test]
    fn the_manager_of_a_unit_is_told_by_where_its_cgroup_is() {
        let machine = Machine::new(&Roots::default());
        let home = |cgroup: &str| home_of(&machine, Path::new(cgroup));
        let system = Path::new("/run/systemd");
        assert_eq!(home("/system.slice/runc-web.scope"), system);
        let user = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-7.scope";
        assert_eq!(home(user), Path::new("/run/user/1000/systemd"));
        for other in [
            "/user@x.service/a.scope",
            "/user@1000.slice/a.scope",
            "/user@-1.service",
        ] {
            assert_eq!(home(other), system, "{other}");
        }
    }
}
