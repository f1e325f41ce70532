//! `--timeout` holds by the kernel's clock, whatever keeps a process from dying.

use std::time::Duration;

use ocitop::kernel::Kernel as _;
use ocitop::lifecycle::{Force, Job, Options, Outcome, StepError, Verdict};
use ocitop::oci::RuntimeKind;
use rustix::io::Errno;

use super::{drained, options};
use crate::support::engine;
use crate::support::fake_kernel::{FakeKernel, Op};
use crate::support::machine::Machine;

const TWO: Duration = Duration::from_secs(2);

/// Deletes `web` by force within two seconds, which end in a wait that found this.
#[track_caller]
fn ends_in_time(machine: &Machine, kernel: &FakeKernel<'_>, is_right: fn(&StepError) -> bool) {
    let options = Options {
        timeout: TWO,
        ..options()
    };
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let mut events = Vec::new();
    let mut report = |event| events.push(event);
    let verdict = engine::run(kernel, &machine.machine(), &job, &options, &mut report);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{verdict:?}");
    let Outcome::Failed(error) = drained(&events) else {
        panic!("{events:#?}");
    };
    assert!(is_right(error), "{error:?}");
    assert_eq!(kernel.now(), TWO);
    assert!(machine.state_dir("web").is_dir());
}

fn init(machine: &Machine) -> i32 {
    machine.target("web").init.unwrap().pid
}

fn is_alive(error: &StepError) -> bool {
    matches!(error, StepError::Alive { .. })
}

#[test]
fn one_that_cannot_die_is_waited_for_until_the_time_out_and_no_longer() {
    for machine in [Machine::v1(), Machine::v2()] {
        let machine = machine.running("web", RuntimeKind::Runc);
        let kernel = FakeKernel::over(&machine).immortal(init(&machine));
        ends_in_time(&machine, &kernel, is_alive);
    }
}

#[test]
fn one_that_hangs_in_its_exit_is_waited_for_until_the_time_out_and_no_longer() {
    let machine = Machine::v2().running("web", RuntimeKind::Runc);
    let kernel = FakeKernel::over(&machine);
    let kernel = kernel.hangs_in_its_exit(init(&machine), Duration::from_hours(1));
    ends_in_time(&machine, &kernel, is_alive);
}

#[test]
fn one_that_cannot_be_thawed_is_waited_for_until_the_time_out_and_no_longer() {
    let machine = Machine::v1().paused("web", RuntimeKind::Runc);
    let kernel = FakeKernel::over(&machine).failing(Op::Write, Errno::IO);
    ends_in_time(&machine, &kernel, is_alive);
}
