//! The system calls that rustix has no function for. Everything unsafe of the launcher is here.

use std::ffi::{CStr, c_int, c_long, c_void};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::{Errno, Result};

/// The launcher's end of the socket to its caller, where the caller puts it.
pub const SOCKET: RawFd = 3;
/// A pidfd of the caller.
pub const CALLER: RawFd = 4;
/// /proc as the launcher found it, checked to be a procfs.
pub const PROC: RawFd = 5;

/// One of the three descriptors above.
pub fn fixed(descriptor: RawFd) -> BorrowedFd<'static> {
    // SAFETY: these are opened before anything else runs and are never closed while the process runs this program.
    unsafe { BorrowedFd::borrow_raw(descriptor) }
}

fn check(result: c_long) -> Result<c_long> {
    if result >= 0 { Ok(result) } else { Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)) }
}

/// The arguments of clone3(2), in its second version.
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Which side of a clone this is.
pub enum Cloned {
    /// The child.
    Child,
    /// The one that made it.
    Maker {
        /// The child's id.
        pid: u32,
        /// The child's pidfd.
        pidfd: OwnedFd,
    },
}

/// clone3(2) without shared memory and without an exit signal.
pub fn clone3(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> Result<Cloned> {
    let mut pidfd: RawFd = -1;
    let mut arguments = CloneArguments { flags: flags | libc::CLONE_PIDFD as u64, ..Default::default() };
    arguments.pidfd = std::ptr::from_mut(&mut pidfd) as u64;
    if let Some(cgroup) = cgroup {
        const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = u64::try_from(cgroup.as_raw_fd()).unwrap_or(0);
    }
    // SAFETY: the structure is valid for the call. Memory is copied, not shared, and this process has one thread, so that the child finds
    // every lock and structure as its maker had them.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<CloneArguments>()) })?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    // SAFETY: the kernel has put a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Cloned::Maker { pid: u32::try_from(pid).unwrap_or(0), pidfd })
}

/// A child of this process in the usual way, for the init. Gives 0 in the child.
pub fn fork() -> Result<i32> {
    // SAFETY: one thread; see `clone3`.
    check(c_long::from(unsafe { libc::fork() })).map(|pid| i32::try_from(pid).unwrap_or(-1))
}

/// getpid(2).
pub fn own_id() -> u32 {
    std::process::id()
}

/// The status of a child of this process's own, once it has ended.
pub fn wait(child: i32) -> Result<c_int> {
    let mut status = 0;
    loop {
        // SAFETY: the status is a valid place.
        match check(c_long::from(unsafe { libc::waitpid(child, &raw mut status, 0) })) {
            Err(Errno::INTR) => {}
            result => return result.map(|_| status),
        }
    }
}

/// _exit(2).
pub fn exit(code: c_int) -> ! {
    // SAFETY: no destructor has to run.
    unsafe { libc::_exit(code) }
}

/// execve(2); comes back only with an error.
pub fn execve(path: &CStr, arguments: &[*const libc::c_char], environment: &[*const libc::c_char]) -> Errno {
    // SAFETY: both lists end with a null pointer and hold strings that outlive the call; `exec` makes them so.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// prctl(2) with numbers only.
pub fn prctl(option: c_int, argument: u64) -> Result<()> {
    // SAFETY: the options used here take numbers and read no memory.
    check(c_long::from(unsafe { libc::prctl(option, argument, 0u64, 0u64, 0u64) })).map(drop)
}

/// prctl(2) of `PR_CAP_AMBIENT`.
pub fn ambient(operation: c_int, capability: u64) -> Result<()> {
    // SAFETY: numbers only.
    check(c_long::from(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, operation as u64, capability, 0u64, 0u64) })).map(drop)
}

/// close_range(2).
pub fn close_range(first: u32, last: u32, flags: u32) -> Result<()> {
    // SAFETY: whoever calls this owns the descriptors and uses none of them afterwards.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) }).map(drop)
}

/// Looks at a descriptor by its number, for as long as the caller knows it is open.
pub fn borrow<'fd>(descriptor: RawFd) -> BorrowedFd<'fd> {
    // SAFETY: the callers pass numbers of descriptors that they keep open.
    unsafe { BorrowedFd::borrow_raw(descriptor) }
}

/// dup2(2), which also forgets close-on-exec.
pub fn duplicate_to(from: RawFd, to: RawFd) -> Result<()> {
    // SAFETY: both are numbers; what was open as `to` is meant to be replaced.
    check(c_long::from(unsafe { libc::dup2(from, to) })).map(drop)
}

