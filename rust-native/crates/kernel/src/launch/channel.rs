//! Messages with descriptors: to the launcher, and from those that a launch concerns.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_plan::Outcome;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{Errno, Result};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::Pid;

/// The most descriptors that one message carries (SCM_MAX_FD).
const MAX_DESCRIPTORS: usize = 253;
/// Plans that are longer go by a file: a message must fit the socket's buffer.
const MAX_INLINE: usize = 96 * 1024;

/// What the first byte of a message says. The launcher's `serve` reads it.
const LAUNCH: u8 = 1;
const LAUNCH_FILE: u8 = 2;
const ADOPT: u8 = 3;

/// A pair of connected sockets that keep messages apart.
pub fn pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// Sends a plan with its slots; `answer` is the launcher's end of the channel of this launch.
pub fn send_plan(socket: BorrowedFd<'_>, plan: &[u8], slots: &[(Option<OwnedFd>, u8)], answer: BorrowedFd<'_>) -> Result<()> {
    let count = u16::try_from(slots.len()).map_err(|_| Errno::TOOBIG)?;
    let kinds: Vec<u8> = slots.iter().map(|(_, kind)| *kind).collect();
    let file = if plan.len() > MAX_INLINE { Some(write_file(plan)?) } else { None };
    let first = if file.is_some() { LAUNCH_FILE } else { LAUNCH };
    let mut descriptors = vec![answer];
    descriptors.extend(file.iter().map(AsFd::as_fd));
    descriptors.extend(slots.iter().filter_map(|(descriptor, _)| descriptor.as_ref()).map(AsFd::as_fd));
    let parts: [&[u8]; 4] = [&[first], &count.to_le_bytes(), &kinds, if file.is_some() { &[] } else { plan }];
    send(socket, &parts, &descriptors)
}

/// Gives the launcher a process to end with this one.
pub fn send_adopted(socket: BorrowedFd<'_>, pidfd: BorrowedFd<'_>) -> Result<()> {
    send(socket, &[&[ADOPT]], &[pidfd])
}

fn write_file(plan: &[u8]) -> Result<OwnedFd> {
    let file = memfd_create(c"box-plan", MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL)
        .or_else(|errno| if errno == Errno::INVAL { memfd_create(c"box-plan", MemfdFlags::CLOEXEC) } else { Err(errno) })?;
    let mut rest = plan;
    while !rest.is_empty() {
        let written = rustix::io::write(&file, rest)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(file)
}

fn send(socket: BorrowedFd<'_>, parts: &[&[u8]], descriptors: &[BorrowedFd<'_>]) -> Result<()> {
    if descriptors.len() > MAX_DESCRIPTORS {
        return Err(Errno::TOOBIG);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    sendmsg(socket, &slices, &mut ancillary, SendFlags::NOSIGNAL).map(drop)
}

/// Has the kernel say who sent each message.
pub fn name_senders(channel: BorrowedFd<'_>) -> Result<()> {
    rustix::net::sockopt::set_socket_passcred(channel, true)
}

/// What a channel has.
pub enum Received {
    /// A message, with a descriptor where it has one, and who sent it.
    Message(Outcome, Option<OwnedFd>, Option<Pid>),
    /// Nothing yet.
    Nothing,
    /// Nobody has the other end any more.
    End,
}

/// The next message, without waiting.
pub fn receive(channel: BorrowedFd<'_>) -> Received {
    let mut buffer = [0; 8192];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4), ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let length = match recvmsg(channel, &mut [IoSliceMut::new(&mut buffer)], &mut ancillary, flags) {
        Ok(message) => message.bytes,
        Err(Errno::AGAIN | Errno::INTR) => return Received::Nothing,
        Err(_) => 0,
    };
    let mut descriptor = None;
    let mut sender = None;
    for item in ancillary.drain() {
        match item {
            RecvAncillaryMessage::ScmRights(mut received) => descriptor = received.next(),
            RecvAncillaryMessage::ScmCredentials(credentials) => sender = Some(credentials.pid),
            _ => {}
        }
    }
    match buffer.get(..length).map(Outcome::decode) {
        Some(Ok(outcome)) => Received::Message(outcome, descriptor, sender),
        _ => Received::End,
    }
}
