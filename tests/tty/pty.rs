//! A pty with the binary in it. Waits are for conditions, under a deadline; a failure shows the
//! screen.

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use tempfile::TempDir;

/// Long enough for a debug build on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// The deadline on a machine that is `OCITOP_TEST_PATIENCE` times slower.
fn deadline() -> Duration {
    let factor = std::env::var("OCITOP_TEST_PATIENCE").ok();
    DEADLINE * factor.and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

/// The program under test: what cargo built, or `OCITOP_BIN` where that was carried elsewhere.
pub(crate) fn program() -> std::ffi::OsString {
    let carried = std::env::var_os("OCITOP_BIN");
    carried.unwrap_or_else(|| env!("CARGO_BIN_EXE_ocitop").into())
}
/// How often a condition without output of its own is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// A machine with state roots and an environment of its own.
pub(crate) struct Setup {
    dir: TempDir,
    env: Vec<(String, String)>,
    /// A state root of the real machine, seen instead.
    real: Option<std::path::PathBuf>,
    /// Other state roots.
    more: Vec<std::path::PathBuf>,
    /// What starts it, if not the terminal itself.
    by: Vec<String>,
    /// Its arguments, if not those roots.
    args: Option<Vec<String>>,
    /// Columns and rows of the terminal.
    size: (u16, u16),
}

impl Default for Setup {
    fn default() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["root", "cgroup", "state"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("cgroup/cgroup.controllers"), "").unwrap();
        let env = [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")];
        let env = env
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        Self {
            dir,
            env,
            real: None,
            more: Vec::new(),
            by: Vec::new(),
            args: None,
            size: (80, 24),
        }
    }
}

impl Setup {
    pub(crate) fn with(name: &str, value: &str) -> Self {
        let mut setup = Self::default();
        setup.env.push((name.to_owned(), value.to_owned()));
        setup
    }

    /// The real machine, with this state root.
    pub(crate) fn real(root: std::path::PathBuf) -> Self {
        Self {
            real: Some(root),
            ..Self::default()
        }
    }

    /// With these arguments alone.
    pub(crate) fn running(args: &[&str]) -> Self {
        Self {
            args: Some(args.iter().map(|&arg| arg.to_owned()).collect()),
            ..Self::default()
        }
    }

    /// One more state root.
    pub(crate) fn and_root(mut self, root: &std::path::Path) -> Self {
        self.more.push(root.to_owned());
        self
    }

    /// Started by these words with the command behind them.
    pub(crate) fn by(mut self, words: &[&str]) -> Self {
        self.by = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// In a terminal of this size.
    pub(crate) fn sized(mut self, cols: u16, rows: u16) -> Self {
        self.size = (cols, rows);
        self
    }

    /// A container whose state file is empty.
    pub(crate) fn container(self, name: &str) -> Self {
        let dir = self.dir.path().join("root").join(name);
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("state.json"), "").unwrap();
        self
    }

    /// The same, with this in a file of its state directory.
    pub(crate) fn saying(self, name: &str, file: &str, content: &str) -> Self {
        let dir = self.dir.path().join("root").join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(file), content).unwrap();
        self
    }

    fn command(&self) -> CommandBuilder {
        let mut words: Vec<_> = self.by.iter().map(Into::into).collect();
        words.push(program());
        let mut command = CommandBuilder::from_argv(words);
        let path = |name| self.dir.path().join(name);
        if let Some(args) = &self.args {
            command.args(args);
        } else {
            self.roots(&mut command);
        }
        command.cwd(self.dir.path());
        command.env_remove("NO_COLOR");
        command.env("RUST_BACKTRACE", "0");
        command.env("XDG_STATE_HOME", path("state"));
        command.env("HOME", self.dir.path());
        for (name, value) in &self.env {
            command.env(name, value);
        }
        command
    }

    fn roots(&self, command: &mut CommandBuilder) {
        let path = |name| self.dir.path().join(name);
        command.arg("--root");
        if let Some(root) = &self.real {
            command.arg(root);
        } else {
            command.arg(path("root"));
            command.arg("--stand-in");
            command.arg("--cgroup-root");
            command.arg(path("cgroup"));
        }
        for root in &self.more {
            command.arg("--root");
            command.arg(root);
        }
    }
}

pub(crate) struct Pty {
    master: Box<dyn MasterPty + Send>,
    // Kept open, so that the terminal's modes can still be read when the program is gone.
    _slave: Box<dyn SlavePty + Send>,
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn std::io::Write + Send>,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    sent: Vec<u8>,
    modes: String,
    // Its directories live as long as the program.
    setup: Setup,
}

