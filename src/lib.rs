//! ocitop: top for OCI containers, without a daemon.
//!
//! Reading the machine, changing the machine and showing the machine are three different things
//! and never share a function. Reads take paths. Changes go through one trait, [`kernel::Kernel`].
//! The screen and the command line see immutable snapshots.
//!
//! The [`guide`] has the way of a number, a key, a delete and a leftover through the house
//! ([`guide::architecture`]), the words, and the manual. A runtime or another tool that deletes containers
//! begins at [`lifecycle::Engine`].
//!
//! # The house
//!
//! ```text
//! main ─> cli ───────> demo ─> tui           front ends: terminal, threads, printing
//!          │ │  doctor           │
//!          │ └──────┬────────────┘
//!          v        v
//!     diagnosis ─> leftovers                 why it is stuck; what nobody owns
//!          v        v
//!         lifecycle ─> inventory <─ look     the engine; what is on this host; one look by several threads
//!                        │  └───> config
//!                        v
//!     cgroup   resctrl   process   procfs    words of the field; siblings do not know each other
//!                        v
//!                      kernel                readers with caps; every change to the machine
//!                        v
//!                    oci ─> text             ids and records; made safe to print
//! ```
//!
//! Each may use what is below it and nothing above. `tests/it/layers.rs` reads that from the imports.
//!
//! | room | what lives there |
//! |---|---|
//! | [`oci`] | container id, status, and the record of a container as youki, runc or crun wrote it |
//! | [`cgroup`] | hierarchies, cgroup paths, one parser per control file |
//! | [`resctrl`] | Intel RDT and its like: schemata, groups, what is monitored, one reader of a mount |
//! | [`process`] | files of `/proc/PID`, identity that survives reuse of a pid |
//! | [`procfs`] | what `/proc` says of the whole host and of namespaces, one parser per file |
//! | [`kernel`] | openat2 readers for state roots, ways and trees walked by descriptors, the trait behind every change, systemd over D-Bus |
//! | [`inventory`] | the scanner (once) and the sampler (again and again): state roots, cgroups and /proc into a [`inventory::Snapshot`]; the engines above, and what they know |
//! | [`lifecycle`] | delete, kill, pause, resume, start: evidence, guard, plan, steps, verdict |
//! | [`leftovers`] | cgroups, resctrl groups, state directories, scopes, mounts, BPF pins that no container owns: how sure, and why they stay |
//! | [`diagnosis`] | why a container is stuck: evidence gathered without a wait, judged by a pure function |
//! | [`tui`] | the screen: `update(&mut Model, Event)`, `draw(&Model)`, and the threads around them |
//! | [`cli`] | the commands, in the shapes and words that tools above the runtimes rely on |
//! | [`look`] | one look at every state root, by several threads, for `list` and the first screen |
//! | [`demo`] | the lab: real processes in real cgroups, described by real state files |
//! | [`doctor`] | what this host offers, and what each missing thing means |
//! | [`config`] | where the machine is read, and what else can be set: resolved once from flags and environment |
//! | [`logging`] | the log: a file a day, never the terminal |
//! | [`guide`] | how the house is built, its words, and the manual |
//! | [`text`] | what was read, made safe to draw, to copy into a shell, and to save: escaped, quoted, masked |
//!
//! # What is trusted
//!
//! Nothing that was read from disk. A state file is opened below its root, without following a
//! link, under a size cap ([`kernel::read`]); a pid is init only if its start time or its cgroup
//! says so ([`inventory::identity`]); a cgroup is killed in and removed only if it passes
//! [`lifecycle::guard`]; a name is drawn only after [`text::visible`].
//! What another user wrote, made or started counts for that user's own alone
//! ([`inventory::author`]): a record, an engine's directory, a process of any name.
//! Nor is absence: what is not found is gone only where [`inventory::Sight`] says that it would have
//! been seen.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod cgroup;
pub mod cli;
pub mod config;
pub mod demo;
pub mod diagnosis;
pub mod doctor;
pub mod guide;
pub mod inventory;
pub mod kernel;
pub mod leftovers;
pub mod lifecycle;
pub mod logging;
pub mod look;
pub mod oci;
pub mod process;
pub mod procfs;
pub mod resctrl;
pub mod text;
pub mod tui;
