//! Every thread besides the one that draws. All have names; all tell the screen when they end in a
//! panic; none shares anything with another but a channel.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self as terminal_event, Event as Input, MouseEventKind};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use crate::config::Config;
use crate::inventory::Container;
use crate::lifecycle::{Job, StepKind, Verdict};
use crate::oci::ContainerKey;

use super::effect::Effect;
use super::event::{Event, EventKind, Moment};
use super::host::{self, Host};
use super::inspect;

/// Teardowns side by side. Each mostly waits for the kernel.
const WORKERS: usize = 4;

/// A thread that panics again and again is not started once more.
const RESTARTS: u32 = 3;

/// Whether jobs stop at the end of their present step, for the operator to leave.
static HOLD: AtomicBool = AtomicBool::new(false);

/// Panics when the tests ask for it; compiled to nothing in a release.
pub(super) fn panic_if_asked(thread: &str, now: bool) {
    let asked = cfg!(debug_assertions)
        && now
        && std::env::var("OCITOP_TEST_PANIC").is_ok_and(|name| name == thread);
    assert!(!asked, "asked to panic in {thread}");
}

/// Where threads send to.
#[derive(Clone)]
pub(super) struct Mailbox {
    sender: Sender<Event>,
    start: Instant,
}

impl Mailbox {
    pub(super) fn new(sender: Sender<Event>, start: Instant) -> Self {
        Self { sender, start }
    }

    /// Sends; `false` when the screen is gone, and with it the reason to go on.
    fn send(&self, kind: EventKind) -> bool {
        let at = Moment::now(self.start);
        self.sender.send(Event { at, kind }).is_ok()
    }

    fn say(&self, failed: bool, text: impl Into<String>) {
        // Without a screen there is nobody to tell.
        let _told: bool = self.send(EventKind::Said { failed, text: text.into() });
    }
}

/// Tells the screen when its thread ends in a panic.
struct Guard {
    name: String,
    mailbox: Mailbox,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking() {
            let _told: bool = self.mailbox.send(EventKind::ThreadLost(self.name.clone()));
        }
    }
}

fn spawn(name: &str, mailbox: &Mailbox, body: impl FnOnce(&Mailbox) + Send + 'static) -> io::Result<()> {
    let guard = Guard {
        name: name.to_owned(),
        mailbox: mailbox.clone(),
    };
    thread::Builder::new().name(name.to_owned()).spawn(move || body(&guard.mailbox))?;
    Ok(())
}

enum ScanOrder {
    Now,
    Interval(Duration),
}

struct PreviewOrder {
    ticket: u64,
    jobs: Vec<(usize, Job)>,
}

/// What may hang on a slow or dead file system, and is nobody's business but the dialog's.
enum DetailOrder {
    Inspect { ticket: u64, container: Arc<Container> },
    Save { stem: &'static str, extension: &'static str, text: String },
}

/// The channels to the threads, and what is needed to start them again.
pub(super) struct Threads {
    mailbox: Mailbox,
    host: Host,
    interval: Duration,
    scanner: Sender<ScanOrder>,
    previews: Sender<PreviewOrder>,
    details: Sender<DetailOrder>,
    workers: Vec<Worker>,
    waiting: VecDeque<Job>,
    restarts: HashMap<String, u32>,
}

struct Worker {
    jobs: Sender<Job>,
    busy_with: Option<ContainerKey>,
}

