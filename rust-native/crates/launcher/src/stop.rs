//! Why a launch ended early.

use std::ffi::CStr;

use box_plan::Stop;
use rustix::io::Errno;

/// The result of a part of a launch.
pub type Result<T> = std::result::Result<T, Box<Stop>>;

/// Gives the error of a system call its context. The step is added by whoever runs steps.
pub trait Context<T> {
    /// The system call that failed.
    fn call(self, syscall: &'static str) -> Result<T>;
    /// The system call that failed, and the path concerned.
    fn call_at(self, syscall: &'static str, path: &CStr) -> Result<T>;
}

impl<T> Context<T> for rustix::io::Result<T> {
    fn call(self, syscall: &'static str) -> Result<T> {
        self.map_err(|errno| stop(syscall, errno, String::new()))
    }

    fn call_at(self, syscall: &'static str, path: &CStr) -> Result<T> {
        self.map_err(|errno| stop(syscall, errno, path.to_string_lossy().into_owned()))
    }
}

fn stop(syscall: &'static str, errno: Errno, path: String) -> Box<Stop> {
    Box::new(Stop { syscall: syscall.into(), errno: errno.raw_os_error(), path, ..Stop::default() })
}

/// Something that is wrong without a system call having said so.
pub fn refused(code: &'static str, path: &CStr) -> Box<Stop> {
    Box::new(Stop { path: path.to_string_lossy().into_owned(), code: code.into(), ..Stop::default() })
}

/// Names the step, where it has no name yet.
pub fn during(mut stop: Box<Stop>, step: &str) -> Box<Stop> {
    if stop.step.is_empty() {
        stop.step.push_str(step);
    }
    stop
}
