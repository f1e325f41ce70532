//! Hours of use in minutes: the screen stays open while containers come and go and keys are typed at
//! random. It always answers, its memory, descriptors and threads do not grow, it ends with 0, and
//! what it deleted is gone.
//!
//! `OCITOP_SOAK_MINUTES` and `OCITOP_SOAK_SEED` (one without them) say how long and with which keys.
//! Needs root and the runtimes; `tests/run` installs those.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on ends there"
)]

mod churn;
mod monkey;
#[path = "../tty/pty.rs"]
#[expect(dead_code, reason = "the tests of the terminal use the rest")]
mod pty;
#[path = "../host/rig.rs"]
#[expect(dead_code, reason = "the tests of real containers use the rest")]
mod rig;
mod watch;

use std::io::Write as _;
use std::time::{Duration, Instant};

use ocitop::oci::RuntimeKind;

use churn::{Churn, Yard};
use monkey::{Monkey, Reach};
use pty::{Pty, Setup};
use rig::{Rig, skip, until};
use watch::Watch;

/// How long one goes on.
fn duration() -> Duration {
    let minutes = std::env::var("OCITOP_SOAK_MINUTES").ok();
    let minutes = minutes.map_or(1, |minutes| minutes.parse().unwrap());
    Duration::from_secs(60 * minutes)
}

/// What the keys and the churn are drawn with.
fn seed() -> u64 {
    let given = std::env::var("OCITOP_SOAK_SEED").ok();
    given.map_or(1, |seed| seed.parse().unwrap())
}

/// A line that libtest does not swallow.
fn tell(line: &str) {
    std::io::stderr()
        .write_all(format!("soak {line}\n").as_bytes())
        .unwrap();
}

/// Types until the time is over.
fn type_on(name: &str, monkey: &mut Monkey, pty: &mut Pty, watch: &mut Watch) {
    let (start, limit) = (Instant::now(), duration());
    let mut told = Duration::ZERO;
    while start.elapsed() < limit {
        monkey.step(pty);
        let elapsed = start.elapsed();
        watch.look(pty.pid(), elapsed);
        if elapsed.saturating_sub(told) >= limit.max(Duration::from_mins(10)) / 60 {
            told = elapsed;
            tell(&format!("{name} {}", watch.line(elapsed)));
        }
    }
}

#[test]
fn keys_at_random_on_the_lab_for_as_long_as_one_likes() {
    let name = "the monkey on the lab";
    if !rustix::process::geteuid().is_root() {
        return skip(name, "needs root");
    }
    let seed = seed();
    tell(&format!("{name}: seed {seed}"));
    let mut pty = Pty::start(Setup::running(&["demo"]).sized(120, 40));
    pty.sees("Containers");
    let mut watch = Watch::default();
    let mut monkey = Monkey::new(seed, Reach::Lab);
    type_on(name, &mut monkey, &mut pty, &mut watch);
    monkey.quit(&mut pty);
    watch.assert_flat(duration());
    watch.assert_no_more_descriptors(duration());
    tell(&format!(
        "{name}: {} keys, {}, ended with 0",
        monkey.keys,
        watch.summary(duration())
    ));
}

/// The command line deletes what the keys have not, and nothing of what was deleted is left.
fn delete_all(yard: &Yard) {
    for rig in &yard.rigs {
        for id in Yard::ids_in(rig) {
            let ended = rig.ocitop(&["delete", "--force", &id]);
            // The screen may be at it too.
            assert!(
                ended.code == 0 || !rig.state_dir(&id).exists(),
                "{id} of {}: {ended:#?}",
                rig.kind
            );
        }
    }
    until("nothing is left of what was deleted", || {
        yard.left().is_empty()
    });
}

#[test]
fn containers_come_and_go_and_keys_act_on_them() {
    let name = "actions on containers that come and go";
    let kinds = [RuntimeKind::Runc, RuntimeKind::Crun, RuntimeKind::Youki];
    let mut rigs = Vec::new();
    for kind in kinds {
        match Rig::new(kind) {
            Ok(rig) => rigs.push(rig),
            Err(reason) => return skip(name, &reason),
        }
    }
    let seed = seed();
    tell(&format!("{name}: seed {seed}"));
    let mut setup = Setup::real(rigs[0].root()).sized(120, 40);
    for rig in &rigs[1..] {
        setup = setup.and_root(&rig.root());
    }
    let mut pty = Pty::start(setup);
    pty.sees("Containers");
    let mut watch = Watch::default();
    watch.look(pty.pid(), Duration::ZERO);
    let mut monkey = Monkey::new(seed, Reach::Containers);
    let churn = Churn::start(rigs, seed);
    type_on(name, &mut monkey, &mut pty, &mut watch);
    let yard = churn.end();
    delete_all(&yard);
    until("the descriptors of what is gone are let go", || {
        pty.take(Duration::from_millis(50));
        pty.forget();
        watch.has_let_go(pty.pid())
    });
    monkey.quit(&mut pty);
    watch.assert_flat(duration());
    tell(&format!(
        "{name}: {} keys, {}, {}, ended with 0",
        monkey.keys,
        yard.made,
        watch.summary(duration())
    ));
}
