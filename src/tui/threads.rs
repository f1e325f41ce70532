//! Every thread besides the one that draws. All have names; all tell the screen when they end in a
//! panic; none shares anything with another but a channel.

mod diagnosis;
mod engine;
mod files;
mod input;
mod leftovers;
mod mailbox;
mod processes;
mod rdt;
mod remote_roots;
mod sampler;
mod signals;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use crate::config::Config;
use crate::inventory::processes::ProcessSubject;
use crate::inventory::{Container, Watch};
use crate::lifecycle::Job;
use crate::oci::ContainerKey;
use crate::text::secrets::Masking;

use super::effect::{Content, Effect};
use super::event::EventKind;
use super::host::JobHost;
use super::inspect;
use super::modal;
use engine::{HOLD, worker_name};
use mailbox::spawn;
pub(super) use mailbox::{Mailbox, panic_if_asked};

/// Teardowns side by side. Each mostly waits for the kernel.
const WORKERS: usize = 4;

/// A thread that panics again and again is not started once more.
const RESTARTS: u32 = 3;

struct PreviewOrder {
    ticket: u64,
    jobs: Vec<(usize, Job)>,
}

/// What may hang on a slow or dead file system, and is nobody's business but the dialog's.
enum DetailOrder {
    Inspect {
        ticket: u64,
        container: Arc<Container>,
        masking: Masking,
    },
    Save {
        stem: &'static str,
        extension: &'static str,
        content: Content,
    },
}

/// The channels to the threads, and what is needed to start them again.
pub(super) struct Threads {
    mailbox: Mailbox,
    host: JobHost,
    interval: Duration,
    sampler: sampler::SamplerHandle,
    rdt: Sender<rdt::RdtRequest>,
    leftovers: Sender<leftovers::LeftoversRequest>,
    previews: Sender<PreviewOrder>,
    details: Sender<DetailOrder>,
    processes: Sender<processes::ProcessesRequest>,
    looked_at: processes::ProcessesRequest,
    diagnosis: Sender<diagnosis::DiagnosisRequest>,
    examined: diagnosis::DiagnosisRequest,
    workers: Vec<EngineWorker>,
    waiting: VecDeque<Job>,
    restarts: HashMap<String, u32>,
    watched: Watch,
}

struct EngineWorker {
    jobs: Sender<Job>,
    busy_with: Option<ContainerKey>,
}

impl Threads {
    pub(super) fn start(config: &Config, mailbox: Mailbox) -> io::Result<Self> {
        HOLD.store(false, Ordering::SeqCst);
        let host = JobHost::new(config);
        signals::start(&mailbox)?;
        input::start(&mailbox)?;
        let sampler = sampler::start(&mailbox, host.clone(), config.interval)?;
        let rdt = rdt::start(&mailbox, host.clone())?;
        let leftovers = leftovers::start(&mailbox, host.clone())?;
        let previews = start_previews(&mailbox, host.clone())?;
        let details = start_details(&mailbox)?;
        let processes = processes::start(&mailbox, host.clone())?;
        let diagnosis = diagnosis::start(&mailbox, host.clone())?;
        let mut workers = Vec::new();
        for number in 1..=WORKERS {
            let jobs = engine::start_worker(&mailbox, host.clone(), number)?;
            workers.push(EngineWorker {
                jobs,
                busy_with: None,
            });
        }
        Ok(Self {
            mailbox,
            host,
            interval: config.interval,
            sampler,
            rdt,
            leftovers,
            previews,
            details,
            processes,
            looked_at: processes::ProcessesRequest::default(),
            diagnosis,
            examined: diagnosis::DiagnosisRequest::default(),
            workers,
            waiting: VecDeque::new(),
            restarts: HashMap::new(),
            watched: Watch::default(),
        })
    }

    /// Tells the sampler what is on the screen, if that has changed.
    pub(super) fn watch(&mut self, watch: Watch) {
        if watch != self.watched && self.sampler.watch(watch.clone()) {
            self.watched = watch;
        }
    }

