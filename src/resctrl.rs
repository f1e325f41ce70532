//! The resctrl file system: Intel RDT, AMD QoS and Arm MPAM (resctrl.rst).
//!
//! Names are the kernel's: CTRL_MON and MON group, CLOSID, RMID, schemata, CBM. Reading only. A
//! file that may rightly be missing (no allocation, no monitoring, older kernel) is `None`; the
//! words that the kernel writes in place of a number stay words.
//!
//! Every read of `mon_data` interrupts a CPU of its domain and holds a mutex of the kernel, so
//! [`ResctrlReader::read`] belongs on a thread of its own, once a second at most. Groups come and go while
//! they are read; the mount is not locked (resctrl.rst "Locking"), as a lock could keep others.

mod error;
pub mod group;
pub mod info;
pub mod mon_data;
mod reader;
pub mod schemata;

pub use error::ParseResctrlError;
pub use group::{GroupName, Overlap, RdtMembership, ResctrlGroup};
pub use info::{Bandwidth, Cache, Info, Monitoring};
pub use mon_data::{Counter, MonDomain, MonValue};
pub use reader::{InUse, Overview, ResctrlReader, Survey, survey};
pub use schemata::{Cbm, Schemata, Setting, Settings, Sizes};
