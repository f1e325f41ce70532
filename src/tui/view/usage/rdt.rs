//! What of the last level cache and of memory bandwidth is a container's (resctrl).

use crate::inventory::usage::RdtValue;
use crate::text::visible;

/// A value, or the kernel's word.
pub(super) fn value(value: &RdtValue, show: impl Fn(f64) -> String) -> String {
    match value {
        RdtValue::None => "-".to_owned(),
        RdtValue::Value(value) => show(*value),
        RdtValue::Word(word) => visible(word),
    }
}
