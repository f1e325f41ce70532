//! Words of the runtime-spec: container id, bundle, status, state root, and the record of one
//! container as its runtime wrote it. Nothing here touches the machine.

pub mod id;
pub mod record;
pub mod runtime;
pub mod status;

pub use id::{ContainerId, ContainerKey, InvalidId};
pub use record::{CreatedAt, Hook, Record, RecordError, RecordedCgroup, RecordedInit, RecordedRdt};
pub use runtime::RuntimeKind;
pub use status::Status;
