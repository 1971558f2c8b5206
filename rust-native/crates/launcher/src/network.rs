//! What a new network namespace needs before anything can use it.

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::stop::{Context, Result};
use crate::sys;

/// Brings the loopback interface up; its addresses come with that.
pub fn loopback_up() -> Result<()> {
    use std::os::fd::AsFd;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None).call("socket")?;
    sys::loopback_up(socket.as_fd()).call("ioctl")
}
