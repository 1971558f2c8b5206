//! The messages of a launch, to the reactor.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use box_plan::Outcome;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// The most descriptors that one message carries (SCM_MAX_FD).
pub const MAX_DESCRIPTORS: usize = 253;

/// Sends an outcome, with a descriptor where there is one. Where nobody listens any more there is nobody to tell.
pub fn send(channel: impl AsFd, outcome: &Outcome, descriptor: Option<BorrowedFd<'_>>) {
    let _ = deliver(channel, outcome, descriptor);
}

/// As `send`, for what must not get lost: the kernel refuses more descriptors on their way than the user may have open (unix(7), ETOOMANYREFS).
pub fn deliver(channel: impl AsFd, outcome: &Outcome, descriptor: Option<BorrowedFd<'_>>) -> rustix::io::Result<()> {
    let bytes = outcome.encode();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    sendmsg(channel, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL).map(drop)
}

/// Sends what was encoded before, with a descriptor: one system call, and no memory is asked for.
pub fn send_only(channel: impl AsFd, message: &[u8], descriptor: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(channel, &[IoSlice::new(message)], &mut ancillary, SendFlags::NOSIGNAL).map(drop)
}

/// Sends a message in parts, with descriptors.
pub fn send_parts(socket: impl AsFd, parts: &[&[u8]], descriptors: &[BorrowedFd<'_>]) -> rustix::io::Result<()> {
    if descriptors.len() > MAX_DESCRIPTORS {
        return Err(rustix::io::Errno::TOOBIG);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    sendmsg(socket, &slices, &mut ancillary, SendFlags::NOSIGNAL).map(drop)
}

/// How long `receive` waits for a message before it gives EAGAIN; None for as long as it takes.
pub fn wait_at_most(socket: impl AsFd, time: Option<Duration>) -> rustix::io::Result<()> {
    set_socket_timeout(socket, Timeout::Recv, time)
}

/// The next message and its descriptors; a length of 0 is the end.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> rustix::io::Result<(usize, Vec<OwnedFd>)> {
    receive_with(socket, buffer, RecvFlags::CMSG_CLOEXEC)
}

/// As `receive`, without waiting: EAGAIN where there is none.
pub fn receive_now(socket: impl AsFd, buffer: &mut [u8]) -> rustix::io::Result<(usize, Vec<OwnedFd>)> {
    receive_with(socket, buffer, RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT)
}

fn receive_with(socket: impl AsFd, buffer: &mut [u8], flags: RecvFlags) -> rustix::io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let message = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut ancillary, flags)?;
    let mut descriptors = Vec::new();
    for item in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = item {
            descriptors.extend(received);
        }
    }
    Ok((message.bytes, descriptors))
}
