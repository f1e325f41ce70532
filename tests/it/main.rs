//! Hermetic tests: fixture trees, parsers, properties. No root, no container, no terminal.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on ends there"
)]

mod clean_ways;
mod cli;
mod control_files;
mod copied;
mod demo;
mod diagnosis;
mod fuzz;
mod guide;
mod hooks;
mod hostile;
mod layers;
mod leftovers;
mod logs;
mod parsers;
mod processes;
mod properties;
mod props;
mod records;
mod refused_roots;
mod released;
mod sampler;
mod scan;
mod signal_one;
mod supply;
mod support;
mod teardown;
mod top;
mod usage;
mod views;
