//! Failures that this crate makes itself.

use std::borrow::Cow;

use box_kernel::Failure;

/// A layer holds something that must not be unpacked. `rule` says what it breaks.
pub(crate) fn invalid(path: &[u8], rule: impl Into<Cow<'static, str>>) -> Failure {
    let rule = rule.into();
    let path = String::from_utf8_lossy(path).into_owned();
    let message = if path.is_empty() { format!("invalid layer: {rule}") } else { format!("invalid layer entry {path}: {rule}") };
    Failure { path: Some(path).filter(|path| !path.is_empty()), step: Some(rule), ..Failure::new("ERR_BOX_LAYER_INVALID", message) }
}

/// A limit against hostile input was passed.
pub(crate) fn over_limit(path: &[u8], limit: &'static str, allowed: u64) -> Failure {
    let path = String::from_utf8_lossy(path).into_owned();
    let place = if path.is_empty() { String::new() } else { format!(" at {path}") };
    Failure {
        path: Some(path).filter(|path| !path.is_empty()),
        step: Some(limit.into()),
        ..Failure::new("ERR_BOX_LIMIT", format!("the layer passes the limit on {limit} ({allowed}){place}"))
    }
}
