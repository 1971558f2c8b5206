//! Safe Rust over the system calls that containers need. It knows nothing of JavaScript.

pub mod agent;
pub mod alarms;
pub mod bpf;
pub mod cgroup;
pub mod errno;
pub mod error;
pub mod file_ids;
pub mod launch;
pub mod log;
pub mod mount;
pub mod namespaces;
pub mod overlay;
pub mod root;
pub mod subordinate_ids;
pub mod within;
pub mod writable;

pub use error::{Failure, Result, SyscallContext};
