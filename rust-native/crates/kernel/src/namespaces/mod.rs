//! Namespaces by descriptor (namespaces(7), ioctl_ns(2)): opened, described, kept at a path, and listed.

mod list;
mod pin;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::fs::{FsWord, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::error::{Failure, Result, SyscallContext};

pub use list::{Entry, list};
pub use pin::{pin, unpin};

/// A kind of namespace: as the runtime specification names it, as `/proc/PID/ns` does, and its `CLONE_NEW…`.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// config-linux.md, "Namespaces".
    pub name: &'static str,
    /// The file in `/proc/PID/ns`.
    pub file: &'static str,
    /// `CLONE_NEW…`.
    pub flag: i32,
}

/// All kinds.
pub const KINDS: [Kind; 8] = [
    Kind { name: "user", file: "user", flag: libc::CLONE_NEWUSER },
    Kind { name: "pid", file: "pid", flag: libc::CLONE_NEWPID },
    Kind { name: "mount", file: "mnt", flag: libc::CLONE_NEWNS },
    Kind { name: "uts", file: "uts", flag: libc::CLONE_NEWUTS },
    Kind { name: "ipc", file: "ipc", flag: libc::CLONE_NEWIPC },
    Kind { name: "network", file: "net", flag: libc::CLONE_NEWNET },
    Kind { name: "cgroup", file: "cgroup", flag: libc::CLONE_NEWCGROUP },
    // CLONE_NEWTIME, which libc does not name.
    Kind { name: "time", file: "time", flag: 0x80 },
];

/// What the kernel says of a namespace.
#[derive(Debug)]
pub struct Description {
    /// Its kind.
    pub kind: &'static Kind,
    /// Its inode number, which no other namespace has while it is there.
    pub id: u64,
    /// Of a user namespace: the effective user id of who made it, as the caller sees it.
    pub owner_uid: Option<u32>,
}

/// Opens the namespace at a path, such as `/proc/PID/ns/net` or where one is pinned. What is no namespace is not opened:
/// `ERR_BOX_INVALID_ARGUMENT`. Waits where the path's file system does.
pub fn open(path: &Path) -> Result<OwnedFd> {
    let at = |failure: Failure| failure.at(path.as_os_str().as_encoded_bytes());
    let place = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).syscall("open").map_err(at)?;
    if !is_namespace(place.as_fd()).map_err(at)? {
        return Err(at(Failure::new("ERR_BOX_INVALID_ARGUMENT", "this is not a namespace")));
    }
    let name = format!("/proc/self/fd/{}", place.as_raw_fd());
    rustix::fs::open(name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).syscall("open").map_err(at)
}

/// Opens a namespace of a process: of one that is held by a pidfd, or of whoever has that id now. `ERR_BOX_STATE` where it has ended.
pub fn of_process(pid: u32, pidfd: Option<BorrowedFd<'_>>, kind: &Kind) -> Result<OwnedFd> {
    let ended = || Failure::new("ERR_BOX_STATE", format!("process {pid} has ended, and its namespaces cannot be opened"));
    let opened;
    let pidfd = match pidfd {
        Some(pidfd) => pidfd,
        None => {
            let id = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH);
            opened = match id.and_then(|id| pidfd_open(id, PidfdFlags::empty())) {
                Err(Errno::SRCH) => return Err(ended()),
                result => result.syscall("pidfd_open")?,
            };
            opened.as_fd()
        }
    };
    let path = format!("/proc/{pid}/ns/{}", kind.file);
    let namespace = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    // The number is the process's own for as long as the process can be signalled.
    if has_ended(pidfd)? {
        return Err(ended());
    }
    match namespace {
        // One that nobody has collected yet is in no namespace any more.
        Err(Errno::NOENT | Errno::SRCH) if exists(kind) => Err(ended()),
        Err(Errno::NOENT) => Err(absent(kind)),
        result => result.syscall("open").map_err(|failure| failure.at(&path)),
    }
}

/// Opens a namespace of this process.
pub fn own(kind: &Kind) -> Result<OwnedFd> {
    let path = format!("/proc/self/ns/{}", kind.file);
    match rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOENT) => Err(absent(kind)),
        result => result.syscall("open").map_err(|failure| failure.at(&path)),
    }
}

