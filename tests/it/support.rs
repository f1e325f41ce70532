//! What the tests here stand on: machines, kernels, screens and captured files.

pub(crate) mod code;
pub(crate) mod engine;
pub(crate) mod fake_kernel;
pub(crate) mod fixtures;
pub(crate) mod machine;
pub(crate) mod measured;
pub(crate) mod proc_files;
pub(crate) mod stage;
