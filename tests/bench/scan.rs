//! How long it takes to look at 1,000 containers of a fixture machine, and at 100,000. `cargo bench --bench scan`
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench that cannot go on ends there"
)]

#[path = "../it/support/machine.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod machine;

use divan::Bencher;
use machine::Machine;
use ocitop::inventory::{Sampler, Scanner};
use ocitop::oci::RuntimeKind;

const CONTAINERS: usize = 1_000;

fn main() {
    divan::main();
}

fn crowd() -> Machine {
    let runtimes = [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun];
    let runtimes = runtimes.into_iter().cycle().take(CONTAINERS).enumerate();
    runtimes.fold(Machine::v2(), |machine, (number, runtime)| {
        machine.running(&format!("web-{number}"), runtime)
    })
}

/// As `ocitop list` does: everything read once, status only.
#[divan::bench(sample_count = 20)]
fn once_status_only(bencher: Bencher<'_, '_>) {
    let machine = crowd();
    bencher.bench_local(|| Scanner::status_only(machine.machine()).scan());
}

/// As `ocitop list` does with half of a root of 100,000, on each of two threads: stopped containers.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn half_of_a_hundred_thousand(bencher: Bencher<'_, '_>) {
    let machine = Machine::v2().stopped("web-0", RuntimeKind::Runc);
    let (dir, file) = (machine.state_dir("web-0"), "state.json");
    let record = std::fs::read_to_string(dir.join(file)).unwrap();
    for number in 1..100_000 {
        let id = format!("web-{number}");
        std::fs::create_dir(machine.state_dir(&id)).unwrap();
        let record = record.replacen("\"web-0\"", &format!("\"{id}\""), 1);
        std::fs::write(machine.state_dir(&id).join(file), record).unwrap();
    }
    bencher.bench_local(|| {
        let snapshot = Scanner::status_only(machine.machine()).part(0, 2).scan();
        assert_eq!(snapshot.containers.len(), 50_000);
    });
}

/// As the screen does at its start.
#[divan::bench(sample_count = 20)]
fn once_with_usage(bencher: Bencher<'_, '_>) {
    let machine = crowd();
    bencher.bench_local(|| Sampler::new(machine.machine()).unwrap().pass());
}

/// As the screen does each second: only what changed is read anew.
#[divan::bench(sample_count = 50)]
fn again(bencher: Bencher<'_, '_>) {
    let machine = crowd();
    let mut sampler = Sampler::new(machine.machine()).unwrap();
    sampler.pass();
    bencher.bench_local(|| sampler.pass());
}
