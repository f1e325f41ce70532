//! What a task waits for, told from the kernel functions it is in.

use serde::Serialize;

/// What kind of thing a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitKind {
    /// A process that answers for a file system.
    Fuse,
    /// A server on the network.
    Network,
    /// A file system that is frozen (fsfreeze(8)).
    FrozenFilesystem,
    /// A device, or the file system on it.
    Block,
    /// The lock of all cgroups.
    CgroupLock,
    /// The child that was made by vfork(2).
    Vfork,
    /// Memory, with the OOM killer off (v1).
    Oom,
    /// Memory above `memory.high` (v2).
    MemoryHigh,
    /// The lock of a process's memory.
    MemoryLock,
    /// Who reads a core dump.
    CoreDump,
    /// Requests of io_uring that are not done, at its end.
    IoUring,
    /// The rest of its pid namespace, at its end.
    Namespace,
    /// Who traces it, at its end.
    ExitTracer,
    /// Its memory is being given back, at its end.
    Unmapping,
    /// The freezer.
    Freezer,
    /// Nothing: it faulted in the kernel on its way out, and is left to sleep for good.
    Faulted,
    /// Something else.
    Other,
}

/// Functions that tell, by the start of their name; the first row with a hit wins, so what is
/// more special stands above what it is made of.
const TELLING: [(WaitKind, &[&str]); 15] = [
    (
        WaitKind::ExitTracer,
        // ptrace_notify alone is any stop of a traced task.
        &["ptrace_event_exit"],
    ),
    (WaitKind::Namespace, &["zap_pid_ns_processes"]),
    (
        WaitKind::CoreDump,
        &["do_coredump", "vfs_coredump", "dump_emit", "coredump_"],
    ),
    (
        WaitKind::CgroupLock,
        &["cgroup_kn_lock_live", "cgroup_lock", "cgroup_drain_dying"],
    ),
    (
        WaitKind::Oom,
        &["mem_cgroup_oom_synchronize", "mem_cgroup_oom_wait"],
    ),
    (
        WaitKind::MemoryHigh,
        &[
            "mem_cgroup_handle_over_high",
            "__mem_cgroup_handle_over_high",
        ],
    ),
    (WaitKind::Vfork, &["wait_for_vfork_done", "__do_sys_vfork"]),
    (
        WaitKind::FrozenFilesystem,
        &[
            "mnt_want_write",
            "sb_start_write",
            "__sb_start_write",
            "sb_start_pagefault",
            "sb_start_intwrite",
        ],
    ),
    (WaitKind::Fuse, &["request_wait_answer", "fuse_"]),
    (
        WaitKind::Network,
        &[
            "nfs_", "nfs3_", "nfs4_", "rpc_", "__rpc_", "cifs_", "smb2_", "ceph_",
        ],
    ),
    (WaitKind::IoUring, &["io_uring_", "io_wq_", "__io_uring_"]),
    (
        WaitKind::Block,
        &[
            "io_schedule",
            "blk_",
            "jbd2_",
            "submit_bio",
            "bio_",
            "wait_on_page_bit",
            "folio_wait_bit",
            "folio_wait_writeback",
            "wait_on_buffer",
            "__wait_on_buffer",
            "xfs_",
            "ext4_",
            "btrfs_",
        ],
    ),
    (
        WaitKind::Unmapping,
        &["exit_mmap", "unmap_vmas", "unmap_page_range", "mmput"],
    ),
    (
        WaitKind::MemoryLock,
        &[
            "down_read_mmap",
            "mmap_read_lock",
            "mmap_write_lock",
            "lock_mm_and_find_vma",
        ],
    ),
    (WaitKind::Freezer, &["__refrigerator", "do_freezer_trap"]),
];

impl WaitKind {
    /// From the function a task waits in and its stack, innermost first.
    ///
    /// ```
    /// use ocitop::diagnosis::wait_kind::WaitKind;
    /// let stack = ["percpu_rwsem_wait", "mnt_want_write", "path_openat"].map(str::to_owned);
    /// assert_eq!(WaitKind::of(Some("percpu_rwsem_wait"), &stack), WaitKind::FrozenFilesystem);
    /// assert_eq!(WaitKind::of(Some("request_wait_answer"), &[]), WaitKind::Fuse);
    /// assert_eq!(WaitKind::of(None, &[]), WaitKind::Other);
    /// assert_eq!(WaitKind::of(Some("do_exit"), &["do_exit".to_owned()]), WaitKind::Faulted);
    /// ```
    pub fn of(wchan: Option<&str>, stack: &[String]) -> Self {
        let functions = || stack.iter().map(String::as_str).chain(wchan);
        let exits = functions().any(|name| name == "do_exit");
        if exits && functions().any(|name| name == "ptrace_stop" || name == "ptrace_notify") {
            return Self::ExitTracer;
        }
        // Older kernels name it `_do_fork`; a parent is met here only in vfork.
        if matches!(wchan, Some("kernel_clone" | "_do_fork")) {
            return Self::Vfork;
        }
        // `do_exit` itself never sleeps but there ("Fixing recursive fault but reboot is needed!", up
        // to 5.16; later such a task is dead). Who waits for a core dump may seem to, and is told by it.
        let innermost = stack.first().map(String::as_str).or(wchan);
        if matches!(innermost, Some("do_exit" | "make_task_dead")) {
            return Self::Faulted;
        }
        let hit =
            |names: &&[&str]| functions().any(|f| names.iter().any(|name| f.starts_with(name)));
        let found = TELLING.iter().find(|(_, names)| hit(names));
        found.map_or(Self::Other, |(kind, _)| *kind)
    }

    /// Whether signals do not reach a task in such a wait before it is over.
    pub fn holds(self) -> bool {
        !matches!(
            self,
            Self::Vfork | Self::Oom | Self::MemoryHigh | Self::Freezer
        )
    }
}
