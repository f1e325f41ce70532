//! What is on this host: the scanner turns state roots, cgroups and /proc into a [`Snapshot`].
//!
//! Reading only; nothing here changes the machine. One bad entry is a row with its problem, never
//! the end of a scan; a root that is missing or cannot be read is said to be so.

mod astray;
pub mod attention;
pub mod author;
pub mod budget;
pub mod cgroups;
pub mod container;
mod control_file;
mod counters;
mod detail;
pub mod engine;
pub mod entry;
pub mod freezers;
pub mod glance;
pub mod happenings;
mod host;
pub mod identity;
mod limits;
pub mod machine;
pub mod manager;
pub mod members;
pub mod mounts;
mod own;
pub mod owners;
pub mod pins;
pub mod problem;
pub mod processes;
pub mod rates;
pub mod rdt;
pub mod remnant;
pub mod roots;
pub mod sampler;
pub mod scan;
pub mod series;
pub mod sight;
pub mod snapshot;
mod strain;
pub mod tracked;
pub mod units;
pub mod unread;
pub mod usage;
mod users;
mod vitals;

pub use crate::config::RootOrigin;
pub use crate::kernel::Inode;
pub use attention::{Attention, Frozen, Trouble};
pub use container::{CgroupView, Condition, Container, Facts};
pub use machine::Machine;
pub use manager::{Managed, Manager};
pub use problem::Problem;
pub use sampler::Sampler;
pub use scan::Scanner;
pub use sight::{OutOfSight, Sight};
pub use snapshot::{Host, OwnCost, RootState, RootView, Snapshot};
pub use unread::Unread;
pub use usage::{Detail, HostUsage, Usage, Watch};
