//! The terminal: taken, given back on every way out, and written to.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Stdout, Write as _, stdin, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};
use ratatui::layout::{Rect, Size};
use signal_hook::consts::SIGTSTP;

use super::model::Model;

/// Whether the terminal is ocitop's at the moment. Set by the drawing thread alone; read by the
/// panic hook, which may run in any.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the terminal has not been given back yet.
pub(super) fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

thread_local! {
    static DRAWS: Cell<bool> = const { Cell::new(false) };
}

/// Longest text put on the clipboard: some terminals drop what is longer, some choke on it.
const COPY_MAX: usize = 64 * 1024;

/// Says why there can be no screen, if so.
pub(super) fn check() -> io::Result<()> {
    let refuse = |why: &str| {
        let text = format!("{why}; \"ocitop list\" prints the containers");
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    };
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return refuse("the screen needs a terminal on standard input and output");
    }
    match std::env::var("TERM").as_deref() {
        Ok("dumb") => refuse("TERM=dumb cannot show the screen"),
        Ok("") | Err(_) => refuse("TERM is not set, so the terminal cannot be known"),
        Ok(_) => Ok(()),
    }
}

/// The terminal while it shows the screen. Dropping it gives the terminal back.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> io::Result<Self> {
        install_hook();
        DRAWS.set(true);
        take(true)?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()));
        if terminal.is_err() {
            restore();
        }
        Ok(Self {
            terminal: terminal?,
            mouse: true,
        })
    }

    pub(super) fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    pub(super) fn draw(&mut self, model: &Model) -> io::Result<()> {
        self.terminal.draw(|frame| super::draw(frame, model))?;
        Ok(())
    }

    /// Gives the terminal back and stops the process; returns when it goes on (fg).
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        restore();
        signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
        self.reenter()
    }

    /// Takes the terminal again, whatever it shows, and draws from scratch.
    pub(super) fn reenter(&mut self) -> io::Result<()> {
        take(self.mouse)?;
        // Not `clear`: that asks the terminal for its cursor, and the input thread has the answer.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from(size))
    }

    /// Takes the mouse, or leaves it to the terminal for selecting text.
    pub(super) fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on {
            execute!(stdout(), EnableMouseCapture)
        } else {
            execute!(stdout(), DisableMouseCapture)
        }
    }

    /// Puts text on the terminal's clipboard (OSC 52), which works over ssh as well.
    pub(super) fn copy(text: &str) -> io::Result<()> {
        let bytes = text.as_bytes();
        let encoded = base64::engine::general_purpose::STANDARD
            .encode(bytes.get(..COPY_MAX).unwrap_or(bytes));
        let mut out = stdout();
        out.write_all(format!("\x1b]52;c;{encoded}\x07").as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
        DRAWS.set(false);
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = stdout();
    // Pastes are told from keys: a paste into the list would otherwise act on the host.
    queue!(out, EnterAlternateScreen, EnableBracketedPaste)?;
    if mouse {
        queue!(out, EnableMouseCapture)?;
    }
    out.flush()
}

/// Gives the terminal back as it was. Errors are of no use here: it may be gone.
fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let written = execute!(
        stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    drop(written);
    drop(disable_raw_mode());
}

/// A panic of the drawing thread ends ocitop: the terminal is given back first, so that the message
/// can be read. A panic of another thread must not write over the screen: it goes to the log file,
/// and the thread's guard tells the screen.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let draws = DRAWS.try_with(Cell::get).unwrap_or(false);
            if draws || !TAKEN.load(Ordering::SeqCst) {
                restore();
                before(info);
            } else {
                let thread = std::thread::current();
                tracing::error!(thread = thread.name(), "panic: {info}");
            }
        }));
    });
}
