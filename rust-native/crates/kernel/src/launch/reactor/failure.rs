//! Why a launch failed, as its caller is told.

use std::sync::{Mutex, PoisonError};

use box_plan::Stop;

use crate::error::Failure;

/// The code of a launch whose launcher has ended.
pub(super) const LOST: &str = "ERR_BOX_LAUNCHER_LOST";

/// Two launchers, one after the other, have ended before they had answered.
pub(super) fn lost() -> Failure {
    Failure::new(LOST, "the launcher ended before it had answered")
}

/// What stopped it, as it came over the channel.
pub(super) fn failure_of(stop: Stop) -> Failure {
    let code = match stop.code.as_str() {
        "ERR_BOX_COMMAND_NOT_FOUND" => Some("ERR_BOX_COMMAND_NOT_FOUND"),
        LOST => Some(LOST),
        "ERR_BOX_STATE" => Some("ERR_BOX_STATE"),
        "ERR_BOX_UNSUPPORTED" => Some("ERR_BOX_UNSUPPORTED"),
        "ERR_BOX_INVALID_ARGUMENT" => Some("ERR_BOX_INVALID_ARGUMENT"),
        "ERR_BOX_PERMISSION" => Some("ERR_BOX_PERMISSION"),
        _ => None,
    };
    let reason = match stop.errno {
        0 if stop.said.is_empty() => "refused".to_owned(),
        0 => stop.said,
        errno => format!("{}: {}", stop.syscall, std::io::Error::from_raw_os_error(errno)),
    };
    let mut failure = Failure::new("", reason);
    failure.code = code;
    failure.errno = (stop.errno != 0).then_some(stop.errno);
    failure.syscall = syscall_name(&stop.syscall);
    if !stop.path.is_empty() {
        failure = failure.at(&stop.path);
    }
    failure.during(stop.step)
}

/// The name as the static string that a failure carries. The launcher knows a small, fixed number of them.
fn syscall_name(name: &str) -> Option<&'static str> {
    static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    if name.is_empty() {
        return None;
    }
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.iter().find(|known| **known == name) {
        return Some(known);
    }
    let known: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.push(known);
    Some(known)
}
