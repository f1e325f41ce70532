//! The screen: `update(&mut Model, Event) -> Vec<Effect>` and `draw(&mut Frame, &Model)`, one inbox,
//! one thread that draws. Nothing that may block is done on that thread: reading and changing the
//! machine is other threads' work, and what they send is shown when it comes.

mod action;
mod axes;
mod deeds;
mod effect;
mod event;
mod export;
mod filter;
mod history;
mod host;
mod inspect;
mod keymap;
mod leftovers;
mod log_pane;
pub(crate) mod measure;
mod modal;
mod model;
mod place;
mod processes;
mod rdt;
mod selection;
mod standing;
mod table;
mod terminal;
mod theme;
mod threads;
mod update;
mod view;

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

pub use effect::{Content, Effect};
pub use event::{Event, EventKind, Moment};
pub use keymap::markdown_table;
pub use model::Model;
pub use theme::TerminalLook;
pub use update::update;
pub use view::draw;

use crate::config::Config;
use terminal::Screen;
use threads::{Mailbox, Threads};

/// Without anything else the screen is drawn this often: the clock goes on, and what is shown
/// turning old is said.
const TICK: Duration = Duration::from_secs(1);

/// Most events that are taken in before the screen is drawn again: a flood must not starve it.
const BATCH: usize = 512;

/// Whether there is a terminal that could show the screen; says why not.
pub fn check() -> io::Result<()> {
    terminal::check()
}

/// Shows the screen until the operator leaves. Fails at once where there is no terminal that could
/// show it.
pub fn run(config: &Config) -> io::Result<()> {
    run_with(config, None, Vec::new())
}

/// As [`run`], with a word for what is shown when it is not the host, and lines for the log.
pub fn run_with(config: &Config, title: Option<String>, notice: Vec<String>) -> io::Result<()> {
    terminal::check()?;
    let start = Instant::now();
    let (sender, inbox) = mpsc::channel();
    let mailbox = Mailbox::new(sender, start);
    let mut screen = Screen::enter()?;
    let zone = jiff::tz::TimeZone::system();
    let look = TerminalLook::of_terminal(config.color);
    let mut model = Model::new(config, look, zone, screen.size()?);
    model.greet(Moment::now(start), title, notice);
    let cannot = |error| io::Error::other(format!("the screen cannot start: {error}"));
    let mut threads = Threads::start(config, mailbox).map_err(cannot)?;
    show(&mut model, &mut screen, &mut threads, &inbox, start)
}

/// Takes events in and draws, until leaving is asked for.
fn show(
    model: &mut Model,
    screen: &mut Screen,
    threads: &mut Threads,
    inbox: &Receiver<Event>,
    start: Instant,
) -> io::Result<()> {
    loop {
        screen.draw(model)?;
        let kind = EventKind::Drawn;
        update(
            model,
            Event {
                at: Moment::now(start),
                kind,
            },
        );
        threads.watch(model.watch());
        threads.look_at(model.process_subject());
        threads.examine(model.examined());
        threads::panic_if_asked("ui", model.selected_key().is_some());
        for event in batch(inbox, start)? {
            threads.notice(&event.kind);
            for effect in update(model, event) {
                if effect == Effect::Quit {
                    return Ok(());
                }
                perform(effect, screen, threads)?;
            }
        }
    }
}

/// Waits for an event, or for the tick, and takes what else has come by then.
fn batch(inbox: &Receiver<Event>, start: Instant) -> io::Result<Vec<Event>> {
    let first = match inbox.recv_timeout(TICK) {
        Ok(event) => event,
        Err(RecvTimeoutError::Timeout) => Event {
            at: Moment::now(start),
            kind: EventKind::Tick,
        },
        // The loop itself holds a sender, so this cannot be; going round for ever would be worse.
        Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("no thread is left")),
    };
    let mut events = vec![first];
    events.extend(inbox.try_iter().take(BATCH));
    Ok(events)
}

fn perform(effect: Effect, screen: &mut Screen, threads: &mut Threads) -> io::Result<()> {
    match effect {
        Effect::Copy(text) => {
            Screen::copy(&text)?;
            threads.say(
                false,
                "sent to the terminal's clipboard (OSC 52; not every terminal takes it)",
            );
            Ok(())
        }
        Effect::Mouse(on) => screen.mouse(on),
        Effect::Suspend => screen.suspend(),
        Effect::Reenter => screen.reenter(),
        other @ (Effect::Quit
        | Effect::HoldJobs
        | Effect::Submit(_)
        | Effect::Preview { .. }
        | Effect::Inspect { .. }
        | Effect::ReadRdt(_)
        | Effect::FindLeftovers(_)
        | Effect::Rescan
        | Effect::Interval(_)
        | Effect::Save { .. }) => {
            threads.perform(other);
            Ok(())
        }
    }
}