impl Threads {
    pub(super) fn start(config: &Config, mailbox: Mailbox) -> io::Result<Self> {
        HOLD.store(false, Ordering::SeqCst);
        let host = Host::new(config);
        start_signals(&mailbox)?;
        start_input(&mailbox)?;
        let scanner = start_scanner(&mailbox, host.clone(), config.interval)?;
        let previews = start_previews(&mailbox, host.clone())?;
        let details = start_details(&mailbox)?;
        let mut workers = Vec::new();
        for number in 1..=WORKERS {
            let jobs = start_worker(&mailbox, host.clone(), number)?;
            workers.push(Worker { jobs, busy_with: None });
        }
        Ok(Self {
            mailbox,
            host,
            interval: config.interval,
            scanner,
            previews,
            details,
            workers,
            waiting: VecDeque::new(),
            restarts: HashMap::new(),
        })
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
            Effect::Rescan => self.scanner.send(ScanOrder::Now).is_ok(),
            Effect::Interval(interval) => {
                self.interval = interval;
                self.scanner.send(ScanOrder::Interval(interval)).is_ok()
            }
            Effect::Preview { ticket, jobs } => {
                self.previews.send(PreviewOrder { ticket, jobs }).is_ok()
            }
            Effect::Inspect { ticket, container } => {
                self.details.send(DetailOrder::Inspect { ticket, container }).is_ok()
            }
            Effect::Save { stem, extension, text } => {
                self.details.send(DetailOrder::Save { stem, extension, text }).is_ok()
            }
            // The loop deals with these.
            Effect::Quit | Effect::Copy(_) | Effect::Mouse(_) | Effect::Suspend | Effect::Reenter => true,
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
                        Err(error) => format!("start thread {name}: {}", crate::text::chain(&error)),
                    }
                };
                self.say(true, &text);
            }
            _ => {}
        }
    }

    fn hand_out(&mut self) {
        for worker in self.workers.iter_mut().filter(|worker| worker.busy_with.is_none()) {
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
            "input" => start_input(mailbox)?,
            "signals" => start_signals(mailbox)?,
            "scanner" => self.scanner = start_scanner(mailbox, host, self.interval)?,
            "preview" => self.previews = start_previews(mailbox, host)?,
            "detail" => self.details = start_details(mailbox)?,
            _ => {
                for (number, worker) in (1..).zip(&mut self.workers) {
                    if worker_name(number) == name {
                        worker.jobs = start_worker(mailbox, host.clone(), number)?;
                    }
                }
                self.hand_out();
            }
        }
        Ok(())
    }
}

fn start_signals(mailbox: &Mailbox) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGQUIT, SIGINT, SIGTSTP, SIGCONT])?;
    spawn("signals", mailbox, move |mailbox| {
        for signal in signals.forever() {
            let kind = match signal {
                SIGTERM => EventKind::Terminate("SIGTERM"),
                SIGHUP => EventKind::Terminate("SIGHUP"),
                SIGQUIT => EventKind::Terminate("SIGQUIT"),
                SIGINT => EventKind::Terminate("SIGINT"),
                SIGTSTP => EventKind::Suspend,
                _ => EventKind::Continued,
            };
            if !mailbox.send(kind) {
                return;
            }
        }
    })
}

fn start_input(mailbox: &Mailbox) -> io::Result<()> {
    spawn("input", mailbox, |mailbox| {
        loop {
            let kind = match terminal_event::read() {
                // Nothing reacts to it, and every one would draw the screen again.
                Ok(Input::Mouse(mouse)) if mouse.kind == MouseEventKind::Moved => continue,
                Ok(input) => EventKind::Input(input),
                Err(error) => {
                    tracing::error!("read from the terminal: {error}");
                    EventKind::Terminate("end of input")
                }
            };
            let over = matches!(kind, EventKind::Terminate(_));
            if !mailbox.send(kind) || over {
                return;
            }
        }
    })
}

fn start_scanner(mailbox: &Mailbox, host: Host, interval: Duration) -> io::Result<Sender<ScanOrder>> {
    let (sender, orders) = mpsc::channel();
    spawn("scanner", mailbox, move |mailbox| scan_loop(mailbox, &host, &orders, interval))?;
    Ok(sender)
}

