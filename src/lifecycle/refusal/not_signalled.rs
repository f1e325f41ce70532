//! Why one process gets no signal.

/// Why a process gets no signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSignalled {
    /// Nothing has its pid.
    #[error("pid {0} is gone")]
    Gone(i32),
    /// Its pid is another process's by now.
    #[error("pid {0} is another process by now: not touched")]
    Recycled(i32),
    /// It is dead already, and its parent has not taken note.
    #[error("pid {pid} is dead already; its parent, pid {parent}, has not reaped it")]
    Zombie {
        /// The dead process.
        pid: i32,
        /// Who should reap it.
        parent: i32,
    },
    /// It is pid 1, ocitop itself or a kernel thread.
    #[error("pid {0} is pid 1, ocitop itself or a kernel thread")]
    Never(i32),
    /// It is not in the container.
    #[error("pid {0} is no process of this container")]
    Foreign(i32),
}

impl NotSignalled {
    /// The reason as one stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gone(_) => "process_gone",
            Self::Recycled(_) => "process_replaced",
            Self::Zombie { .. } => "process_dead",
            Self::Never(_) => "process_never",
            Self::Foreign(_) => "process_foreign",
        }
    }
}
