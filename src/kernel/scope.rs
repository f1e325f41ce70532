//! Ending a systemd scope, as its runtime would: stop, wait for the job, forget a failure. Over the
//! bus; where there is none (dbus is down, or was never there) root asks systemctl(1), which speaks
//! to systemd's private socket. zbus cannot: the answers there name a sender that is no unique name.
//! The caller bounds the time.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant};

use super::hook::{self, Itself};
use super::{Cancel, HookCall, HookStatus, Program, Scope};
use zbus::export::futures_core::Stream as _;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SCOPE: &str = "org.freedesktop.systemd1.Scope";
/// Where systemctl is; a path from the environment could be anybody's.
const SYSTEMCTL: [&str; 2] = ["/usr/bin/systemctl", "/bin/systemctl"];

/// Ends the scope. `ENOENT` if systemd does not know it; `EPERM` if the unit of that name has
/// another cgroup.
pub(super) fn stop(scope: &Scope, bus: Option<&Path>, limit: Duration) -> io::Result<()> {
    let connection = match zbus::block_on(connect(bus)) {
        Ok(connection) => connection,
        // Here systemctl would speak to the container's systemd.
        Err(error) if bus.is_some() => return Err(io::Error::other(error)),
        Err(_) if rustix::process::geteuid().is_root() => return end_by_command(scope, limit),
        Err(error) => return Err(io::Error::other(error)),
    };
    zbus::block_on(end(connection, scope)).map_err(|error| {
        if let zbus::Error::MethodError(name, ..) = &error
            && name.as_str().ends_with(".NoSuchUnit")
        {
            return rustix::io::Errno::NOENT.into();
        }
        if let zbus::Error::InputOutput(error) = error {
            return io::Error::new(error.kind(), error.to_string());
        }
        io::Error::other(error)
    })
}

/// Root's systemd by the system bus, a user's by the session bus; the host's by its socket.
async fn connect(bus: Option<&Path>) -> zbus::Result<Connection> {
    if let Some(socket) = bus {
        let address = format!("unix:path={}", socket.display());
        let builder = zbus::connection::Builder::address(address.as_str());
        return builder.build().await;
    }
    if rustix::process::geteuid().is_root() {
        Connection::system().await
    } else {
        Connection::session().await
    }
}

struct SystemdManager(Connection);

impl SystemdManager {
    async fn call<B>(&self, method: &'static str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let path = "/org/freedesktop/systemd1";
        self.0
            .call_method(Some(SYSTEMD), path, Some(MANAGER), method, body)
            .await
    }

    async fn property(
        &self,
        path: &OwnedObjectPath,
        interface: &str,
        name: &str,
    ) -> zbus::Result<String> {
        let properties = Some("org.freedesktop.DBus.Properties");
        let reply = self
            .0
            .call_method(Some(SYSTEMD), path, properties, "Get", &(interface, name))
            .await?;
        let value: OwnedVariant = reply.body().deserialize()?;
        String::try_from(value)
    }
}

async fn end(connection: Connection, scope: &Scope) -> zbus::Result<()> {
    let manager = SystemdManager(connection);
    let name = scope.name.as_str();
    let found = manager.call("GetUnit", &name).await?;
    let path: OwnedObjectPath = found.body().deserialize()?;
    let cgroup = manager.property(&path, SCOPE, "ControlGroup").await?;
    if !cgroup.is_empty() {
        if scope.cgroup.as_os_str() != cgroup.as_str() {
            return Err(io::Error::from(rustix::io::Errno::PERM).into());
        }
        stop_and_wait(&manager, name).await?;
    }
    // A stopped scope is gone, a failed one stays until it is told to be forgotten.
    let state = manager.property(&path, UNIT, "ActiveState").await;
    if state.is_ok_and(|state| state == "failed") {
        manager.call("ResetFailedUnit", &name).await?;
    }
    Ok(())
}

async fn stop_and_wait(manager: &SystemdManager, name: &str) -> zbus::Result<()> {
    // systemd sends signals over a bus only to those who asked for them.
    manager.call("Subscribe", &()).await.ok();
    let rule = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .interface(MANAGER)
        .member("JobRemoved")
        .build()?;
    let mut signals = MessageStream::for_match_rule(rule, &manager.0, None).await?;
    let reply = manager.call("StopUnit", &(name, "replace")).await?;
    let job: OwnedObjectPath = reply.body().deserialize()?;
    while let Some(signal) =
        std::future::poll_fn(|context| Pin::new(&mut signals).poll_next(context)).await
    {
        let body = signal?.body();
        let (_, removed, _, _): (u32, OwnedObjectPath, String, String) = body.deserialize()?;
        if removed == job {
            return Ok(());
        }
    }
    Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

fn end_by_command(scope: &Scope, limit: Duration) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    let name = scope.name.as_str();
    let ask = |verb, rest: &[&str]| systemctl(&[&[verb], rest, &["--", name]].concat(), deadline);
    let property = |name: &str| ask("show", &["--value", &format!("--property={name}")]);
    if property("LoadState")? == "not-found" {
        return Err(rustix::io::Errno::NOENT.into());
    }
    let cgroup = property("ControlGroup")?;
    if !cgroup.is_empty() {
        if scope.cgroup.as_os_str() != cgroup.as_str() {
            return Err(rustix::io::Errno::PERM.into());
        }
        ask("stop", &[])?;
    }
    if property("ActiveState")? == "failed" {
        ask("reset-failed", &[])?;
    }
    Ok(())
}

/// Runs systemctl until `deadline`; what it printed.
fn systemctl(arguments: &[&str], deadline: Instant) -> io::Result<String> {
    let program = SYSTEMCTL.iter().find(|path| Path::new(path).exists());
    let program = program.ok_or(rustix::io::Errno::NOENT)?;
    let common = ["systemctl", "--no-ask-password", "--no-pager"];
    let call = HookCall {
        program: Program::of_system(Path::new(program))?,
        args: common
            .iter()
            .chain(arguments)
            .map(|&word| word.to_owned())
            .collect(),
        env: Some(Vec::new()),
        cwd: None,
        root: None,
        stdin: Vec::new(),
        timeout: Some(deadline.saturating_duration_since(Instant::now())),
        cancel: Cancel::default(),
    };
    let end = hook::run(&call, Itself::Other)?;
    match end.status {
        HookStatus::Exited(0) => Ok(end.output),
        HookStatus::TimedOut | HookStatus::Interrupted | HookStatus::Unended { .. } => {
            Err(rustix::io::Errno::TIMEDOUT.into())
        }
        HookStatus::Exited(_) | HookStatus::Signaled(_) => Err(io::Error::other(format!(
            "systemctl: {}",
            end.output.trim()
        ))),
    }
}
