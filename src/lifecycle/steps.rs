//! What the steps do, a file for each kind: a step looks, changes one thing through the
//! [`Kernel`](crate::kernel::Kernel), and looks again.

pub(super) mod drain;
pub(super) mod freeze;
pub(super) mod groups;
pub(super) mod hooks;
pub(super) mod marks;
pub(super) mod pin;
pub(super) mod quota;
pub(super) mod scope;
pub(super) mod signal;
pub(super) mod state;
pub(super) mod stop_kin;
pub(super) mod verify;
