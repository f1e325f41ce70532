//! Disks that take requests and do not answer.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::mount::{UnmountFlags, unmount};
use serde_json::json;

use super::beside::{shared, with};
use super::diagnose;
use crate::rig::{Rig, Spec, may_change_the_machine, process_state, skip, until};

/// Of a disk, bytes.
const SIZE: u64 = 32 << 20;

/// Runs a command; what it printed, or why it failed.
fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    let output = command.args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{program} {args:?}: {}", text(&output.stderr)))
    }
}

/// An image of a disk.
fn image(rig: &Rig) -> PathBuf {
    let image = rig.scratch("image");
    fs::File::create(&image).unwrap().set_len(SIZE).unwrap();
    image
}

/// A file system on a loop device; thawed and unmounted also when the test fails.
struct Frozen(PathBuf);

impl Frozen {
    fn new(rig: &Rig) -> Result<Self, String> {
        let (image, dir) = (image(rig), rig.scratch("frozen"));
        fs::create_dir(&dir).unwrap();
        let (image, point) = (image.to_str().unwrap(), dir.to_str().unwrap());
        run("mkfs.ext4", &["-q", image])?;
        run("mount", &["-o", "loop", image, point])?;
        let mounted = Self(dir.clone());
        run("fsfreeze", &["-f", point])?;
        Ok(mounted)
    }

    fn thaw(&self) {
        // Refused where it is thawed already.
        run("fsfreeze", &["-u", self.0.to_str().unwrap()]).ok();
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.thaw();
        unmount(&self.0, UnmountFlags::DETACH).ok();
    }
}

/// A file system on a device that takes requests and does nothing; all gone again also when the test
/// fails.
struct Suspended {
    name: String,
    device: PathBuf,
    dir: PathBuf,
    under: String,
}

/// There is no udev to be waited for.
fn dmsetup(args: &[&str]) -> Result<String, String> {
    run(
        "dmsetup",
        &[args, &["--noudevsync", "--noudevrules"]].concat(),
    )
}

impl Suspended {
    fn new(rig: &Rig) -> Result<Self, String> {
        let image = image(rig);
        let mut disk = Self {
            name: rig.prefix().to_owned(),
            device: PathBuf::new(),
            dir: rig.scratch("disk"),
            under: run("losetup", &["-f", "--show", image.to_str().unwrap()])?,
        };
        fs::create_dir(&disk.dir).unwrap();
        let table = format!("0 {} linear {} 0", SIZE / 512, disk.under);
        dmsetup(&["create", &disk.name, "--table", &table])?;
        // Nor one that would make the node in /dev/mapper: this one is the kernel's.
        let node = ["info", "-c", "--noheadings", "-o", "blkdevname", &disk.name];
        disk.device = Path::new("/dev").join(dmsetup(&node)?);
        let (device, dir) = (disk.device.to_str().unwrap(), disk.dir.to_str().unwrap());
        run("mkfs.ext4", &["-q", device])?;
        run("mount", &[device, dir])?;
        // Whoever writes to this needs nothing of the device before it asks for the bytes to be there.
        let file = fs::File::create(disk.dir.join("file"));
        let file = file.and_then(|mut file| file.write_all(&[1; 4096]).and(file.sync_all()));
        file.map_err(|error| error.to_string())?;
        // With its file system frozen it would be about that.
        dmsetup(&["suspend", "--noflush", "--nolockfs", &disk.name])?;
        Ok(disk)
    }

    fn resume(&self) {
        dmsetup(&["resume", &self.name]).unwrap();
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        // What there is of it: it may not have come as far.
        dmsetup(&["resume", &self.name]).ok();
        unmount(&self.dir, UnmountFlags::DETACH).ok();
        dmsetup(&["remove", "--retry", &self.name]).ok();
        run("losetup", &["-d", &self.under]).ok();
    }
}

/// Runs a container that has the directory as `/disk`; the member of it that is in D.
fn stuck(rig: &Rig, dir: &Path, script: &str) -> i32 {
    let mounts = json!([{"destination": "/disk", "type": "bind", "source": dir,
        "options": ["rbind", "rw"]}]);
    let spec = Spec {
        mounts,
        ..shared(script)
    };
    rig.run_with(&rig.id(), &spec);
    until("it waits to write", || in_d(rig).is_some());
    in_d(rig).unwrap()
}

fn in_d(rig: &Rig) -> Option<i32> {
    let mut members = rig.members(&rig.id()).into_iter();
    members.find(|pid| process_state(*pid) == Some('D'))
}

#[test]
fn a_file_system_is_frozen() {
    with("fsfreeze", |rig| {
        let frozen = match Frozen::new(rig) {
            Ok(frozen) => frozen,
            Err(why) => return skip("fsfreeze", &why),
        };
        let script = "(exec 3> /disk/file; exec sleep 3000) & sleep 3001";
        let pid = stuck(rig, &frozen.0, script);
        let said = diagnose(rig, &rig.id());
        assert_eq!(said.verdict("frozen-filesystem")["pid"], pid);
        frozen.thaw();
        until("it goes on", || in_d(rig).is_none());
    });
}

#[test]
fn a_device_does_not_answer() {
    if !may_change_the_machine("a device that does not answer") {
        return;
    }
    with("dmsetup suspend", |rig| {
        let disk = match Suspended::new(rig) {
            Ok(disk) => disk,
            Err(why) => return skip("dmsetup suspend", &why),
        };
        let script =
            "dd if=/dev/zero of=/disk/file bs=4096 count=1 conv=notrunc,fsync & sleep 3001";
        let pid = stuck(rig, &disk.dir, script);
        let said = diagnose(rig, &rig.id());
        assert_eq!(said.verdict("block-device")["pid"], pid);
        let device = fs::metadata(&disk.device).unwrap().rdev();
        let numbers = json!([rustix::fs::major(device), rustix::fs::minor(device)]);
        assert_eq!(said.one("block-device")["device"], numbers);
        disk.resume();
        until("it goes on", || in_d(rig).is_none());
        // It must not be in use when it is taken away.
        crate::rig::kill(rig.pid(&rig.id()));
        until("all are gone", || rig.members(&rig.id()).is_empty());
    });
}
