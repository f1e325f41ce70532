//! Hermetic tests: fixture trees, parsers, properties. No root, no container, no terminal.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on ends there"
)]

mod attention;
mod clean_ways;
mod cli;
mod control_files;
mod copied;
mod demo;
mod diagnosis;
mod fake_kernel;
mod fixtures;
mod fuzz;
mod groups;
mod hooks;
mod hostile;
mod keys;
mod layers;
mod leftover_screens;
mod leftovers;
mod logs;
mod machine;
mod measured;
mod parsers;
mod process_screens;
mod processes;
mod properties;
mod props;
mod records;
mod refused_roots;
mod released;
mod sampler;
mod scan;
mod screens;
mod secrets;
mod signal_one;
mod stage;
mod supply;
mod teardown;
mod told;
mod top;
mod usage;
mod usage_view;
