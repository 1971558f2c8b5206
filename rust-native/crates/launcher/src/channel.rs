//! The messages of a launch, to the reactor.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_plan::Outcome;
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

/// The next message and its descriptors; a length of 0 is the end.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> rustix::io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let message = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for item in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = item {
            descriptors.extend(received);
        }
    }
    Ok((message.bytes, descriptors))
}
