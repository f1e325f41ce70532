//! Hermetic tests: fixture machines, screens, keys.

mod keys;
mod properties;
mod screens;
mod stage;
