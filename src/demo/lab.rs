//! One lab, from its first directory to its last.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::child::{self, Instructions, Role, Said};
use super::containers::{self, LabContainer, Situation};
use super::files::{self, RecordFacts};
use super::groups::{GroupDirs, Groups};
use super::manifest::{Manifest, PidSpace, identify};
use super::reaper::Reaper;
use super::stage::Stage;
use super::{remains, sweep, wait};
use crate::cgroup::Hierarchies;
use crate::kernel::read;
use crate::oci::Status;
use crate::process::InitProcess;

/// The lab's processes have next to nothing to do before they are ready; an emulated CPU takes its
/// time even for that.
const READY_LIMIT: Duration = Duration::from_secs(10);
/// A stopped container's init has only to exit.
const EXIT_LIMIT: Duration = Duration::from_secs(2);

/// A running lab. Dropping it removes everything it made.
///
/// Its processes live as long as the thread that started it: the kernel ends them with that thread.
#[derive(Debug)]
pub struct Lab {
    dir: PathBuf,
    root: PathBuf,
    manifest: Manifest,
    notices: Vec<String>,
    reaper: Option<Reaper>,
    stopped: bool,
}

impl Lab {
    /// Removes what dead labs left, then makes a new one.
    pub fn start(stage: &Stage) -> io::Result<Self> {
        let host = PidSpace::current()?;
        let notices = sweep::abandoned(&stage.bases, &stage.scratch, &host);
        let owner = own_identity()?;
        let name = Manifest::name_for(owner);
        let mut groups = find_groups(&stage.mountinfo, &name)?;
        let dir = make_private(&stage.bases, &name)?;
        let scratch = make_private(&stage.scratch, &name).ok();
        let manifest = Manifest {
            owner,
            host,
            cgroups: groups.dirs(),
            processes: Vec::new(),
            // Where there is no second place the file goes beside the state root.
            scratch: scratch.filter(|other| *other != dir),
        };
        let mut lab = Self {
            root: dir.join("state"),
            dir,
            manifest,
            notices,
            reaper: None,
            stopped: false,
        };
        // From here on an early return drops the lab, which removes it.
        lab.save()?;
        groups.make();
        lab.say_what_cgroups_lack(&groups);
        lab.open(stage, &groups)?;
        Ok(lab)
    }

    /// Writes down what there is, also beside what lies on a disk: that outlives a reboot, and the
    /// lab's own directory does not.
    fn save(&self) -> io::Result<()> {
        let dirs = std::iter::once(&self.dir).chain(&self.manifest.scratch);
        dirs.into_iter().try_for_each(|dir| self.manifest.save(dir))
    }

    /// The state root with the lab's containers.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The lab's own directory, which holds the state root.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The lab's cgroup in each hierarchy.
    pub fn cgroups(&self) -> &[PathBuf] {
        &self.manifest.cgroups
    }

    /// Everywhere that something of the lab's can be: its directory and its cgroups.
    pub fn places(&self) -> Vec<PathBuf> {
        let dir = std::iter::once(&self.dir);
        dir.chain(self.cgroups()).cloned().collect()
    }

