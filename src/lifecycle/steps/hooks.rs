//! Hooks, as the owning runtime runs them: its stdin, environment and working directory.
//!
//! A hook is a program that a state file names, run as root. It is run only if [`trust`] finds that
//! nobody but root or the user ocitop runs as can have written that file, the way to it, or the
//! program.
//!
//! A poststop hook runs at most once: before it starts, a file in the state directory remembers
//! that it did ([`marks`]). A teardown that is repeated, also after SIGKILL, or that runs beside another, skips
//! it: one is not made where another teardown is emptying the directory. The other choice, at least once, would free a network address twice.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::marks;
use crate::inventory::{Machine, mounts};
use crate::kernel::read::is_gone;
use crate::kernel::{Cancel, HookCall, HookStatus, Kernel, Program};
use crate::lifecycle::context::Context;
use crate::lifecycle::evidence::TeardownEvidence;
use crate::lifecycle::outcome::io_error;
use crate::lifecycle::trust::Trusted;
use crate::lifecycle::{Outcome, Reason, Refusal, Seen, StepError, trust};
use crate::oci::record::Hook;
use crate::oci::{Record, RuntimeKind};
use crate::text::visible_path;

/// For hooks without a time-out of their own: the runtimes would wait for ever.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// When a hook is run (runtime-spec, "POSIX-platform Hooks").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HookPoint {
    Poststart,
    Poststop,
}

/// Runs the poststop hook `number`, counted from 1.
pub(in crate::lifecycle) fn poststop<K: Kernel>(
    context: &Context<'_, K>,
    number: usize,
) -> Result<Outcome, StepError> {
    run(context, HookPoint::Poststop, number)
}

/// Runs the poststart hook `number`, counted from 1.
pub(in crate::lifecycle) fn poststart<K: Kernel>(
    context: &Context<'_, K>,
    number: usize,
) -> Result<Outcome, StepError> {
    run(context, HookPoint::Poststart, number)
}

/// Refuses where what a hook needs is not found and may be there all the same: among other mounts than
/// the host's. Where it is not on the host either, the hook fails as its runtime's would.
pub(in crate::lifecycle) fn check_seen(
    machine: &Machine,
    evidence: &TeardownEvidence,
    hooks: &[Hook],
) -> Result<(), Refusal> {
    // Below the host's root directory the host's own are looked for.
    let why = machine.sight.mounts();
    let Some(why) = why.filter(|_| machine.host_dir.is_none()) else {
        return Ok(());
    };
    let mounts = machine.mounts();
    let record = evidence.entry.record.as_ref().ok();
    let needs = |hook: &Hook| [Some(hook.path.clone()), record.and_then(directory)];
    let lost = |path: &PathBuf| {
        // One that may never answer is not asked for.
        !mounts::is_apart(path, &mounts)
            && matches!(path.symlink_metadata(), Err(error) if is_gone(&error))
    };
    match hooks.iter().flat_map(needs).flatten().find(lost) {
        Some(path) => Err(Refusal::HookOutOfSight {
            path: visible_path(&path),
            why,
        }),
        None => Ok(()),
    }
}

/// Where the owning runtime runs it, if not where ocitop is.
fn directory(record: &Record) -> Option<PathBuf> {
    (record.runtime == RuntimeKind::Crun).then(|| record.bundle.clone())
}

fn run<K: Kernel>(
    context: &Context<'_, K>,
    point: HookPoint,
    number: usize,
) -> Result<Outcome, StepError> {
    let hooks = context.evidence.hooks.as_ref();
    let (all, status) = match point {
        HookPoint::Poststart => (hooks.map(|hooks| &hooks.poststart), "running"),
        HookPoint::Poststop => (hooks.map(|hooks| &hooks.poststop), "stopped"),
    };
    let hook = all.and_then(|all| all.get(number.saturating_sub(1)));
    let (Some(hook), Ok(record)) = (hook, &context.evidence.entry.record) else {
        return Ok(Outcome::Skipped(Reason::None));
    };
    if !context.options.hooks {
        return Ok(Outcome::Skipped(Reason::Unwanted));
    }
    let host = context.machine.host_dir.as_deref();
    let trusted = trust::check(&context.evidence, &hook.path, host)
        .map_err(|why| StepError::Refused(Refusal::Hook(why)))?;
    if point == HookPoint::Poststop
        && let Some(reason) = marks::begin(context, number)?
    {
        return Ok(Outcome::Skipped(reason));
    }
    let program = match trusted {
        Trusted::Program(program) => program,
        Trusted::Missing | Trusted::Gone => {
            let missing = std::io::Error::from(rustix::io::Errno::NOENT);
            return Err(io_error("run", &hook.path, &missing));
        }
    };
    let call = HookCall {
        root: context.machine.host_dir.clone(),
        cancel: context.options.cancel.clone(),
        ..call(record, hook, program, status)
    };
    let end = context
        .kernel
        .run_hook(&call)
        .map_err(|error| not_run(context.machine, &call, &error))?;
    if end.status == HookStatus::Exited(0) {
        return Ok(Outcome::Done(Seen::Hook(end)));
    }
    Err(StepError::Hook { end })
}

/// The system says only that something is not there: its program or the directory it runs in.
fn not_run(machine: &Machine, call: &HookCall, error: &std::io::Error) -> StepError {
    let cwd = call.cwd.as_deref().filter(|_| is_gone(error));
    let lost = cwd.filter(|cwd| !machine.on_host(cwd).is_dir());
    let (action, object) = lost.map_or(("run", call.program.path()), |cwd| ("run a hook in", cwd));
    io_error(action, object, error)
}

/// How the owning runtime calls it.
fn call(record: &Record, hook: &Hook, program: Program, status: &str) -> HookCall {
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
        program,
        args: hook.args.clone(),
        env: environment(record.runtime, hook),
        cwd: directory(record),
        root: None,
        stdin: state.to_string().into_bytes(),
        timeout: Some(hook.timeout.unwrap_or(DEFAULT_TIMEOUT)),
        cancel: Cancel::default(),
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