    /// Tells the thread for it whose processes are on the screen, if that has changed.
    pub(super) fn look_at(&mut self, subject: Option<ProcessSubject>) {
        let order = processes::ProcessesRequest {
            subject,
            interval: self.interval,
        };
        if order != self.looked_at && self.processes.send(order.clone()).is_ok() {
            self.looked_at = order;
        }
    }

    /// Tells the thread for it what is to be examined, if that has changed.
    pub(super) fn examine(&mut self, subject: Option<modal::WhySubject>) {
        let order = diagnosis::DiagnosisRequest {
            what: subject.map(diagnosis::ExaminedState::from),
            interval: self.interval,
        };
        if order != self.examined && self.diagnosis.send(order.clone()).is_ok() {
            self.examined = order;
        }
    }

    pub(super) fn say(&self, failed: bool, text: &str) {
        self.mailbox.say(failed, text);
    }

    /// Does what the model asked for, or has it done.
    pub(super) fn perform(&mut self, effect: Effect) {
        let sent = match effect {
            Effect::Submit(job) => {
                self.waiting.push_back(job);
                self.hand_out();
                true
            }
            Effect::HoldJobs => {
                HOLD.store(true, Ordering::SeqCst);
                true
            }
            Effect::ReadRdt(containers) => self.rdt.send(containers).is_ok(),
            Effect::FindLeftovers(gone) => self.leftovers.send(gone).is_ok(),
            Effect::Rescan => {
                let again = self.processes.send(self.looked_at.clone());
                let examined = self.diagnosis.send(self.examined.clone());
                self.sampler.now() && again.is_ok() && examined.is_ok()
            }
            Effect::Interval(interval) => {
                self.interval = interval;
                self.sampler.interval(interval)
            }
            Effect::Preview { ticket, jobs } => {
                self.previews.send(PreviewOrder { ticket, jobs }).is_ok()
            }
            Effect::Inspect {
                ticket,
                container,
                masking,
            } => self
                .details
                .send(DetailOrder::Inspect {
                    ticket,
                    container,
                    masking,
                })
                .is_ok(),
            Effect::Save {
                stem,
                extension,
                content,
            } => self
                .details
                .send(DetailOrder::Save {
                    stem,
                    extension,
                    content,
                })
                .is_ok(),
            // The loop deals with these.
            Effect::Quit
            | Effect::Copy(_)
            | Effect::Mouse(_)
            | Effect::Suspend
            | Effect::Reenter => true,
        };
        if !sent {
            self.say(true, "the thread for that is gone; leave and start again");
        }
    }

    /// Keeps account of the workers, and starts again what was lost.
    pub(super) fn notice(&mut self, kind: &EventKind) {
        match kind {
            EventKind::JobDone { key, .. } => {
                for worker in &mut self.workers {
                    worker.busy_with.take_if(|busy| busy == key);
                }
                self.hand_out();
            }
            EventKind::ThreadLost(name) => {
                let count = self.restarts.entry(name.clone()).or_default();
                *count += 1;
                let text = if *count > RESTARTS {
                    format!("thread {name} is not started again")
                } else {
                    match self.restart(&name.clone()) {
                        Ok(()) => format!("thread {name} was started again"),
                        Err(error) => {
                            format!("start thread {name}: {}", crate::text::chain(&error))
                        }
                    }
                };
                self.say(true, &text);
            }
            EventKind::Input(_)
            | EventKind::Snapshot(_)
            | EventKind::Rdt(_)
            | EventKind::Processes(_)
            | EventKind::Leftovers(_)
            | EventKind::Diagnosis { .. }
            | EventKind::Step(_)
            | EventKind::Preview { .. }
            | EventKind::Inspected { .. }
            | EventKind::Said { .. }
            | EventKind::Terminate(_)
            | EventKind::Suspend
            | EventKind::Continued
            | EventKind::Drawn
            | EventKind::Tick => {}
        }
    }

