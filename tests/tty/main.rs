//! The real binary in a real terminal (a pty): it starts, and gives the terminal back on every way
//! out.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on ends there"
)]

#[expect(dead_code, reason = "the tests of real containers use the rest")]
mod pty;

use nix::sys::signal::Signal;
use pty::{Pty, Setup};

#[test]
fn start_and_quit_give_the_terminal_back() {
    let mut pty = Pty::start(Setup::default());
    pty.sees("Containers");
    assert!(pty.screen().alternate_screen());
    pty.press("q");
    assert_eq!(pty.ends(), 0);
    pty.is_restored();
}

#[test]
fn signals_end_it_and_the_terminal_is_given_back() {
    for signal in [
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGINT,
    ] {
        let mut pty = Pty::start(Setup::default());
        pty.sees("Containers");
        pty.signal(signal);
        pty.ends();
        pty.is_restored();
    }
}

#[test]
fn a_panic_of_the_screen_gives_the_terminal_back_and_says_why() {
    let mut pty = Pty::start(Setup::with("OCITOP_TEST_PANIC", "ui").container("ghost"));
    assert_eq!(pty.ends(), 101);
    pty.is_restored();
    pty.sees("asked to panic in ui");
}

#[test]
fn a_panic_of_the_sampler_is_said_and_it_goes_on() {
    let mut pty = Pty::start(Setup::with("OCITOP_TEST_PANIC", "sampler").container("ghost"));
    pty.sees("thread sampler was started again");
    pty.press("q");
    assert_eq!(pty.ends(), 0);
    pty.is_restored();
}

#[test]
fn a_panic_of_the_reader_of_resctrl_is_said_and_all_else_goes_on() {
    let mut pty = Pty::start(Setup::with("OCITOP_TEST_PANIC", "rdt").container("ghost"));
    pty.sees("BROKEN");
    pty.press("5");
    pty.sees("thread rdt was started again");
    pty.press("1");
    pty.sees("BROKEN");
    pty.press("q");
    assert_eq!(pty.ends(), 0);
    pty.is_restored();
}

#[test]
fn a_panic_of_a_worker_frees_its_row() {
    let mut pty = Pty::start(Setup::with("OCITOP_TEST_PANIC", "worker").container("ghost"));
    pty.sees("BROKEN");
    pty.press("D");
    pty.confirm("y", "ocitop itself failed");
    pty.sees("thread engine-1 was started again");
    pty.sees("DEL FAILED");
    pty.press("q");
    assert_eq!(pty.ends(), 0);
    pty.is_restored();
}

#[test]
fn secrets_are_neither_sent_to_the_terminal_nor_saved_until_they_are_asked_for() {
    let state = r#"{"env":["DB_PASSWORD=hunter2","COLOUR=blue"],"token":"cut she"#;
    let setup = Setup::default().sized(120, 40);
    let spec = r#"{"process":{"env":["API_KEY=swordfish","COLOUR=blue"],"args":["x","--password=xyzzy"]}}"#;
    let setup = setup
        .saying("ghost", "state.json", state)
        .saying("ghost", "config.json", spec);
    let mut pty = Pty::start(setup);
    pty.sees("ghost");
    pty.press("i");
    pty.sees("4 values that look secret are masked");
    pty.sees("DB_PASSWORD=(masked)");
    pty.sees("API_KEY=(masked)");
    pty.sees("COLOUR=blue");
    pty.press("\u{13}");
    pty.press("e");
    pty.sees("COLOUR=(masked)");
    pty.press("\u{1b}");
    pty.sees("saved ");
    let secrets = ["hunter2", "swordfish", "xyzzy", "cut she"];
    let sent = String::from_utf8_lossy(pty.sent()).into_owned();
    let saved = pty.saved("ocitop-page-");
    assert!(saved.contains("API_KEY=(masked)"), "{saved}");
    for secret in secrets {
        assert!(!sent.contains(secret), "{secret} was sent");
        assert!(!saved.contains(secret), "{secret} was saved");
    }
    pty.press("i");
    pty.sees("4 values that look secret are masked");
    pty.press("a");
    pty.sees("nothing is masked");
    pty.sees("DB_PASSWORD=hunter2");
    pty.sees("xyzzy");
    pty.press("a");
    pty.sees("4 values that look secret are masked");
    pty.press("\u{1b}q");
}

#[test]
fn control_z_gives_the_terminal_back_and_fg_draws_again() {
    let mut pty = Pty::start(Setup::default());
    pty.sees("Containers");
    pty.press("\x1a");
    pty.until("the alternate screen is left", |screen| {
        !screen.alternate_screen()
    });
    pty.stops();
    pty.is_restored();
    pty.signal(Signal::SIGCONT);
    pty.until("it is back", |screen| {
        screen.alternate_screen() && screen.contents().contains("Containers")
    });
    pty.press("q");
    assert_eq!(pty.ends(), 0);
    pty.is_restored();
}

#[test]
fn a_terminal_made_too_small_and_large_again_shows_the_list_again() {
    let mut pty = Pty::start(Setup::default());
    pty.sees("Containers");
    pty.resize(20, 5);
    pty.sees("ocitop needs 40x10");
    pty.resize(80, 24);
    pty.sees("Containers");
    pty.press("q");
    assert_eq!(pty.ends(), 0);
}

#[test]
fn a_key_typed_while_the_terminal_is_resized_is_taken() {
    let mut pty = Pty::start(Setup::default());
    pty.sees("Containers");
    for round in 0..100 {
        pty.resize(80 + round % 2, 24);
        pty.press("?");
        pty.sees("lower case looks");
        pty.resize(80 + round % 2, 25);
        pty.press("\x1b");
        pty.sees("No container found");
    }
    pty.press("q");
    assert_eq!(pty.ends(), 0);
}

#[test]
fn without_colour_no_colour_is_sent() {
    let mut pty = Pty::start(Setup::with("NO_COLOR", "1").container("ghost"));
    pty.sees("BROKEN");
    pty.press("q");
    pty.ends();
    let colours = pty.colours();
    assert!(colours.is_empty(), "{colours:?}");
}

#[test]
fn with_colour_colour_is_sent() {
    let mut pty = Pty::start(Setup::default().container("ghost"));
    pty.sees("BROKEN");
    pty.press("q");
    pty.ends();
    assert!(!pty.colours().is_empty());
}

#[test]
fn other_terminals_work() {
    for term in ["linux", "screen", "tmux-256color", "vt220"] {
        let mut pty = Pty::start(Setup::with("TERM", term));
        pty.sees("Containers");
        pty.press("q");
        assert_eq!(pty.ends(), 0);
        pty.is_restored();
    }
}

#[test]
fn a_dumb_terminal_is_refused_in_one_line() {
    let mut pty = Pty::start(Setup::with("TERM", "dumb"));
    pty.sees("ocitop: TERM=dumb cannot show the screen");
    assert_eq!(pty.ends(), 2);
}

#[test]
fn without_utf8_only_ascii_is_sent() {
    let mut pty = Pty::start(Setup::with("LC_ALL", "C").container("ghost"));
    pty.sees("BROKEN");
    pty.press("q");
    pty.ends();
    assert!(pty.sent().is_ascii());
}

#[test]
fn without_a_terminal_there_is_one_line_and_exit_2() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ocitop"))
        .env("XDG_STATE_HOME", tempfile::tempdir().unwrap().path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.starts_with("ocitop: ") && error.lines().count() == 1,
        "{error}"
    );
    assert!(output.stdout.is_empty());
}