fn exists(kind: &Kind) -> bool {
    Path::new("/proc/self/ns").join(kind.file).exists()
}

fn absent(kind: &Kind) -> Failure {
    Failure::new("ERR_BOX_UNSUPPORTED", format!("this kernel has no {} namespaces, or no /proc is mounted", kind.name))
}

fn has_ended(pidfd: BorrowedFd<'_>) -> Result<bool> {
    // SAFETY: numbers and a null pointer.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), 0, std::ptr::null::<libc::c_void>(), 0) };
    if result == 0 {
        return Ok(false);
    }
    let failure = Failure::last_os_error("pidfd_send_signal");
    match failure.errno {
        Some(libc::ESRCH) => Ok(true),
        // Somebody else's process runs nevertheless.
        Some(libc::EPERM) => Ok(false),
        _ => Err(failure),
    }
}

/// Kind, number and owner's id.
pub fn describe(namespace: BorrowedFd<'_>) -> Result<Description> {
    if !is_namespace(namespace)? {
        return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "this descriptor is not of a namespace"));
    }
    let flag = ask(namespace, NS_GET_NSTYPE).syscall("ioctl")?;
    let kind = KINDS.iter().find(|kind| kind.flag == flag);
    let kind = kind.ok_or_else(|| Failure::new("ERR_BOX_UNSUPPORTED", format!("a namespace of the unknown kind {flag:#x}")))?;
    let id = rustix::fs::fstat(namespace).syscall("fstat")?.st_ino;
    let owner_uid = if kind.flag == libc::CLONE_NEWUSER { Some(owner_uid(namespace).syscall("ioctl")?) } else { None };
    Ok(Description { kind, id, owner_uid })
}

/// The user namespace that a namespace belongs to; of a user namespace its parent. None where the caller may not see it.
pub fn owner(namespace: BorrowedFd<'_>) -> Result<Option<OwnedFd>> {
    related(namespace, NS_GET_USERNS)
}

/// The namespace above a pid or user namespace. None of other kinds, of the first one, and where the caller may not see it.
pub fn parent(namespace: BorrowedFd<'_>) -> Result<Option<OwnedFd>> {
    related(namespace, NS_GET_PARENT)
}

// linux/nsfs.h
const NS_GET_USERNS: u32 = 0xb701;
const NS_GET_PARENT: u32 = 0xb702;
const NS_GET_NSTYPE: u32 = 0xb703;
const NS_GET_OWNER_UID: u32 = 0xb704;

fn related(namespace: BorrowedFd<'_>, request: u32) -> Result<Option<OwnedFd>> {
    match ask(namespace, request) {
        // SAFETY: the kernel has made a new descriptor.
        Ok(descriptor) => Ok(Some(unsafe { OwnedFd::from_raw_fd(descriptor) })),
        Err(Errno::PERM | Errno::INVAL) => Ok(None),
        Err(errno) => Err(Failure::syscall("ioctl", errno)),
    }
}

fn ask(namespace: BorrowedFd<'_>, request: u32) -> rustix::io::Result<RawFd> {
    // SAFETY: these requests take no argument. The file is of nsfs: no driver sees the number.
    let answer = unsafe { libc::ioctl(namespace.as_raw_fd(), request as _) };
    if answer >= 0 { Ok(answer) } else { Err(last_errno()) }
}

fn owner_uid(namespace: BorrowedFd<'_>) -> rustix::io::Result<u32> {
    let mut uid: libc::uid_t = 0;
    // SAFETY: the request writes one uid_t.
    let answer = unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_OWNER_UID as _, &raw mut uid) };
    if answer >= 0 { Ok(uid) } else { Err(last_errno()) }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// linux/magic.h
const NSFS_MAGIC: FsWord = 0x6e73_6673;

fn is_namespace(file: BorrowedFd<'_>) -> Result<bool> {
    Ok(rustix::fs::fstatfs(file).syscall("fstatfs")?.f_type == NSFS_MAGIC)
}
