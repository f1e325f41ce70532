//! Hooks, as the owning runtime runs them: its stdin, environment and working directory.
//!
//! A hook is a program that a state file names, run as root. It is run only if nobody but root or
//! the user ocitop runs as can have written that file, the way to it, or the program.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::run::Context;
use super::{Outcome, Reason, Seen, StepError};
use crate::kernel::{HookCall, HookStatus, Kernel};
use crate::oci::record::Hook;
use crate::oci::{Record, RuntimeKind};
use crate::text::visible_path;

/// For hooks without a time-out of their own: the runtimes would wait for ever.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the poststop hook `number`, counted from 1.
pub(super) fn poststop<K: Kernel>(
    context: &mut Context<'_, K>,
    number: usize,
) -> Result<Outcome, StepError> {
    let hooks = context.evidence.hooks.clone().unwrap_or_default();
    run(
        context,
        hooks.poststop.get(number.saturating_sub(1)),
        "stopped",
    )
}

/// Runs the poststart hook `number`, counted from 1.
pub(super) fn poststart<K: Kernel>(
    context: &mut Context<'_, K>,
    number: usize,
) -> Result<Outcome, StepError> {
    let hooks = context.evidence.hooks.clone().unwrap_or_default();
    run(
        context,
        hooks.poststart.get(number.saturating_sub(1)),
        "running",
    )
}

fn run<K: Kernel>(
    context: &Context<'_, K>,
    hook: Option<&Hook>,
    status: &str,
) -> Result<Outcome, StepError> {
    let (Some(hook), Ok(record)) = (hook, &context.evidence.entry.record) else {
        return Ok(Outcome::Skipped(Reason::None));
    };
    if !context.options.hooks {
        return Ok(Outcome::Skipped(Reason::Unwanted));
    }
    check_trust(context, &hook.path)?;
    let call = call(record, hook, status);
    let end = context
        .kernel
        .run_hook(&call)
        .map_err(|error| StepError::Io {
            action: "run",
            object: visible_path(&hook.path),
            cause: error.to_string(),
        })?;
    match end.status {
        HookStatus::Exited(0) => Ok(Outcome::Done(Seen::Hook(end))),
        _ => Err(StepError::Hook { end }),
    }
}

/// How the owning runtime calls it.
pub(super) fn call(record: &Record, hook: &Hook, status: &str) -> HookCall {
    let mut state = json!({
        "ociVersion": record.oci_version.as_deref().unwrap_or("1.0"),
        "id": record.id,
        "status": status,
        "bundle": record.bundle,
    });
    let pid = match record.runtime {
        RuntimeKind::Youki => record.init.map(|init| init.pid),
        RuntimeKind::Crun => Some(0),
        RuntimeKind::Runc => None,
    };
    if let Some(fields) = state.as_object_mut() {
        if let Some(pid) = pid {
            fields.insert("pid".to_owned(), pid.into());
        }
        if record.runtime == RuntimeKind::Crun {
            fields.insert("root".to_owned(), json!(record.rootfs));
        }
        if !record.annotations.is_empty() {
            fields.insert("annotations".to_owned(), json!(record.annotations));
        }
    }
    HookCall {
        path: hook.path.clone(),
        args: hook.args.clone(),
        env: environment(record.runtime, hook),
        cwd: (record.runtime == RuntimeKind::Crun).then(|| record.bundle.clone()),
        stdin: state.to_string().into_bytes(),
        timeout: Some(hook.timeout.unwrap_or(DEFAULT_TIMEOUT)),
    }
}

/// Without one in the spec youki gives none, runc and crun their own.
fn environment(runtime: RuntimeKind, hook: &Hook) -> Option<Vec<(String, String)>> {
    let pair = |entry: &String| {
        let (key, value) = entry.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    };
    match (&hook.env, runtime) {
        (Some(env), _) => Some(env.iter().filter_map(pair).collect()),
        (None, RuntimeKind::Youki) => Some(Vec::new()),
        (None, RuntimeKind::Runc | RuntimeKind::Crun) => None,
    }
}

fn check_trust<K: Kernel>(context: &Context<'_, K>, program: &Path) -> Result<(), StepError> {
    let refuse = |what: String| {
        Err(StepError::Refused {
            reason: format!("hook not run: {what}"),
        })
    };
    if !program.is_absolute() {
        return refuse(format!("{} is not an absolute path", visible_path(program)));
    }
    let real = std::fs::canonicalize(program).map_err(|error| StepError::Io {
        action: "run",
        object: visible_path(program),
        cause: error.to_string(),
    })?;
    let dir = context.evidence.entry.key.dir();
    let files = std::fs::read_dir(&dir).into_iter().flatten().flatten();
    let files = files.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut paths: Vec<_> = files.map(|entry| entry.path()).collect();
    for path in [&real, &dir] {
        paths.extend(path.ancestors().map(Path::to_owned));
    }
    for path in paths {
        if let Some(why) = distrust(&path) {
            return refuse(format!("{} {why}", visible_path(&path)));
        }
    }
    Ok(())
}

/// Why a path could have been written by another user, if it could.
fn distrust(path: &Path) -> Option<String> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Some("cannot be read".into());
    };
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != own {
        return Some(format!("belongs to uid {}", metadata.uid()));
    }
    // In a sticky directory others can add names but not replace this one.
    let sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
    let by_others = !metadata.is_symlink() && metadata.mode() & 0o022 != 0 && !sticky;
    by_others.then(|| "can be written by others".to_owned())
}
