//! What is on this host: the scanner turns state roots, cgroups and /proc into a [`Snapshot`].
//!
//! Reading only; nothing here changes the machine. One bad entry is a row with its problem, never
//! the end of a scan; a root that is missing or cannot be read is said to be so.

pub mod snapshot;

pub use snapshot::{
    CgroupView, Condition, Container, Host, Inode, Manager, OwnCost, RootOrigin, RootState,
    RootView, Snapshot, Usage,
};