    /// What the user should know: dead labs removed, what this host does not offer.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Ends every process and removes every cgroup and file of the lab.
    pub fn stop(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.stopped, true) {
            return Ok(());
        }
        let removed = sweep::remove(&self.manifest, &self.dir);
        if let Some(reaper) = self.reaper.take() {
            reaper.stop();
            rustix::process::set_child_subreaper(None)?;
        }
        removed
    }

    fn say_what_cgroups_lack(&mut self, groups: &Groups) {
        if groups.is_empty() {
            self.notices.push(
                "no cgroup can be made here: nothing is measured, limited or paused (as root, or \
                 in a delegated cgroup: systemd-run --user --scope ocitop demo)"
                    .to_owned(),
            );
        }
    }

    fn open(&mut self, stage: &Stage, groups: &Groups) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(&self.root)?;
        let tag = self.manifest.owner.pid.to_string();
        let mut all = Vec::new();
        // All are started before the first is waited for.
        for container in containers::all(&tag) {
            let id = container.id.clone();
            match self.launch(stage, groups, container) {
                Ok(started) => all.push(started),
                Err(error) => self.notices.push(format!("{id} is missing: {error}")),
            }
        }
        self.listen(&mut all);
        self.save()?;
        // Orphans of a dead init come to this process, which buries them.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        self.reaper = Some(Reaper::start(&self.manifest.processes)?);
        for started in &all {
            if let Err(error) = settle(stage, started) {
                let id = &started.container.id;
                self.notices
                    .push(format!("{id} is not as it should be: {error}"));
            }
        }
        if let Err(error) = remains::leave(groups, &tag) {
            let notice = format!("a leftover is missing: {error}");
            self.notices.push(notice);
        }
        Ok(())
    }

    fn launch(
        &mut self,
        stage: &Stage,
        groups: &Groups,
        container: LabContainer,
    ) -> io::Result<Started> {
        let dirs = groups.container(
            &container.id,
            container.runtime == crate::oci::RuntimeKind::Youki,
        )?;
        let limited = dirs.limit(container.limits);
        let scratch = self.manifest.scratch.as_ref().unwrap_or(&self.dir).clone();
        if container.role == Role::Write {
            dirs.count_io(&scratch);
        }
        let has_inner = container.situation == Situation::NestedFrozen;
        let inner = has_inner.then(|| dirs.below("inner")).transpose()?;
        let bundles = self.dir.join("bundles");
        let bundle = files::make_bundle(
            &bundles,
            &container,
            &files::cgroups_path(&container, &dirs),
        )?;
        let own_dir = files::make_state_dir(&self.root, &container)?;
        let helper = |(name, percent): &(&str, u32)| Instructions {
            parent: 0,
            name: (*name).to_owned(),
            cgroups: inner.as_ref().map(GroupDirs::dirs).unwrap_or_default(),
            role: Role::Work { percent: *percent },
            state: PathBuf::new(),
            scratch: PathBuf::new(),
            helpers: Vec::new(),
        };
        let role = if container.role == Role::Burn && !limited {
            // No quota to hold it back: it has to hold itself back.
            Role::Work { percent: 50 }
        } else {
            container.role.clone()
        };
        let instructions = Instructions {
            parent: 0,
            name: container.id.clone(),
            cgroups: if container.situation == Situation::Recycled {
                // A stranger: it has the pid, and nothing to do with the container.
                Vec::new()
            } else {
                dirs.dirs()
            },
            role,
            state: own_dir.clone(),
            scratch,
            helpers: container.helpers.iter().map(helper).collect(),
        };
        let process = child::launch(&stage.program, &instructions)?;
        let init = identify(process.id().cast_signed())
            .ok_or_else(|| io::Error::other("it died at once"))?;
        self.manifest.processes.push(init);
        Ok(Started {
            container,
            groups: dirs,
            inner,
            bundle,
            own_dir,
            process,
            init,
        })
    }

    /// Waits until everyone said something; who failed, or said nothing, is taken out.
    fn listen(&mut self, all: &mut Vec<Started>) {
        let start = Instant::now();
        all.retain_mut(|started| {
            let left = READY_LIMIT.saturating_sub(start.elapsed());
            let said = match hear(&mut started.process, left) {
                Ok(text) => Said::parse(&text),
                Err(error) => Said::Failed(error.to_string()),
            };
            match said {
                Said::Ready(helpers) => {
                    let helpers = helpers.into_iter().filter_map(identify);
                    self.manifest.processes.extend(helpers);
                    true
                }
                Said::Failed(why) => {
                    let id = &started.container.id;
                    self.notices.push(format!("{id} is missing: {why}"));
                    dismiss(started);
                    false
                }
            }
        });
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!("the lab is not quite gone: {error}");
        }
    }
}

