//! `ocitop state ID`: the state JSON of the runtime-spec, with what runc and crun add.

use super::entry::ContainerState;
use super::{CommandResult, Failure, render, select};
use crate::config::Config;
use crate::inventory::Condition;

pub(super) fn run(config: &Config, id: &str) -> CommandResult {
    let (_, container) = select::one(config, id)?;
    if let Condition::Broken | Condition::Unknown(_) = container.condition {
        let problem = container.problem.clone().unwrap_or_default();
        return Err(Failure::failed(format!(
            "load container {}: {problem}",
            container.key.label()
        )));
    }
    let mut state = ContainerState::of(&container);
    if state.oci_version.is_empty() {
        // crun stores none.
        state.oci_version = "1.0";
    }
    let text = serde_json::to_string_pretty(&state).map_err(|error| Failure::of(&error))?;
    render::write_json(&(text + "\n"))?;
    Ok(std::process::ExitCode::SUCCESS)
}
