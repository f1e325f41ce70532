//! The sampler's thread: looks at the host at its interval and whenever something happens there, and
//! sends what it saw.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use crate::inventory::sampler::{Alarm, Woken};
use crate::inventory::{Sampler, Snapshot, Watch};
use crate::tui::event::EventKind;
use crate::tui::host::JobHost;

use super::mailbox::{Mailbox, panic_if_asked, spawn};
use super::remote_roots::RemoteRoots;

/// Changes that come thick and fast are shown together: at least this long after the last, and
/// longer by so much for each container that the screen has to sort.
const TOGETHER: Duration = Duration::from_millis(20);
const TOGETHER_EACH: Duration = Duration::from_micros(10);
/// The first rates need two passes; nobody should wait a long interval for them.
const FIRST_RATES: Duration = Duration::from_millis(500);

/// What the sampler can be told.
enum SamplerRequest {
    Now,
    Interval(Duration),
    Watch(Watch),
}

/// Tells the sampler what to do.
pub(super) struct SamplerHandle {
    sender: Sender<SamplerRequest>,
    alarm: Alarm,
}

impl SamplerHandle {
    /// To look at everything now. False if the thread is gone.
    pub(super) fn now(&self) -> bool {
        self.send(SamplerRequest::Now)
    }

    /// To look this often.
    pub(super) fn interval(&self, interval: Duration) -> bool {
        self.send(SamplerRequest::Interval(interval))
    }

    /// To look closely at these.
    pub(super) fn watch(&self, watch: Watch) -> bool {
        self.send(SamplerRequest::Watch(watch))
    }

    fn send(&self, order: SamplerRequest) -> bool {
        let sent = self.sender.send(order).is_ok();
        self.alarm.ring();
        sent
    }
}

/// Starts the sampler.
pub(super) fn start(
    mailbox: &Mailbox,
    host: JobHost,
    interval: Duration,
) -> io::Result<SamplerHandle> {
    let (sender, orders) = mpsc::channel();
    let sampler = host.sampler()?;
    let alarm = sampler.alarm();
    spawn("sampler", mailbox, move |mailbox| {
        if let Some(first) = host.first_look()
            && !mailbox.send(EventKind::Snapshot(Arc::new(first)))
        {
            return;
        }
        let mut sampler = SamplerThread {
            mailbox,
            apart: RemoteRoots::new(mailbox, host, sampler.begun()),
            sampler,
            orders: &orders,
            interval,
            together: Duration::ZERO,
        };
        sampler.run();
    })?;
    Ok(SamplerHandle { sender, alarm })
}

struct SamplerThread<'a> {
    mailbox: &'a Mailbox,
    /// Roots that may never answer.
    apart: RemoteRoots,
    sampler: Sampler,
    orders: &'a Receiver<SamplerRequest>,
    interval: Duration,
    /// How long changes are gathered before they are shown.
    together: Duration,
}

/// What to do after orders were taken.
enum Then {
    Pass,
    Wait,
    End,
}

impl SamplerThread<'_> {
    fn run(&mut self) {
        for passes in 0_u64.. {
            let began = Instant::now();
            panic_if_asked("sampler", passes == 1);
            let snapshot = self.sampler.pass();
            if !self.show(snapshot) {
                return;
            }
            let pause = if passes == 0 {
                self.interval.min(FIRST_RATES)
            } else {
                self.interval
            };
            if !self.attend(began, pause) {
                return;
            }
        }
    }

    fn show(&mut self, mut snapshot: Snapshot) -> bool {
        self.apart.settle(self.sampler.apart(), self.interval);
        self.apart.add_to(&mut snapshot, self.interval);
        let rows = u32::try_from(snapshot.containers.len()).unwrap_or(u32::MAX);
        self.together = TOGETHER + TOGETHER_EACH.saturating_mul(rows);
        self.mailbox.send(EventKind::Snapshot(Arc::new(snapshot)))
    }

    /// Attends to orders and changes until the next pass is due; false when nobody is left.
    fn attend(&mut self, began: Instant, pause: Duration) -> bool {
        let mut pause = pause;
        let mut shown = Instant::now();
        let mut changed = false;
        loop {
            let due = began + pause;
            let until = if changed {
                due.min(shown + self.together)
            } else {
                due
            };
            match self
                .sampler
                .wait(until.saturating_duration_since(Instant::now()))
            {
                Woken::Time => {}
                Woken::Change => changed = true,
                Woken::Alarm => match self.take_orders(&mut pause) {
                    Then::Pass => return true,
                    Then::Wait => {}
                    Then::End => return false,
                },
            }
            let now = Instant::now();
            if now >= began + pause {
                return true;
            }
            if changed && now >= shown + self.together {
                changed = false;
                if let Some(snapshot) = self.sampler.update() {
                    shown = now;
                    if !self.show(snapshot) {
                        return false;
                    }
                }
            }
        }
    }

    fn take_orders(&mut self, pause: &mut Duration) -> Then {
        let mut then = Then::Wait;
        let mut watch = None;
        loop {
            match self.orders.try_recv() {
                Ok(SamplerRequest::Now) => then = Then::Pass,
                Ok(SamplerRequest::Interval(interval)) => {
                    (self.interval, *pause) = (interval, interval);
                }
                Ok(SamplerRequest::Watch(wanted)) => watch = Some(wanted),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Then::End,
            }
        }
        if let Some(watch) = watch {
            self.apart.watch(&watch);
            self.sampler.watch(watch);
            let again = self.sampler.again();
            if !self.show(again) {
                return Then::End;
            }
        }
        then
    }
}