/// A container on its way into the lab.
#[derive(Debug)]
struct Started {
    container: LabContainer,
    groups: GroupDirs,
    inner: Option<GroupDirs>,
    bundle: PathBuf,
    /// Its state directory.
    own_dir: PathBuf,
    process: std::process::Child,
    init: InitProcess,
}

/// Takes out who failed. It has no files yet: with its directory or its cgroups left it would look
/// like a broken container, or like what one leaves behind.
fn dismiss(started: &Started) {
    let outcome = sweep::end(started.init, &started.groups.dirs());
    if let Err(error) = outcome.and_then(|()| sweep::remove_files(&started.own_dir)) {
        tracing::warn!("{} is not quite gone: {error}", started.container.id);
    }
}

/// Puts a container into its state and writes its files.
fn settle(stage: &Stage, started: &Started) -> io::Result<()> {
    let container = &started.container;
    let mut created = Timestamp::now();
    let mut status = Status::Running;
    let mut trouble = Ok(());
    match container.situation {
        Situation::Created => status = Status::Created,
        // Without a cgroup it cannot be; that was said once for all.
        Situation::Paused | Situation::NestedFrozen if started.groups.path.is_none() => {}
        Situation::Paused => {
            trouble = started.groups.freeze();
            status = Status::Paused;
        }
        Situation::NestedFrozen => {
            let inner = started.inner.as_ref().map_or(Ok(()), GroupDirs::freeze);
            trouble = inner.and_then(|()| started.groups.freeze());
            status = Status::Paused;
        }
        Situation::Stopped | Situation::Left => {
            status = Status::Stopped;
            wait::until("exit", EXIT_LIMIT, || {
                Ok(identify(started.init.pid) != Some(started.init))
            })?;
        }
        // Who has the pid was not there an hour ago, when this container was made.
        Situation::Recycled => created -= jiff::SignedDuration::from_hours(1),
        Situation::Running | Situation::Corrupt | Situation::FailingHook | Situation::Managed => {}
    }
    if trouble.is_err() {
        status = Status::Running;
    }
    let facts = RecordFacts {
        container,
        init: started.init,
        groups: &started.groups,
        bundle: &started.bundle,
        status,
        created,
        program: &stage.program,
    };
    files::write(&started.own_dir, &facts)?;
    if container.situation == Situation::Left {
        remains::forget(&started.own_dir, &started.bundle)?;
    }
    trouble
}

fn own_identity() -> io::Result<InitProcess> {
    identify(std::process::id().cast_signed())
        .ok_or_else(|| io::Error::other("read /proc/self/stat"))
}

fn find_groups(mountinfo: &Path, name: &str) -> io::Result<Groups> {
    let mountinfo = read::kernel_file(mountinfo)?;
    let hierarchies = Hierarchies::from_mountinfo(&mountinfo);
    let own = read::kernel_text(Path::new("/proc/self/cgroup"))?.unwrap_or_default();
    Ok(Groups::find(&hierarchies, own.as_bytes(), name))
}

/// Makes the directory `name`, this user's alone, in the first of `bases` that lets it.
fn make_private(bases: &[PathBuf], name: &str) -> io::Result<PathBuf> {
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for base in bases {
        let dir = base.join(name);
        match fs::DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) => {
                failed = io::Error::new(error.kind(), format!("create {}: {error}", dir.display()));
            }
        }
    }
    Err(failed)
}

/// Reads the one line that a process says.
fn hear(process: &mut std::process::Child, limit: Duration) -> io::Result<String> {
    let Some(mut stdout) = process.stdout.take() else {
        return Ok(String::new());
    };
    let start = Instant::now();
    let mut text = Vec::new();
    while !text.contains(&b'\n') {
        let left = limit.saturating_sub(start.elapsed());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&stdout, PollFlags::IN)];
        if poll(&mut fds, Some(&timeout))? == 0 {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        let mut block = [0; 256];
        match io::Read::read(&mut stdout, &mut block)? {
            0 => break,
            count => text.extend(block.iter().take(count)),
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}
