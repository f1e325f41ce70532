//! Ending a systemd scope over D-Bus, as its runtime would: stop, wait for the job, forget a
//! failure. The caller bounds the time.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;

use zbus::export::futures_core::Stream as _;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SCOPE: &str = "org.freedesktop.systemd1.Scope";
/// systemd's own socket, for hosts without a message bus.
const PRIVATE: &str = "unix:path=/run/systemd/private";

/// A scope and the cgroup it must have.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unit {
    /// Its name, ending in `.scope`.
    pub name: String,
    /// Its cgroup below the hierarchy's root, with a leading `/`.
    pub cgroup: PathBuf,
}

/// Ends the unit. `ENOENT` if systemd does not know it; `EPERM` if the unit of that name has
/// another cgroup.
pub(super) fn stop(unit: &Unit) -> io::Result<()> {
    zbus::block_on(end(unit)).map_err(|error| match error {
        zbus::Error::MethodError(name, ..) if name.as_str().ends_with(".NoSuchUnit") => {
            rustix::io::Errno::NOENT.into()
        }
        zbus::Error::InputOutput(error) => io::Error::new(error.kind(), error.to_string()),
        error => io::Error::other(error),
    })
}

/// Root's systemd by the system bus or by its own socket, a user's by the session bus.
async fn connect() -> zbus::Result<Connection> {
    if !rustix::process::geteuid().is_root() {
        return Connection::session().await;
    }
    match Connection::system().await {
        Ok(connection) => Ok(connection),
        Err(_) => {
            zbus::connection::Builder::address(PRIVATE)
                .p2p()
                .build()
                .await
        }
    }
}

struct Manager(Connection);

impl Manager {
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

async fn end(unit: &Unit) -> zbus::Result<()> {
    let manager = Manager(connect().await?);
    let name = unit.name.as_str();
    let found = manager.call("GetUnit", &name).await?;
    let path: OwnedObjectPath = found.body().deserialize()?;
    let cgroup = manager.property(&path, SCOPE, "ControlGroup").await?;
    if !cgroup.is_empty() {
        if unit.cgroup.as_os_str() != cgroup.as_str() {
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

async fn stop_and_wait(manager: &Manager, name: &str) -> zbus::Result<()> {
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
