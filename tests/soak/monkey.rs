//! Keys at random, and the question after them whether the screen still answers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fastrand::Rng;
use nix::sys::signal::Signal;

use crate::pty::Pty;
use crate::rig::process_state;

/// How far its keys reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everything there is: a lab is all it can act on.
    Lab,
    /// The containers of the roots it was given. What they left is the whole host's.
    Containers,
}

/// Steps between two questions.
const QUESTION: u64 = 40;

/// Keys that are told when something goes wrong.
const REMEMBERED: usize = 60;

/// Keys that look, as a terminal sends them.
const LOOK: &[&str] = &[
    "j",
    "k",
    "j",
    "k",
    "g",
    "G",
    "\x1b[A",
    "\x1b[B",
    "\x1b[C",
    "\x1b[D",
    "\x1b[5~",
    "\x1b[6~",
    "\t",
    "\x1b[Z",
    "?",
    "\x1b",
    "\x1b",
    "/",
    "s",
    " ",
    " ",
    "\r",
    "i",
    "w",
    "l",
    "c",
    "1",
    "1",
    "1",
    "2",
    "3",
    "5",
    "6",
    "n",
    "N",
    "<",
    ">",
    "r",
    "t",
    "a",
    "!",
    "e",
    "v",
    "\x01",
    "u",
    "o",
    "z",
    "f",
    "+",
    "-",
    "\\",
    "m",
    "\x12",
    "\x1b[1;5A",
    "\x1b[1;5B",
    "y",
    "x",
    "\x13",
];

/// Keys that act, with what answers their question.
const ACT: &[&str] = &["D", "D", "K", "T", "P", "P", "S"];

/// What is looked for among all commands, and run: none that would end it.
const COMMANDS: &[&str] = &[
    "sort by",
    "mark all",
    "freeze",
    "log",
    "columns",
    "mouse",
    "tree",
    "export",
    "pause",
    "zzz",
    "look more",
];

const SIZES: &[(u16, u16)] = &[
    (120, 40),
    (80, 24),
    (40, 10),
    (200, 60),
    (20, 5),
    (1, 1),
    (100, 30),
];

pub(crate) struct Monkey {
    random: Rng,
    reach: Reach,
    steps: u64,
    pub(crate) keys: u64,
    /// The last ones, to be told when something goes wrong.
    last: VecDeque<String>,
}

impl Monkey {
    pub(crate) fn new(seed: u64, reach: Reach) -> Self {
        Self {
            random: Rng::with_seed(seed),
            reach,
            steps: 0,
            keys: 0,
            last: VecDeque::new(),
        }
    }

    fn one_of(&mut self, keys: &[&'static str]) -> &'static str {
        keys[self.random.usize(..keys.len())]
    }

    fn press(&mut self, pty: &mut Pty, key: &str) {
        self.keys += 1;
        self.last.push_back(key.to_owned());
        if self.last.len() > REMEMBERED {
            self.last.pop_front();
        }
        pty.press(key);
        let wait = self.random.u64(5..60);
        pty.take(Duration::from_millis(wait));
        pty.forget();
    }

    /// A key or a few that belong together.
    pub(crate) fn step(&mut self, pty: &mut Pty) {
        self.steps += 1;
        match self.random.u32(..100) {
            0..4 => self.act(pty),
            4..6 => self.search(pty),
            6 if self.reach == Reach::Lab => self.command(pty),
            7 if self.reach == Reach::Lab => self.clean(pty),
            8 if self.reach == Reach::Lab => self.press(pty, "\x1a"),
            9 => {
                let click = format!(
                    "\x1b[<0;{};{}M",
                    self.random.u16(1..130),
                    self.random.u16(1..45)
                );
                self.press(pty, &click);
            }
            _ => {
                let key = self.one_of(LOOK);
                self.press(pty, key);
            }
        }
        if self.steps.is_multiple_of(QUESTION) {
            self.ask(pty);
        }
    }

    /// Asks for an action, and answers in one way or another. What is asked drops keys typed ahead.
    fn act(&mut self, pty: &mut Pty) {
        // What a row's dialog asks is known where no page hides the list.
        for _ in 0..self.random.u32(..3) {
            self.press(pty, "\x1b");
        }
        let key = self.one_of(ACT);
        self.press(pty, key);
        let answer = self.one_of(&["y", "y", "y", "\r", "n", "\x1b"]);
        for _ in 0..3 {
            pty.take(Duration::from_millis(300));
            if !pty.screen().contents().contains("Cancel ]") && key != "K" {
                break;
            }
            self.press(pty, answer);
        }
        self.press(pty, "\x1b");
    }

    fn search(&mut self, pty: &mut Pty) {
        self.press(pty, "/");
        for _ in 0..self.random.u32(..6) {
            // Where nothing can be searched, it is a key as any other.
            let letter = self.random.char('!'..='~');
            if !"qDKTPSC:4".contains(letter) {
                self.press(pty, &letter.to_string());
            }
        }
        let end = self.one_of(&["\r", "\x1b"]);
        self.press(pty, end);
    }

    fn command(&mut self, pty: &mut Pty) {
        let name = self.one_of(COMMANDS);
        for key in ["\x1b", ":", name, "\r", "\x1b"] {
            self.press(pty, key);
        }
    }

    fn clean(&mut self, pty: &mut Pty) {
        for key in ["\x1b", "4", "C"] {
            self.press(pty, key);
        }
        pty.take(Duration::from_millis(300));
        let answer = self.one_of(&["y", "\x1b"]);
        self.press(pty, answer);
    }

    #[track_caller]
    fn goes_on(&self, pty: &mut Pty) {
        if pty.has_ended() {
            let (code, screen) = (pty.ends(), pty.screen().contents());
            panic!("it has ended with {code} after {:?}:\n{screen}", self.last);
        }
    }

    /// A terminal of another size is drawn anew, whatever is open and whatever goes on.
    fn ask(&mut self, pty: &mut Pty) {
        self.goes_on(pty);
        awake(pty);
        let (cols, rows) = SIZES[self.random.usize(..SIZES.len())];
        // Two, because one of them is another than it has.
        for (cols, rows) in [(90, 33), (cols, rows), (120, 40)] {
            let asked = Instant::now();
            pty.forget();
            pty.resize(cols, rows);
            while pty.forget() == 0 {
                assert!(
                    asked.elapsed() < Duration::from_secs(30),
                    "after {:?} it does not draw at {cols}x{rows} any more. The screen:\n{}",
                    self.last,
                    pty.screen().contents()
                );
                self.goes_on(pty);
                awake(pty);
                pty.take(Duration::from_millis(50));
            }
        }
    }

    /// Ends it as a user does; fails unless it ends with 0 and gives the terminal back.
    pub(crate) fn quit(&mut self, pty: &mut Pty) {
        self.ask(pty);
        let start = Instant::now();
        while !pty.has_ended() {
            assert!(
                start.elapsed() < Duration::from_mins(1),
                "it does not end. The screen:\n{}",
                pty.screen().contents()
            );
            // Escape and a key that follows at once are one key to a terminal.
            for key in ["\x1b", "\x1b", "q", "y"] {
                if !pty.has_ended() {
                    pty.press(key);
                    pty.take(Duration::from_millis(300));
                    pty.take(Duration::from_millis(100));
                }
            }
        }
        assert_eq!(pty.ends(), 0);
        pty.is_restored();
    }
}

/// Back from the shell, if it was suspended.
fn awake(pty: &Pty) {
    if process_state(pty.pid().as_raw()) == Some('T') {
        pty.signal(Signal::SIGCONT);
    }
}
