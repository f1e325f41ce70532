//! Files of procfs that tell of the whole host or of a namespace (proc(5)): one parser each.
//!
//! `&str` in, `Option` out; reading is done by who asks. What a kernel does not write is `None`.

pub mod loadavg;
pub mod meminfo;
pub mod namespace;
pub mod net_dev;
pub mod stat;
