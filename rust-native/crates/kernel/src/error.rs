//! The one error type of the core: what was tried, what the kernel answered, and where.

use std::borrow::Cow;
use std::fmt;

/// A failure as plain data. It crosses to JavaScript as an object, and becomes an `Error` there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A code of `@box/core` (`ERR_BOX_…`) where the core knows which; otherwise the code follows from `errno`.
    pub code: Option<&'static str>,
    /// One sentence for people.
    pub message: String,
    /// The system call, by its name in section 2 of the manual.
    pub syscall: Option<&'static str>,
    /// The error number, positive.
    pub errno: Option<i32>,
    /// The file or folder concerned.
    pub path: Option<String>,
    /// The step of a plan, of an unpacking or of a commit.
    pub step: Option<Cow<'static, str>>,
    /// What to do about it, where the core knows that. In a box: a failure is passed on by value.
    pub hint: Option<Box<Cow<'static, str>>>,
}

/// The result of everything in the core that can fail.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure that no system call reported.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Some(code), message: message.into(), syscall: None, errno: None, path: None, step: None, hint: None }
    }

    /// A failed system call.
    pub fn syscall(syscall: &'static str, errno: rustix::io::Errno) -> Self {
        Self {
            code: None,
            message: format!("{syscall}: {}", std::io::Error::from(errno)),
            syscall: Some(syscall),
            errno: Some(errno.raw_os_error()),
            path: None,
            step: None,
            hint: None,
        }
    }

    /// A system call that was made through libc and has just failed.
    pub fn last_os_error(syscall: &'static str) -> Self {
        let error = std::io::Error::last_os_error();
        Self::syscall(syscall, rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO))
    }

    /// Adds the file or folder concerned.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<[u8]>) -> Self {
        let path = String::from_utf8_lossy(path.as_ref()).into_owned();
        self.message = format!("{}: {path}", self.message);
        self.path = Some(path);
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn advise(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(Box::new(hint.into()));
        self
    }

    /// Adds the step that failed.
    #[must_use]
    pub fn during(mut self, step: impl Into<Cow<'static, str>>) -> Self {
        let step = step.into();
        self.message = format!("{step}: {}", self.message);
        self.step = Some(step);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Gives the error of a system call its context.
pub trait SyscallContext<T> {
    /// Names the system call that failed.
    fn syscall(self, name: &'static str) -> Result<T>;
}

impl<T> SyscallContext<T> for rustix::io::Result<T> {
    fn syscall(self, name: &'static str) -> Result<T> {
        self.map_err(|errno| Failure::syscall(name, errno))
    }
}
