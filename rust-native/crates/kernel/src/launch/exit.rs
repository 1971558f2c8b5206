//! How a process ended, read once.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use crate::error::{Failure, Result};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The exit code, or -1 where a signal ended it.
    pub code: i32,
    /// The signal, or 0.
    pub signal: i32,
    /// Processor time in user mode, in microseconds.
    pub user_us: i64,
    /// Processor time in the kernel, in microseconds.
    pub system_us: i64,
    /// The largest resident set, in bytes.
    pub max_rss: i64,
}

/// Reads and collects the exit of a child whose pidfd has become readable.
/// `ERR_BOX_EXIT_STOLEN` where someone else in this process has collected it and the kernel does not keep it.
pub fn collect(pidfd: BorrowedFd<'_>) -> Result<Exit> {
    let mut info: MaybeUninit<libc::siginfo_t> = MaybeUninit::zeroed();
    let mut usage: MaybeUninit<libc::rusage> = MaybeUninit::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::__WALL;
    // SAFETY: both structures are valid for the call and, being zeroed, are initialised whatever the kernel writes.
    let (result, info, usage) = unsafe {
        let result = libc::syscall(libc::SYS_waitid, libc::P_PIDFD, pidfd.as_raw_fd(), info.as_mut_ptr(), options, usage.as_mut_ptr());
        (result, info.assume_init(), usage.assume_init())
    };
    if result != 0 {
        let failure = Failure::last_os_error("waitid");
        return if failure.errno == Some(Errno::CHILD.raw_os_error()) { kept_exit(pidfd) } else { Err(failure) };
    }
    // SAFETY: waitid fills this part of the union.
    let status = unsafe { info.si_status() };
    let exited = info.si_code == libc::CLD_EXITED;
    Ok(Exit {
        code: if exited { status } else { -1 },
        signal: if exited { 0 } else { status },
        user_us: microseconds(usage.ru_utime),
        system_us: microseconds(usage.ru_stime),
        max_rss: usage.ru_maxrss * 1024,
    })
}

#[expect(clippy::unnecessary_cast, reason = "the fields' types differ between architectures")]
fn microseconds(time: libc::timeval) -> i64 {
    time.tv_sec as i64 * 1_000_000 + time.tv_usec as i64
}

/// struct pidfd_info of `<linux/pidfd.h>`, in its first size that has the exit code.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

/// What the kernel keeps of the exit with the pidfd (from 6.15). How much was used is not among it.
fn kept_exit(pidfd: BorrowedFd<'_>) -> Result<Exit> {
    const PIDFD_INFO_EXIT: u64 = 1 << 3;
    // _IOWR(0xFF, 11, struct pidfd_info)
    const PIDFD_GET_INFO: libc::c_ulong = (3 << 30) | ((size_of::<PidfdInfo>() as libc::c_ulong) << 16) | (0xff << 8) | 11;
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..Default::default() };
    // SAFETY: the structure is valid for the call, and the request carries its size.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO as _, &raw mut info) };
    if result != 0 || info.mask & PIDFD_INFO_EXIT == 0 {
        return Err(Failure::new("ERR_BOX_EXIT_STOLEN", "the exit status was collected by someone else in this process"));
    }
    let signalled = libc::WIFSIGNALED(info.exit_code);
    Ok(Exit {
        code: if signalled { -1 } else { libc::WEXITSTATUS(info.exit_code) },
        signal: if signalled { libc::WTERMSIG(info.exit_code) } else { 0 },
        user_us: 0,
        system_us: 0,
        max_rss: 0,
    })
}