impl Pty {
    pub(crate) fn start(setup: Setup) -> Self {
        let (cols, rows) = setup.size;
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let modes = modes(&*pair.master);
        let child = pair.slave.spawn_command(setup.command()).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            writer: pair.master.take_writer().unwrap(),
            master: pair.master,
            _slave: pair.slave,
            child,
            output,
            parser: vt100::Parser::new(cells(rows), cells(cols), 0),
            sent: Vec::new(),
            modes,
            setup,
        }
    }

    /// What it saved under a name that begins so.
    pub(crate) fn saved(&self, start: &str) -> String {
        let entries = std::fs::read_dir(self.setup.dir.path()).unwrap().flatten();
        let named = |entry: &std::fs::DirEntry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with(start)
        };
        let texts = entries.filter(named).map(|entry| entry.path());
        texts
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.process_id().unwrap()).unwrap())
    }

    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Everything that was sent to the terminal.
    pub(crate) fn sent(&self) -> &[u8] {
        &self.sent
    }

    /// Forgets what was sent so far; gives back how many bytes that were.
    pub(crate) fn forget(&mut self) -> usize {
        std::mem::take(&mut self.sent).len()
    }

    /// Whether the program has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Takes in what is sent within `wait`, or what is there once something is.
    pub(crate) fn take(&mut self, wait: Duration) {
        let first = self.output.recv_timeout(wait);
        for bytes in first.into_iter().chain(self.output.try_iter()) {
            self.parser.process(&bytes);
            self.sent.extend(bytes);
        }
    }

    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let start = Instant::now();
        while !holds(self.screen()) {
            let screen = self.screen().contents();
            assert!(
                start.elapsed() < deadline(),
                "not so: {what}. The screen:\n{screen}"
            );
            self.take(GLANCE);
        }
    }

    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Presses a key again and again, until a dialog that drops keys typed ahead takes it.
    #[track_caller]
    pub(crate) fn confirm(&mut self, key: &str, then: &str) {
        let buttons = ["Force delete", "Delete"].map(|word| format!("[ {key} {word}"));
        self.until("it asks", |screen| {
            let contents = screen.contents();
            buttons.iter().any(|button| contents.contains(button))
        });
        let start = Instant::now();
        let open = |pty: &Self| pty.screen().contents().contains("Cancel ]");
        let mut again = false;
        while open(self) {
            let screen = self.screen().contents();
            assert!(
                start.elapsed() < deadline(),
                "{key} is not taken:\n{screen}"
            );
            self.press(key);
            let pressed = Instant::now();
            // On a slow machine the first one is taken late, and the next is another key by then.
            while open(self) && pressed.elapsed() < deadline() / 20 {
                self.take(GLANCE);
            }
            again |= open(self);
        }
        self.sees(then);
        if again {
            // It may have opened a menu, which would take the keys that follow. Escape and a key that
            // follows at once are one key to a terminal.
            self.press("\x1b");
            self.take(deadline() / 20);
            self.until("no menu is open", |screen| {
                !screen.contents().contains("[ copy ]")
            });
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub(crate) fn resize(&mut self, cols: u16, rows: u16) {
        self.master
            .resize(PtySize {
                rows,
                cols,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        self.parser.screen_mut().set_size(cells(rows), cells(cols));
    }

    /// Waits until the program is stopped by a signal.
    #[track_caller]
    pub(crate) fn stops(&mut self) {
        let start = Instant::now();
        let path = format!("/proc/{}/stat", self.pid());
        loop {
            let fields = std::fs::read_to_string(&path).unwrap();
            if fields
                .rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('T'))
            {
                return;
            }
            assert!(start.elapsed() < deadline(), "it does not stop: {fields}");
            self.take(GLANCE);
        }
    }

    /// Waits for the program's end; gives back its exit code (1 if a signal ended it).
    #[track_caller]
    pub(crate) fn ends(&mut self) -> u32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.take(GLANCE);
                return status.exit_code();
            }
            let screen = self.screen().contents();
            assert!(start.elapsed() < deadline(), "it does not end:\n{screen}");
            self.take(GLANCE);
        }
    }

    /// The terminal is as it was before.
    #[track_caller]
    pub(crate) fn is_restored(&self) {
        let screen = self.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "pastes are still bracketed");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert_eq!(modes(&*self.master), self.modes);
    }

    /// The colour parameters among the SGR sequences sent.
    pub(crate) fn colours(&self) -> Vec<u16> {
        let text = String::from_utf8_lossy(&self.sent).into_owned();
        let sequences = text.split("\x1b[").skip(1);
        let graphics = sequences.filter_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            let (numbers, after) = rest.split_at(end);
            after.starts_with('m').then(|| numbers.to_owned())
        });
        let numbers = graphics.flat_map(|list| {
            list.split(';')
                .filter_map(|number| number.parse().ok())
                .collect::<Vec<u16>>()
        });
        numbers
            .filter(|n| matches!(n, 30..=38 | 40..=48 | 90..=97 | 100..=107))
            .collect()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // A stopped or stuck program must not outlive a failed test.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}

fn cells(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}