/// Scans every `interval`. A scan that takes longer skips ticks: they are counted from its end on.
fn scan_loop(mailbox: &Mailbox, host: &Host, orders: &Receiver<ScanOrder>, mut interval: Duration) {
    let mut scanner = host.scanner();
    for scans in 0_u64.. {
        let began = Instant::now();
        panic_if_asked("scanner", scans == 1);
        if !mailbox.send(EventKind::Snapshot(host::scan(&mut scanner))) {
            return;
        }
        // The first rates need two scans; nobody should wait a long interval for them.
        let pause = if scans == 0 { interval.min(Duration::from_millis(500)) } else { interval };
        match orders.recv_timeout(pause.saturating_sub(began.elapsed())) {
            Ok(order) => {
                // Orders that came meanwhile are all served by the one scan that follows.
                for order in std::iter::once(order).chain(orders.try_iter()) {
                    if let ScanOrder::Interval(wanted) = order {
                        interval = wanted;
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn start_previews(mailbox: &Mailbox, host: Host) -> io::Result<Sender<PreviewOrder>> {
    let (sender, orders) = mpsc::channel::<PreviewOrder>();
    spawn("preview", mailbox, move |mailbox| {
        while let Ok(mut order) = orders.recv() {
            // Only the newest dialog can still be open.
            for newer in orders.try_iter() {
                order = newer;
            }
            for (index, job) in order.jobs {
                let preview = host.preview(&job);
                let ticket = order.ticket;
                if !mailbox.send(EventKind::Preview { ticket, index, preview }) {
                    return;
                }
            }
        }
    })?;
    Ok(sender)
}

fn start_details(mailbox: &Mailbox) -> io::Result<Sender<DetailOrder>> {
    let (sender, orders) = mpsc::channel::<DetailOrder>();
    spawn("detail", mailbox, move |mailbox| {
        while let Ok(order) = orders.recv() {
            let kind = match order {
                DetailOrder::Inspect { ticket, container } => EventKind::Inspected {
                    ticket,
                    lines: inspect::lines(&container),
                },
                DetailOrder::Save { stem, extension, text } => {
                    let (failed, text) = match save(stem, extension, &text) {
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

/// Writes a new file that only its owner can read: in the current directory, or where that cannot
/// be written, in the user's state directory.
fn save(stem: &str, extension: &str, text: &str) -> io::Result<PathBuf> {
    let stamp = jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S%.3f").to_string();
    let name = format!("ocitop-{stem}-{stamp}.{extension}");
    let here = std::env::current_dir().map(|dir| dir.join(&name));
    let first = here.and_then(|path| write_new(&path, text).map(|()| path));
    let Err(error) = first else {
        return first;
    };
    let Some(dir) = state_dir() else {
        return Err(error);
    };
    std::fs::create_dir_all(&dir)?;
    let path = dir.join(&name);
    write_new(&path, text).map(|()| path)
}

fn state_dir() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    base.map(|base| base.join("ocitop"))
}

fn write_new(path: &std::path::Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    // `create_new` follows no symlink: a name laid out in advance in /tmp is an error.
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn worker_name(number: usize) -> String {
    format!("engine-{number}")
}

/// Tells the screen that a job is over, whichever way: a panic must not leave its row locked.
struct JobGuard<'a> {
    mailbox: &'a Mailbox,
    key: ContainerKey,
    verdict: Option<Verdict>,
}

impl Drop for JobGuard<'_> {
    fn drop(&mut self) {
        let panicked = || Verdict::Failed("ocitop itself failed; do it again to continue".to_owned());
        let key = self.key.clone();
        let verdict = self.verdict.take().unwrap_or_else(panicked);
        let _told: bool = self.mailbox.send(EventKind::JobDone { key, verdict });
    }
}

fn start_worker(mailbox: &Mailbox, host: Host, number: usize) -> io::Result<Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    spawn(&worker_name(number), mailbox, move |mailbox| {
        while let Ok(job) = jobs.recv() {
            let mut guard = JobGuard {
                mailbox,
                key: job.target().key.clone(),
                verdict: None,
            };
            panic_if_asked("worker", true);
            let verdict = host.run(&job, &mut |event| {
                let step_over = matches!(event.kind, StepKind::Ended { .. });
                log(&event);
                let _told: bool = mailbox.send(EventKind::Step(event));
                while step_over && HOLD.load(Ordering::SeqCst) {
                    // The operator is leaving: the next step must not begin.
                    thread::park();
                }
            });
            guard.verdict = Some(verdict);
        }
    })?;
    Ok(sender)
}

/// The log file has every step.
fn log(event: &crate::lifecycle::StepEvent) {
    let container = event.key.label();
    match &event.kind {
        StepKind::Ended { number, step, outcome, took } => tracing::info!(
            container, number, step = step.word(), outcome = outcome.word(), took = ?took,
            "{}", outcome.detail()
        ),
        StepKind::Finished { verdict } => tracing::info!(container, "{}", verdict.words()),
        StepKind::Planned { plan } => tracing::info!(container, steps = plan.0.len(), "planned"),
        StepKind::Started { .. } | StepKind::Waiting { .. } => {}
    }
}
