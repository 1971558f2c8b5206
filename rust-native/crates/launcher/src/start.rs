//! What the launcher does once, before it serves: it lets go of everything that it was given by its caller.

use std::ffi::{CStr, CString};
use std::os::fd::{IntoRawFd, RawFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Result;
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::sys;

/// From `<linux/magic.h>`.
const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// Whether this is the program of a caller that has given it a socket to serve.
pub fn was_started_to_serve() -> bool {
    std::env::args_os().eq([std::ffi::OsStr::new("box-launcher")])
        && rustix::net::sockopt::socket_type(sys::fixed(sys::SOCKET)) == Ok(rustix::net::SocketType::SEQPACKET)
}

pub fn prepare_self() -> Result<()> {
    sys::prctl(libc::PR_SET_DUMPABLE, 0)?;
    sys::reset_signals();
    // A session of its own: an interrupt typed at the caller's terminal is for the caller.
    let _ = rustix::process::setsid();
    rustix::process::chdir(c"/")?;
    // Left open: it may be one of the three itself, and all others are closed below.
    let null = rustix::fs::openat(CWD, c"/dev/null", OFlags::RDWR, Mode::empty())?.into_raw_fd();
    for standard in (0..=2).filter(|standard| *standard != null) {
        sys::duplicate_to(null, standard)?;
    }
    open_proc()?;
    sys::close_range(u32::try_from(sys::PROC + 1).unwrap_or(0), u32::MAX, 0)?;
    no_inheritable_capabilities()?;
    sys::forget_start();
    Ok(())
}

fn open_proc() -> Result<()> {
    let proc = rustix::fs::openat(CWD, c"/proc", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let kind = rustix::fs::fstatfs(&proc)?.f_type;
    if u64::try_from(kind).ok() != Some(PROC_SUPER_MAGIC) {
        return Err(rustix::io::Errno::NODEV);
    }
    let found: RawFd = proc.into_raw_fd();
    if found != sys::PROC {
        sys::duplicate_to(found, sys::PROC)?;
    }
    Ok(())
}

/// A file system's capabilities would be added to inheritable ones at the payload's execve: there are none.
fn no_inheritable_capabilities() -> Result<()> {
    sys::ambient(libc::PR_CAP_AMBIENT_CLEAR_ALL, 0)?;
    let sets = rustix::thread::capabilities(None)?;
    rustix::thread::set_capabilities(None, CapabilitySets { inheritable: CapabilitySet::empty(), ..sets })
}

/// Writes a file below /proc, which was checked to be a procfs; no mount over it and no link is followed.
pub fn write_proc(path: &CStr, content: &[u8]) -> Result<()> {
    use rustix::fs::ResolveFlags;
    let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS | ResolveFlags::BENEATH;
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat2(sys::fixed(sys::PROC), path, flags, Mode::empty(), resolve)?;
    rustix::io::write(&file, content).map(drop)
}

/// The whole path of such a file, for an error.
pub fn below_proc(path: &CStr) -> CString {
    CString::new([b"/proc/", path.to_bytes()].concat()).unwrap_or_default()
}