/// The attributes of mount_setattr(2).
#[repr(C)]
#[derive(Default)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// mount_setattr(2) of the mount that `mount` refers to.
pub fn mount_setattr(mount: impl AsFd, recursive: bool, set: u64, propagation: u64) -> Result<()> {
    const AT_RECURSIVE: c_int = 0x8000;
    let flags = libc::AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    let attributes = MountAttributes { set, clear: box_plan::cleared_with(set), propagation, ..Default::default() };
    let descriptor = mount.as_fd().as_raw_fd();
    // SAFETY: the structure is valid for the call, the path is an empty string.
    let result = unsafe {
        libc::syscall(libc::SYS_mount_setattr, descriptor, c"".as_ptr(), flags, &raw const attributes, size_of::<MountAttributes>())
    };
    check(result).map(drop)
}

/// pivot_root(2) of the current folder, so that the old root lies over the new one.
pub fn pivot_here() -> Result<()> {
    // SAFETY: two valid strings.
    check(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) }).map(drop)
}

/// setdomainname(2).
pub fn setdomainname(name: &[u8]) -> Result<()> {
    // SAFETY: the length is that of the slice.
    check(c_long::from(unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) })).map(drop)
}

/// setns(2).
pub fn setns(descriptor: BorrowedFd<'_>, kinds: u32) -> Result<()> {
    let kinds = c_int::from_ne_bytes(kinds.to_ne_bytes());
    // SAFETY: numbers only.
    check(c_long::from(unsafe { libc::setns(descriptor.as_raw_fd(), kinds) })).map(drop)
}

/// unshare(2) of namespaces.
pub fn unshare(kinds: c_int) -> Result<()> {
    // SAFETY: only namespaces are unshared, no memory and no descriptors.
    check(c_long::from(unsafe { libc::unshare(kinds) })).map(drop)
}

/// setrlimit(2).
pub fn setrlimit(resource: u32, soft: u64, hard: u64) -> Result<()> {
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the structure is valid for the call.
    check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const limit, std::ptr::null::<c_void>()) }).map(drop)
}

/// seccomp(2) with a filter of 8-byte instructions. Gives the listener, where the flags ask for one; it is closed by execve.
pub fn seccomp(flags: u32, filter: &[u8]) -> Result<RawFd> {
    let length = u16::try_from(filter.len() / size_of::<libc::sock_filter>()).map_err(|_| Errno::INVAL)?;
    let copy: Vec<libc::sock_filter> = filter
        .as_chunks::<8>()
        .0
        .iter()
        .map(|[a, b, jt, jf, k @ ..]| libc::sock_filter { code: u16::from_le_bytes([*a, *b]), jt: *jt, jf: *jf, k: u32::from_le_bytes(*k) })
        .collect();
    let program = libc::sock_fprog { len: length, filter: copy.as_ptr().cast_mut() };
    // SAFETY: the program and the instructions are valid for the call, which copies them.
    let result = check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) });
    // What the allocator has to do comes after the listener is sent: the filter may hold it up.
    std::mem::forget(copy);
    result.map(|listener| RawFd::try_from(listener).unwrap_or(-1))
}

/// Lets go of the program's own pages, which a start maps many at a time: those that serving needs come back from the file one group at a time.
pub fn forget_start() {
    unsafe extern "C" {
        // Made by the linker: where the program begins in memory, and where its code ends.
        static __executable_start: u8;
        static etext: u8;
    }
    let (first, last) = (&raw const __executable_start as usize, &raw const etext as usize);
    // SAFETY: these pages are mapped from the executable, privately, and nothing has written them: they are read from it again. The range
    // begins at a page. Where the kernel refuses, they stay.
    unsafe { libc::madvise(first as *mut c_void, last.saturating_sub(first), libc::MADV_DONTNEED) };
}

/// Sets every signal to its default and lets all of them through.
pub fn reset_signals() {
    // SAFETY: plain system calls on valid structures; signals that cannot be changed answer EINVAL, which is well.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Blocks every signal.
pub fn block_signals() {
    // SAFETY: plain system calls on a valid structure.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}

/// Waits for the next signal of those that are blocked. Gives its number.
pub fn next_signal() -> c_int {
    // SAFETY: plain system calls on a valid structure.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigwaitinfo(&raw const all, std::ptr::null_mut())
    }
}

/// kill(2).
pub fn kill(pid: i32, signal: c_int) {
    // SAFETY: numbers only. A process that is gone answers ESRCH, which is well.
    unsafe { libc::kill(pid, signal) };
}

/// waitpid(2) of any child, without waiting. Gives its id and status.
pub fn reap() -> Option<(i32, c_int)> {
    let mut status = 0;
    // SAFETY: the status is a valid place.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    (pid > 0).then_some((pid, status))
}

/// pidfd_send_signal(2) of SIGKILL.
pub fn kill_by(pidfd: impl AsFd) {
    // SAFETY: numbers and a null pointer. A process that is gone answers ESRCH, which is well.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_fd().as_raw_fd(), libc::SIGKILL, std::ptr::null::<c_void>(), 0) };
}

/// ioctl(2) SIOCSIFFLAGS: the interface `lo` up.
pub fn loopback_up(socket: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: a zeroed ifreq is valid; the name fits and is followed by zeros.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (place, byte) in request.ifr_name.iter_mut().zip(*b"lo") {
            *place = byte.cast_signed() as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        check(c_long::from(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request))).map(drop)
    }
}

