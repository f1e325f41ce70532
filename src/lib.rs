//! top for OCI containers, without a daemon.
pub mod cgroup;
pub mod cli;
pub mod config;
pub mod demo;
pub mod inventory;
pub mod kernel;
pub mod lifecycle;
pub mod logging;
pub mod oci;
pub mod process;
pub mod text;
pub mod tui;
