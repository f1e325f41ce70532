//! Whether a job of a dialog may be done, by its preview.

use crate::lifecycle::{Job, Preview};

/// A job, if nothing stands against it.
pub(super) fn ready<'a>(
    job: &'a Result<Job, String>,
    preview: Option<&Preview>,
) -> Option<&'a Job> {
    let accepted = preview.is_some_and(|preview| preview.refused.is_none());
    job.as_ref().ok().filter(|_| accepted)
}

/// Why it is not; `gone` where neither its making nor its preview says. Safe to print.
pub(super) fn refusal(job: &Result<Job, String>, preview: Option<&Preview>, gone: &str) -> String {
    let refused = preview.and_then(|preview| preview.refused.as_ref());
    match (job, refused) {
        (Err(why), _) => why.clone(),
        (Ok(_), Some(why)) => why.words(),
        (Ok(_), None) => gone.to_owned(),
    }
}
