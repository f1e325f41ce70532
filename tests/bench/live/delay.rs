//! How long after something happens the screen shows it.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use ocitop::cgroup::Version;

use crate::crowd::Herd;
use crate::pty::Pty;
use crate::{open, report};

const ROUNDS: usize = 50;
/// What one event causes is over before the next.
const PAUSE: Duration = Duration::from_millis(250);
const TORN_DOWN: usize = 100;

/// Waits until the list has a row of this state and name.
fn shows(pty: &mut Pty, state: &str, name: &str) {
    let row = format!("{state:<9} {name}");
    pty.until(&row, |screen| screen.contents().contains(&row));
}

/// Shows only what matches.
fn filter(pty: &mut Pty, word: &str) {
    pty.press("/");
    pty.press(word);
    pty.press("\r");
}

fn rest(pty: &mut Pty, time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        pty.take(left);
    }
}

pub(crate) fn notice(herd: &Herd, count: usize) {
    herd.fill("web", count).unwrap();
    let mut pty = open(herd);
    pty.sees("web-0");
    filter(&mut pty, "probe");
    pty.until("the filter is applied", |screen| {
        !screen.contents().contains("web-0")
    });
    rest(&mut pty, Duration::from_secs(3));
    let [mut came, mut stopped, mut paused] = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        let name = format!("probe-{round:05}");
        let member = herd.process(&name, round % 3, None).unwrap();
        // At another moment between two passes each time.
        let off = Duration::from_millis((round as u64 * 37) % 1000);
        rest(&mut pty, PAUSE + off);
        let start = Instant::now();
        herd.describe(&member).unwrap();
        shows(&mut pty, "running", &name);
        came.push(start.elapsed());

        rest(&mut pty, PAUSE + off);
        let start = Instant::now();
        kill(member.pid, Signal::SIGKILL).unwrap();
        shows(&mut pty, "stopped", &name);
        stopped.push(start.elapsed());
        herd.reap(&member);
        herd.forget(&member);

        let name = format!("probe-f{round:05}");
        let member = herd.member(&name, 0, Some(Version::V2)).unwrap();
        shows(&mut pty, "running", &name);
        let freezer = herd.unified(&member).map(|dir| dir.join("cgroup.freeze"));
        if let Some(freezer) = freezer.filter(|file| file.exists()) {
            rest(&mut pty, PAUSE + off);
            let start = Instant::now();
            std::fs::write(&freezer, "1").unwrap();
            shows(&mut pty, "paused", &name);
            paused.push(start.elapsed());
            std::fs::write(&freezer, "0").unwrap();
        }
        kill(member.pid, Signal::SIGKILL).unwrap();
        herd.reap(&member);
        herd.forget(&member);
    }
    println!("with {count} containers, from the event to the row:");
    report("a state directory made", came, 100.0);
    report("an init killed", stopped, 50.0);
    report("a cgroup frozen (v2)", paused, 50.0);
}

/// The name under the cursor.
fn under_cursor(screen: &vt100::Screen) -> Option<String> {
    let contents = screen.contents();
    let row = contents.lines().find_map(|line| line.strip_prefix("│>"))?;
    let name = row.split_whitespace().find(|word| word.contains("web-"))?;
    Some(name.to_owned())
}

/// Presses j; gives back how long the cursor took.
fn step(pty: &mut Pty) -> Duration {
    let before = under_cursor(pty.screen());
    let start = Instant::now();
    pty.press("j");
    pty.until("the cursor moved", |screen| {
        let now = under_cursor(screen);
        now.is_some() && now != before
    });
    start.elapsed()
}

pub(crate) fn keys(herd: &Herd, count: usize) {
    herd.fill("web", count).unwrap();
    // After the others in the list, so that the rows under the cursor stay where they are.
    let victims = herd.fill("x-victim", TORN_DOWN).unwrap();
    let mut pty = open(herd);
    pty.sees("web-0");
    rest(&mut pty, Duration::from_secs(2));
    let gap = Duration::from_millis(15);
    let mut idle = Vec::new();
    for _ in 0..100 {
        rest(&mut pty, gap);
        idle.push(step(&mut pty));
    }
    filter(&mut pty, "x-victim");
    pty.until("the filter is applied", |screen| {
        !screen.contents().contains("web-0")
    });
    // Ctrl-A marks them, Esc clears the filter; then home, where the rows that go are not.
    pty.press("\x01");
    rest(&mut pty, PAUSE);
    pty.press("\x1b");
    rest(&mut pty, PAUSE);
    pty.press("g");
    pty.sees("web-0");
    pty.press("D");
    let asked = Instant::now();
    pty.sees(&format!("{TORN_DOWN} ready"));
    let planned = asked.elapsed();
    // A dialog takes no keys typed ahead.
    rest(&mut pty, Duration::from_secs(1));
    for letter in "delete".chars() {
        pty.press(&letter.to_string());
        rest(&mut pty, PAUSE);
    }
    pty.sees("(armed)");
    pty.press("\t\r");
    pty.until("the dialog is gone", |screen| {
        !screen.contents().contains("Cancel ]")
    });
    let left = || -> usize {
        let dirs = herd
            .roots()
            .map(|root| std::fs::read_dir(root).unwrap().count());
        dirs.iter().sum::<usize>().saturating_sub(count)
    };
    let (begun, at_first) = (Instant::now(), left());
    let mut busy = Vec::new();
    while left() > 0 && begun.elapsed() < Duration::from_mins(1) {
        rest(&mut pty, gap);
        busy.push(step(&mut pty));
    }
    println!(
        "with {count} containers; the plan of {TORN_DOWN} took {:.1} s, the teardown of {at_first} {:.1} s; {} are left",
        planned.as_secs_f64(),
        begun.elapsed().as_secs_f64(),
        left()
    );
    report("j, nothing else going on", idle, 5.0);
    report("j, during the teardown", busy, 5.0);
    for victim in &victims {
        let _gone = kill(victim.pid, Signal::SIGKILL);
        herd.reap(victim);
    }
}
