//! Safe Rust over the system calls that containers need. It knows nothing of JavaScript.

pub mod errno;
pub mod error;

pub use error::{Failure, Result, SyscallContext};