    fn hand_out(&mut self) {
        // The operator is leaving: what has not begun is not begun any more.
        if HOLD.load(Ordering::SeqCst) {
            return;
        }
        for worker in self
            .workers
            .iter_mut()
            .filter(|worker| worker.busy_with.is_none())
        {
            let Some(job) = self.waiting.pop_front() else {
                return;
            };
            let key = job.target().key.clone();
            match worker.jobs.send(job) {
                Ok(()) => worker.busy_with = Some(key),
                // Its thread is gone and will be started again; the job stays first.
                Err(mpsc::SendError(job)) => self.waiting.push_front(job),
            }
        }
    }

    fn restart(&mut self, name: &str) -> io::Result<()> {
        let (mailbox, host) = (&self.mailbox, self.host.clone());
        match name {
            "input" => input::start(mailbox)?,
            "signals" => signals::start(mailbox)?,
            "sampler" => {
                self.sampler = sampler::start(mailbox, host, self.interval)?;
                self.sampler.watch(self.watched.clone());
            }
            "rdt" => self.rdt = rdt::start(mailbox, host)?,
            "leftovers" => self.leftovers = leftovers::start(mailbox, host)?,
            "preview" => self.previews = start_previews(mailbox, host)?,
            "detail" => self.details = start_details(mailbox)?,
            "processes" => {
                self.processes = processes::start(mailbox, host)?;
                // It knows of nothing: the order is given again.
                self.looked_at = processes::ProcessesRequest::default();
            }
            "diagnosis" => {
                self.diagnosis = diagnosis::start(mailbox, host)?;
                self.examined = diagnosis::DiagnosisRequest::default();
            }
            _ => {
                for (number, worker) in (1..).zip(&mut self.workers) {
                    if worker_name(number) == name {
                        worker.jobs = engine::start_worker(mailbox, host.clone(), number)?;
                    }
                }
                self.hand_out();
            }
        }
        Ok(())
    }
}

fn start_previews(mailbox: &Mailbox, host: JobHost) -> io::Result<Sender<PreviewOrder>> {
    let (sender, orders) = mpsc::channel::<PreviewOrder>();
    spawn("preview", mailbox, move |mailbox| {
        let mut next = orders.recv().ok();
        while let Some(order) = next.take() {
            for (index, job) in order.jobs {
                let preview = host.preview(&job);
                let ticket = order.ticket;
                let kind = EventKind::Preview {
                    ticket,
                    index,
                    preview,
                };
                if !mailbox.send(kind) {
                    return;
                }
                // Only the newest dialog can still be open: nobody waits for the rest of this.
                next = orders.try_iter().last();
                if next.is_some() {
                    break;
                }
            }
            next = next.or_else(|| orders.recv().ok());
        }
    })?;
    Ok(sender)
}

fn start_details(mailbox: &Mailbox) -> io::Result<Sender<DetailOrder>> {
    let (sender, orders) = mpsc::channel::<DetailOrder>();
    spawn("detail", mailbox, move |mailbox| {
        while let Ok(order) = orders.recv() {
            let kind = match order {
                DetailOrder::Inspect {
                    ticket,
                    container,
                    masking,
                } => EventKind::Inspected {
                    ticket,
                    lines: inspect::lines(&container, masking),
                },
                DetailOrder::Save {
                    stem,
                    extension,
                    content,
                } => {
                    let saved = files::save(stem, extension, &content);
                    let (failed, text) = match saved {
                        Ok(path) => (false, format!("saved {}", crate::text::visible_path(&path))),
                        Err(error) => (true, format!("save: {}", crate::text::chain(&error))),
                    };
                    EventKind::Said { failed, text }
                }
            };
            if !mailbox.send(kind) {
                return;
            }
        }
    })?;
    Ok(sender)
}
