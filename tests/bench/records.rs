//! How long it takes to understand one state file. `cargo bench --bench records`

use divan::{Bencher, black_box};
use ocitop::oci::record::{crun, runc, youki};

const YOUKI: &[u8] =
    include_bytes!("../fixtures/v1/explicit/youki/running/root/youki-running/state.json");
const YOUKI_CONFIG: &[u8] =
    include_bytes!("../fixtures/v1/explicit/youki/running/root/youki-running/youki_config.json");
const RUNC: &[u8] =
    include_bytes!("../fixtures/v1/explicit/runc/running/root/runc-running/state.json");
const CRUN: &[u8] = include_bytes!("../fixtures/v1/explicit/crun/running/root/crun-running/status");
const CRUN_CONFIG: &[u8] =
    include_bytes!("../fixtures/v1/explicit/crun/running/root/crun-running/config.json");

fn main() {
    divan::main();
}

#[divan::bench]
fn youki_state_and_config(bencher: Bencher<'_, '_>) {
    bencher.bench(|| {
        let mut record = youki::parse(black_box(YOUKI)).ok()?;
        youki::complete(&mut record, black_box(YOUKI_CONFIG)).ok()?;
        Some(record)
    });
}

#[divan::bench]
fn runc_state(bencher: Bencher<'_, '_>) {
    bencher.bench(|| runc::parse(black_box(RUNC)).ok());
}

#[divan::bench]
fn crun_status(bencher: Bencher<'_, '_>) {
    bencher.bench(|| crun::parse("crun-running", black_box(CRUN)).ok());
}

#[divan::bench]
fn crun_config(bencher: Bencher<'_, '_>) {
    bencher.bench(|| crun::parse_config("crun-running", black_box(CRUN_CONFIG)).ok());
}
