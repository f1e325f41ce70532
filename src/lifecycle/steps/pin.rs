//! Removing the pin of a container's device program.

use std::path::PathBuf;

use crate::inventory::pins::Holder;
use crate::inventory::units;
use crate::kernel::Kernel;
use crate::kernel::read::is_gone;
use crate::lifecycle::Kept;
use crate::lifecycle::context::Context;
use crate::lifecycle::outcome::{Outcome, Reason, Seen, StepError, io_error};
use crate::lifecycle::pin::{PinFound, look};
use crate::text::visible_path;

/// Removes it, once its unit is stopped and its cgroups are gone.
pub(in crate::lifecycle) fn remove<K: Kernel>(
    context: &mut Context<'_, K>,
) -> Result<Outcome, StepError> {
    let machine = context.machine;
    let Some(pin) = &mut context.evidence.pin else {
        return Ok(Outcome::Skipped(Reason::None));
    };
    let file = &pin.file;
    let inode = match look(machine, pin).map_err(|error| io_error("look at", file, &error))? {
        PinFound::There(inode) => {
            pin.seen = true;
            inode
        }
        PinFound::Gone => return Ok(Outcome::Skipped(Reason::AlreadyGone)),
        PinFound::Other => return Err(kept(Kept::NoPin(visible_path(file)))),
        PinFound::OutOfSight(why) => {
            let path = file.clone();
            return Err(StepError::OutOfSight { path, why });
        }
    };
    let unit = units::system_state(machine, &pin.scope);
    let unit = unit.map_err(|error| io_error("look at", &units::home(machine), &error))?;
    // Not stopped, or started again since: at its next reload systemd looks for the pin.
    if unit.active {
        return Err(kept(Kept::PinHeld(Holder::Unit(pin.scope.clone()))));
    }
    match context.kernel.remove_pin(file, inode) {
        Ok(()) => Ok(Outcome::Done(Seen::Gone)),
        Err(error) if is_gone(&error) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => Err(io_error("remove", file, &error)),
    }
}

fn kept(why: Kept) -> StepError {
    StepError::Refused(why.into())
}

/// Adds it to what is left, if it is; where that cannot be seen, which it is.
pub(in crate::lifecycle) fn look_again<K: Kernel>(
    context: &Context<'_, K>,
    left: &mut Vec<PathBuf>,
) -> Option<PathBuf> {
    let pin = context.evidence.pin.as_ref()?;
    match look(context.machine, pin) {
        Ok(PinFound::There(_)) => left.push(pin.file.clone()),
        Ok(PinFound::Gone | PinFound::Other) => {}
        Ok(PinFound::OutOfSight(_)) | Err(_) => return Some(pin.file.clone()),
    }
    None
}