/// The version of the landlock interface that the kernel has.
pub fn landlock_version() -> Result<u32> {
    const LANDLOCK_CREATE_RULESET_VERSION: u32 = 1;
    // SAFETY: no structure is passed.
    let version =
        check(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<c_void>(), 0, LANDLOCK_CREATE_RULESET_VERSION) })?;
    Ok(u32::try_from(version).unwrap_or(0))
}

/// landlock_create_ruleset(2). An older kernel takes a structure whose end it does not know where that is zero.
pub fn landlock_create_ruleset(files: u64, network: u64, scopes: u64) -> Result<OwnedFd> {
    let attributes: [u64; 3] = [files, network, scopes];
    let known = attributes.iter().rposition(|rights| *rights != 0).map_or(1, |last| last + 1);
    // SAFETY: the structure is at least as long as is said.
    let ruleset = check(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, attributes.as_ptr(), known * size_of::<u64>(), 0) })?;
    // SAFETY: the kernel has made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(RawFd::try_from(ruleset).unwrap_or(-1)) })
}

/// struct landlock_path_beneath_attr, which is packed.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: RawFd,
}

/// landlock_add_rule(2) for what is at and below a file.
pub fn landlock_add_path(ruleset: BorrowedFd<'_>, place: BorrowedFd<'_>, allowed: u64) -> Result<()> {
    const LANDLOCK_RULE_PATH_BENEATH: c_int = 1;
    let rule = PathBeneath { allowed, parent: place.as_raw_fd() };
    // SAFETY: the structure is valid for the call.
    check(unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), LANDLOCK_RULE_PATH_BENEATH, &raw const rule, 0) })
        .map(drop)
}

/// landlock_add_rule(2) for a TCP port.
pub fn landlock_add_port(ruleset: BorrowedFd<'_>, port: u16, allowed: u64) -> Result<()> {
    const LANDLOCK_RULE_NET_PORT: c_int = 2;
    let rule: [u64; 2] = [allowed, u64::from(port)];
    // SAFETY: struct landlock_net_port_attr is these two numbers.
    check(unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), LANDLOCK_RULE_NET_PORT, rule.as_ptr(), 0) }).map(drop)
}

/// landlock_restrict_self(2).
pub fn landlock_restrict_self(ruleset: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: numbers only.
    check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) }).map(drop)
}

/// struct sched_attr, in its first size.
#[repr(C)]
pub struct SchedulerAttributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    times: [u64; 3],
}

impl SchedulerAttributes {
    /// `times` are runtime, deadline and period.
    pub fn new((policy, flags): (u32, u64), (nice, priority): (i32, u32), times: [u64; 3]) -> Self {
        Self { size: u32::try_from(size_of::<Self>()).unwrap_or(0), policy, flags, nice, priority, times }
    }
}

/// sched_setattr(2) of this process.
pub fn sched_setattr(attributes: &SchedulerAttributes) -> Result<()> {
    // SAFETY: the structure is valid for the call and says its size.
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, std::ptr::from_ref(attributes), 0) }).map(drop)
}

/// ioprio_set(2) of this process.
pub fn ioprio_set(value: u32) -> Result<()> {
    const IOPRIO_WHO_PROCESS: c_int = 1;
    // SAFETY: numbers only.
    check(unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) }).map(drop)
}

/// sched_setaffinity(2) of this process.
pub fn sched_setaffinity(mask: &[u64]) -> Result<()> {
    // SAFETY: the length is that of the slice.
    check(unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(mask), mask.as_ptr()) }).map(drop)
}

/// set_mempolicy(2).
pub fn set_mempolicy(mode: u32, nodes: &[u64]) -> Result<()> {
    // The kernel counts one bit less than it is told.
    let bits = if nodes.is_empty() { 0 } else { nodes.len() * 64 + 1 };
    let mask = if nodes.is_empty() { std::ptr::null() } else { nodes.as_ptr() };
    // SAFETY: the mask has as many bits as the kernel reads.
    check(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, mask, bits) }).map(drop)
}

/// personality(2).
pub fn personality(value: u32) -> Result<()> {
    // SAFETY: a number only.
    check(unsafe { libc::syscall(libc::SYS_personality, value) }).map(drop)
}

/// keyctl(2), KEYCTL_JOIN_SESSION_KEYRING.
pub fn join_session_keyring(name: &CStr) -> Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: c_int = 1;
    // SAFETY: a valid string.
    check(unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr()) }).map(drop)
}
