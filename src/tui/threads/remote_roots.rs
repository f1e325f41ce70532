//! State roots whose file systems may never answer: each has a thread of its own, which asks by a
//! child process before it looks itself; what it saw last is shown with how long it has not answered.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use crate::config::StateRoot;
use crate::inventory::{RootState, RootView, Sampler, Snapshot, Watch};
use crate::look::probe::Probe;
use crate::tui::host::JobHost;

use super::mailbox::{Mailbox, spawn};

/// A root that is this late is said not to answer.
const LATE: Duration = Duration::from_secs(3);
/// A root gets at least this long to answer.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);

/// One root and the thread that looks at it.
struct RemoteRoot {
    root: StateRoot,
    answers: Receiver<Snapshot>,
    watches: Sender<Watch>,
    latest: Option<Snapshot>,
    answered: Instant,
}

/// All of them.
pub(super) struct RemoteRoots {
    mailbox: Mailbox,
    host: JobHost,
    /// From when the time of histories is counted.
    begun: Instant,
    roots: HashMap<Arc<Path>, RemoteRoot>,
    watch: Watch,
}

impl RemoteRoots {
    pub(super) fn new(mailbox: &Mailbox, host: JobHost, begun: Instant) -> Self {
        Self {
            mailbox: mailbox.clone(),
            host,
            begun,
            roots: HashMap::new(),
            watch: Watch::default(),
        }
    }

    /// Looks at these roots from now on. A thread that does not come back is left behind.
    pub(super) fn settle(&mut self, wanted: &[StateRoot], interval: Duration) {
        self.roots
            .retain(|path, _| wanted.iter().any(|root| root.path == *path));
        for root in wanted {
            if !self.roots.contains_key(&root.path)
                && let Some(apart) = self.begin(root, interval)
            {
                self.roots.insert(Arc::clone(&root.path), apart);
            }
        }
    }

    fn begin(&self, root: &StateRoot, interval: Duration) -> Option<RemoteRoot> {
        let (answer, answers) = mpsc::channel();
        let (watches, orders) = mpsc::channel();
        let mut sampler = self.host.sampler_of(root.clone(), self.begun).ok()?;
        sampler.watch(self.watch.clone());
        let mut probe = Probe::new(root.path.to_path_buf());
        let body = move |_: &Mailbox| look(&mut sampler, &mut probe, &answer, &orders, interval);
        spawn("apart", &self.mailbox, body).ok()?;
        Some(RemoteRoot {
            root: root.clone(),
            answers,
            watches,
            latest: None,
            answered: Instant::now(),
        })
    }

    /// Looks closely at these.
    pub(super) fn watch(&mut self, watch: &Watch) {
        self.watch.clone_from(watch);
        for apart in self.roots.values() {
            // A thread that is gone has nothing to look at.
            apart.watches.send(watch.clone()).ok();
        }
    }

    /// Adds what they saw last. A row whose root does not answer says for how long.
    pub(super) fn add_to(&mut self, snapshot: &mut Snapshot, interval: Duration) {
        for apart in self.roots.values_mut() {
            if let Some(newest) = apart.answers.try_iter().last() {
                (apart.latest, apart.answered) = (Some(newest), Instant::now());
            }
            let silent = apart.answered.elapsed();
            let silent = (silent > LATE + interval).then_some(silent);
            if let Some(latest) = &apart.latest {
                let mut latest = latest.clone();
                if let Some(silent) = silent {
                    for container in &mut latest.containers {
                        Arc::make_mut(container).silent = Some(silent);
                    }
                    for root in &mut latest.roots {
                        root.state = RootState::Failed(words(silent));
                    }
                }
                snapshot.append(latest);
            } else {
                snapshot.roots.push(RootView {
                    path: Arc::clone(&apart.root.path),
                    origin: apart.root.origin,
                    state: RootState::Failed(words(apart.answered.elapsed())),
                });
            }
        }
    }
}

fn words(silent: Duration) -> String {
    format!("not answering for {} s", silent.as_secs())
}

/// Looks again and again, until nobody wants to know any more; while the root does not answer, only
/// whether it does.
fn look(
    sampler: &mut Sampler,
    probe: &mut Probe,
    answer: &Sender<Snapshot>,
    orders: &Receiver<Watch>,
    interval: Duration,
) {
    loop {
        match probe.answers(interval.max(LEAST_PATIENCE)) {
            Ok(true) => {
                if answer.send(sampler.pass()).is_err() {
                    return;
                }
                sampler.wait(interval);
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!("ask a state root: {error}");
                sampler.wait(interval);
            }
        }
        loop {
            match orders.try_recv() {
                Ok(watch) => sampler.watch(watch),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }
}
