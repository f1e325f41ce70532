//! Real containers of the three runtimes, made by their own commands, seen and changed by ocitop.
//! Needs root; `tests/run` installs what it needs.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on ends there"
)]

/// Each function becomes one test for each runtime.
macro_rules! with_each_runtime {
    ($(fn $name:ident($rig:ident: &Rig) $body:block)*) => {
        $(fn $name($rig: &crate::rig::Rig) $body)*
        with_each_runtime!(@module youki, Youki, $($name)*);
        with_each_runtime!(@module runc, Runc, $($name)*);
        with_each_runtime!(@module crun, Crun, $($name)*);
    };
    (@module $module:ident, $kind:ident, $($name:ident)*) => {
        mod $module {
            $(#[test]
            fn $name() {
                let kind = ocitop::oci::RuntimeKind::$kind;
                crate::rig::with(kind, stringify!($name), super::$name);
            })*
        }
    };
}

mod actions;
mod attention;
mod bystander;
mod cgroupless;
mod crash;
mod deep;
mod delete;
mod demo;
mod diagnosis;
mod dropin;
mod faults;
#[path = "../fuse/resctrl.rs"]
mod fuse;
mod hooks;
mod hostile;
mod leftovers;
mod logs;
mod odd_ids;
mod processes;
#[path = "../tty/pty.rs"]
#[expect(dead_code, reason = "the tests of the terminal use the rest")]
mod pty;
mod races;
mod resctrl;
mod rig;
mod screen;
mod seen;
mod selftest;
mod shared;
mod sight;
mod stranded;
mod systemd;
mod threads;
mod torture;
mod unread;
mod usage;
mod user;
mod written;
