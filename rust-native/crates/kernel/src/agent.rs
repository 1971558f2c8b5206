//! Hands the listener of a filter to another program (seccomp_unotify(2); runtime-spec, config-linux.md, "The Container Process State").

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, sendmsg,
    socket_with,
};

use crate::error::{Result, SyscallContext};

/// Connects to the socket at the path and sends the state, with the listener beside its first byte. Waits: not for the event loop.
pub fn hand_over(path: &str, state: &[u8], listener: BorrowedFd<'_>) -> Result<()> {
    deliver(path, state, listener).map_err(|failure| failure.at(path).during("hand over the listener"))
}

fn deliver(path: &str, state: &[u8], listener: BorrowedFd<'_>) -> Result<()> {
    let address = SocketAddrUnix::new(path).syscall("connect")?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).syscall("socket")?;
    connect(&socket, &address).syscall("connect")?;
    let listeners = [listener];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&listeners));
    let mut sent = sendmsg(&socket, &[IoSlice::new(state)], &mut ancillary, SendFlags::NOSIGNAL).syscall("sendmsg")?;
    while let Some(rest) = state.get(sent..).filter(|rest| !rest.is_empty()) {
        sent += send(&socket, rest, SendFlags::NOSIGNAL).syscall("sendto")?;
    }
    Ok(())
}
