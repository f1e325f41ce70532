//! A server on the network that has gone away.

use std::fs;
use std::path::{Path, PathBuf};

use ocitop::oci::RuntimeKind;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::json;
use tempfile::TempDir;

use super::beside::shared;
use super::diagnose;
use crate::rig::{Rig, Spec, may_change_the_machine, process_state, skip, until};

/// Where the kernel's NFS server is told what to do.
const CONTROL: &str = "/proc/fs/nfsd";

/// An export of this machine, mounted on itself. Gone also when the test fails.
struct Nfs {
    dir: PathBuf,
    _around: TempDir,
}

/// The server is away for as long as this is there.
struct Away;

impl Away {
    fn new() -> Self {
        control("threads", "0\n").unwrap();
        Self
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        serve().unwrap();
    }
}

fn serve() -> std::io::Result<()> {
    control("portlist", "tcp 2049\n")?;
    control("threads", "1\n")
}

/// Writes to the server's file.
fn control(file: &str, text: &str) -> std::io::Result<()> {
    fs::write(Path::new(CONTROL).join(file), text)
}

impl Nfs {
    fn new() -> std::io::Result<Self> {
        mount("nfsd", CONTROL, "nfsd", MountFlags::empty(), None)?;
        let around = tempfile::Builder::new().prefix("oct").tempdir()?;
        let export = around.path().join("export");
        let nfs = Self {
            dir: around.path().join("nfs"),
            _around: around,
        };
        fs::create_dir(&export)?;
        fs::create_dir(&nfs.dir)?;
        // What rpc.mountd would answer when the kernel asks it (exports(5): insecure,
        // no_subtree_check, fsid=0).
        let export = export.display();
        let for_ever = i32::MAX;
        let flags = 0x2 | 0x400 | 0x2000;
        for (cache, line) in [
            ("auth.unix.ip", format!("nfsd 127.0.0.1 {for_ever} here\n")),
            (
                "nfsd.export",
                format!("here {export} {for_ever} {flags} 65534 65534 0\n"),
            ),
            (
                "nfsd.fh",
                format!("here 1 \\x00000000 {for_ever} {export}\n"),
            ),
        ] {
            fs::write(format!("/proc/net/rpc/{cache}/channel"), line)?;
        }
        // v3 would have to be registered with rpcbind(8).
        control("versions", "-3 +4\n")?;
        serve()?;
        let options = c"vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1,noac,hard";
        mount(
            "127.0.0.1:/",
            &nfs.dir,
            "nfs4",
            MountFlags::empty(),
            Some(options),
        )?;
        Ok(nfs)
    }
}

impl Drop for Nfs {
    fn drop(&mut self) {
        let flags = UnmountFlags::FORCE | UnmountFlags::DETACH;
        unmount(&self.dir, flags).ok();
        control("threads", "0\n").ok();
        unmount(CONTROL, UnmountFlags::DETACH).ok();
    }
}

#[test]
fn the_server_has_gone_away() {
    if !may_change_the_machine("an NFS server that has gone away") {
        return;
    }
    let nfs = match Nfs::new() {
        Ok(nfs) => nfs,
        Err(error) => return skip("NFS", &format!("cannot be served: {error}")),
    };
    // In this order: what is in the container cannot end while there is no server.
    let rig = match Rig::new(RuntimeKind::Runc) {
        Ok(rig) => rig,
        Err(reason) => return skip("NFS", &reason),
    };
    let mounts = json!([{"destination": "/nfs", "type": "bind", "source": nfs.dir,
        "options": ["rbind", "rw"]}]);
    let id = rig.id();
    let spec = Spec {
        mounts,
        ..shared("(while :; do : /nfs/*; done) & sleep 3001")
    };
    rig.run_with(&id, &spec);
    let away = Away::new();
    let asks = |pid: &i32| {
        let wchan = fs::read_to_string(format!("/proc/{pid}/wchan"));
        let waits = wchan.is_ok_and(|wchan| wchan.starts_with("rpc_"));
        waits && process_state(*pid) == Some('D')
    };
    let waiting = || rig.members(&id).into_iter().find(asks);
    until("it waits", || waiting().is_some());
    let said = diagnose(&rig, &id);
    let finding = said.verdict("network");
    assert_eq!(
        (&finding["pid"], &finding["kind"], &finding["source"]),
        (
            &waiting().unwrap().into(),
            &"nfs4".into(),
            &"127.0.0.1:/".into()
        )
    );
    assert_eq!(finding["mount"], "/nfs");
    said.offers(finding, "umount -f ");
    drop(away);
    until("it goes on", || waiting().is_none());
}
