//! `ocitop state ID`: the state JSON of the runtime-spec, with what runc and crun add.

use serde_json::json;

use super::{Failure, Outcome, render, select};
use crate::config::Config;
use crate::inventory::Condition;

pub(super) fn run(config: &Config, id: &str) -> Outcome {
    let (_, container) = select::one(config, id)?;
    if container.condition == Condition::Broken {
        let problem = container.problem.clone().unwrap_or_default();
        return Err(Failure::failed(format!(
            "load container {}: {problem}",
            container.key.label()
        )));
    }
    let mut state = json!({
        "ociVersion": container.oci_version.as_deref().unwrap_or("1.0"),
        "id": container.key.label(),
        "pid": container.init.map_or(0, |init| init.pid),
        "status": container.condition.as_str(),
        "bundle": container.bundle,
        "rootfs": container.rootfs,
        "created": container.created,
        "owner": container.owner,
    });
    if let Some(fields) = state.as_object_mut()
        && !container.annotations.is_empty()
    {
        fields.insert("annotations".to_owned(), json!(container.annotations));
    }
    let text = serde_json::to_string_pretty(&state).map_err(|error| Failure::of(&error))?;
    render::write_json(&(text + "\n"))?;
    Ok(std::process::ExitCode::SUCCESS)
}
