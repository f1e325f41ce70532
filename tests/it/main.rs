//! Hermetic tests: fixture trees, parsers, properties. No root, no container, no terminal.

mod fixtures;
mod layers;
mod parsers;
mod props;
mod records;
