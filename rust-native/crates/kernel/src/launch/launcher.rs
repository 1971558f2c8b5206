//! Starts the launcher: from a sealed file in memory, by a child that shares this process's memory for the moment until it executes.
//! Called on the reactor's thread only, which lives as long as the process.

use std::ffi::c_void;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use super::channel;
use crate::error::{Failure, Result, SyscallContext};

/// A launcher that runs.
pub struct Launcher {
    /// This process's end of the socket. Its end is the launcher's sign to end.
    pub socket: OwnedFd,
    /// The launcher's pidfd.
    pub pidfd: OwnedFd,
    /// With which ids it was started: another user's launches need another launcher.
    pub identity: Identity,
}

/// The ids that a launcher has from its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity([u32; 4]);

impl Identity {
    /// The caller's, now.
    pub fn current() -> Self {
        let ids = (rustix::process::getuid(), rustix::process::geteuid(), rustix::process::getgid(), rustix::process::getegid());
        Self([ids.0.as_raw(), ids.1.as_raw(), ids.2.as_raw(), ids.3.as_raw()])
    }
}

/// The executable, kept in memory for the next start.
pub fn sealed(executable: &[u8]) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know that a file can be asked to be executable.
    let file = memfd_create(c"box-launcher", flags | MemfdFlags::EXEC)
        .or_else(|errno| if errno == Errno::INVAL { memfd_create(c"box-launcher", flags) } else { Err(errno) })
        .syscall("memfd_create")?;
    let mut rest = executable;
    while !rest.is_empty() {
        let written = rustix::io::write(&file, rest).syscall("write")?;
        rest = rest.get(written..).unwrap_or_default();
    }
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).syscall("fcntl")?;
    Ok(file)
}

/// Starts it.
pub fn start(executable: &OwnedFd) -> Result<Launcher> {
    let identity = Identity::current();
    let (ours, theirs) = channel::pair().syscall("socketpair")?;
    let caller = pidfd_open(getpid(), PidfdFlags::empty()).syscall("pidfd_open")?;
    let pidfd = execute(executable, &theirs, &caller)?;
    Ok(Launcher { socket: ours, pidfd, identity })
}

/// The numbers that the launcher's `sys` expects.
const SOCKET: RawFd = 3;
const CALLER: RawFd = 4;
const FIRST_FREE: RawFd = 10;
const STACK: usize = 64 * 1024;

/// What the child needs; it reads this in the memory of its parent.
struct Start {
    executable: RawFd,
    socket: RawFd,
    caller: RawFd,
    errno: i32,
}

fn execute(executable: &OwnedFd, socket: &OwnedFd, caller: &OwnedFd) -> Result<OwnedFd> {
    let mut start = Start { executable: executable.as_raw_fd(), socket: socket.as_raw_fd(), caller: caller.as_raw_fd(), errno: 0 };
    let mut stack = vec![0u128; STACK / size_of::<u128>()];
    let mut pidfd: RawFd = -1;
    let top = stack.as_mut_ptr_range().end;
    // No exit signal: the launcher's children are this process's own, take this from it, and must not disturb whoever handles SIGCHLD.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;
    // SAFETY: the stack is the child's alone and outlives it (CLONE_VFORK: this thread sleeps until the child has executed or ended);
    // the child calls only what is safe between vfork and exec. Signals are blocked in this thread, so no handler runs on that stack.
    let pid = unsafe { libc::clone(child, top.cast(), flags, (&raw mut start).cast(), &raw mut pidfd) };
    drop(stack);
    if pid < 0 {
        return Err(Failure::last_os_error("clone").during("start the launcher"));
    }
    // SAFETY: the kernel has put a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    if start.errno != 0 {
        let _ = super::exit::collect(std::os::fd::AsFd::as_fd(&pidfd));
        let errno = Errno::from_raw_os_error(start.errno);
        return Err(Failure::syscall("execveat", errno).during("start the launcher"));
    }
    Ok(pidfd)
}

/// Puts the descriptors in their places and executes. Runs in the child, on memory that is shared with the parent.
extern "C" fn child(start: *mut c_void) -> libc::c_int {
    let start = start.cast::<Start>();
    // SAFETY: the parent made the structure, sleeps, and reads it after this has ended. The calls are plain system calls on numbers, and
    // on strings that live as long as the program.
    unsafe {
        let above = |descriptor: RawFd| libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, FIRST_FREE);
        let (executable, socket, caller) = (above((*start).executable), above((*start).socket), above((*start).caller));
        let arguments = [c"box-launcher".as_ptr(), std::ptr::null()];
        let environment: [*const libc::c_char; 1] = [std::ptr::null()];
        if executable >= 0 && libc::dup2(socket, SOCKET) >= 0 && libc::dup2(caller, CALLER) >= 0 {
            libc::syscall(libc::SYS_execveat, executable, c"".as_ptr(), arguments.as_ptr(), environment.as_ptr(), libc::AT_EMPTY_PATH);
        }
        (*start).errno = *libc::__errno_location();
        libc::_exit(127)
    }
}
