//! File systems and mounts by descriptor: fsopen(2), fsconfig(2), fsmount(2), open_tree(2), mount_setattr(2).
//! What is made here is attached nowhere; it goes when its last descriptor is closed.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags};

use crate::error::{Failure, Result, SyscallContext};

/// A file system that is being configured. Every failure carries what the kernel wrote into the configuration's log.
#[derive(Debug)]
pub struct FileSystem {
    context: OwnedFd,
    kind: &'static str,
}

impl FileSystem {
    /// Begins a file system of that type, by its name in `/proc/filesystems`.
    pub fn open(kind: &'static str) -> Result<Self> {
        let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
            .map_err(|errno| absent(Failure::syscall("fsopen", errno).during(kind), errno))?;
        Ok(Self { context, kind })
    }

    /// Sets an option that has a value.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        self.explained(rustix::mount::fsconfig_set_string(&self.context, key, value), key)
    }

    /// Sets an option that has none.
    pub fn flag(&self, key: &str) -> Result<()> {
        self.explained(rustix::mount::fsconfig_set_flag(&self.context, key), key)
    }

    /// Sets an option whose value is an open file.
    pub fn descriptor(&self, key: &str, value: BorrowedFd<'_>) -> Result<()> {
        self.explained(rustix::mount::fsconfig_set_fd(&self.context, key, value), key)
    }

    /// Makes the file system and one mount of it.
    pub fn mount(self, attributes: MountAttrFlags) -> Result<OwnedFd> {
        self.explained(rustix::mount::fsconfig_create(&self.context), "create")?;
        rustix::mount::fsmount(&self.context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map_err(|errno| Failure::syscall("fsmount", errno).during(self.kind))
    }

    fn explained(&self, outcome: rustix::io::Result<()>, step: &str) -> Result<()> {
        outcome.map_err(|errno| {
            let mut failure = Failure::syscall("fsconfig", errno).during(format!("{} {step}", self.kind));
            let log = self.log();
            if !log.is_empty() {
                failure.message = format!("{} ({log})", failure.message);
            }
            failure
        })
    }

    /// What the kernel said (fsopen(2), "Message retrieval interface"): one message a read, until ENODATA.
    fn log(&self) -> String {
        let mut messages = Vec::new();
        let mut buffer = [0_u8; 1024];
        while let Ok(length @ 1..) = rustix::io::read(&self.context, &mut buffer) {
            let message = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).trim().to_owned();
            messages.push(message.get(2..).map_or_else(|| message.clone(), str::to_owned));
        }
        messages.join("; ")
    }
}

/// An error number that says that the kernel has no such file system or call becomes `ERR_BOX_UNSUPPORTED`.
fn absent(mut failure: Failure, errno: Errno) -> Failure {
    if matches!(errno, Errno::NODEV | Errno::NOSYS) {
        failure.code = Some("ERR_BOX_UNSUPPORTED");
    }
    failure
}

/// Makes a file system in memory, of at most `size` bytes, whose top folder has that mode.
pub fn tmpfs(size: u64, mode: u32) -> Result<OwnedFd> {
    let files = FileSystem::open("tmpfs")?;
    files.set("size", size.to_string().as_bytes())?;
    files.set("mode", format!("{mode:o}").as_bytes())?;
    files.mount(MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOSUID)
}

/// Makes a mount that shows the tree at `folder`, without the mounts below it.
pub fn clone_tree(folder: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    rustix::mount::open_tree(folder, c"", flags).syscall("open_tree")
}

/// Makes a mount that shows the tree at `folder` as a root: with the ids of a user namespace where one is given, and without devices.
pub fn tree(folder: BorrowedFd<'_>, user_namespace: Option<BorrowedFd<'_>>, read_only: bool) -> Result<OwnedFd> {
    let tree = clone_tree(folder)?;
    if let Some(namespace) = user_namespace {
        map_ids(tree.as_fd(), namespace)?;
    }
    // Like an overlay, a root is not bound by what the mount forbids that its files happen to lie on.
    let clear = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
    let set = libc::MOUNT_ATTR_NODEV | if read_only { libc::MOUNT_ATTR_RDONLY } else { 0 };
    set_attributes(tree.as_fd(), MountAttributes { set, clear, ..MountAttributes::default() }, false)?;
    Ok(tree)
}

/// Shows the files of a mount that is not attached yet with the ids that a user namespace gives to them (mount_setattr(2),
/// "ID-mapped mounts"). Needs CAP_SYS_ADMIN in the namespace of the file system, and kernel 5.12 or later.
pub fn map_ids(mount: BorrowedFd<'_>, user_namespace: BorrowedFd<'_>) -> Result<()> {
    map_ids_below(mount, user_namespace, false)
}

/// As `map_ids`, where it is wanted also of the mounts below.
pub fn map_ids_below(mount: BorrowedFd<'_>, user_namespace: BorrowedFd<'_>, recursive: bool) -> Result<()> {
    let fd = u64::try_from(user_namespace.as_raw_fd()).map_err(|_| Failure::syscall("mount_setattr", Errno::BADF))?;
    let wanted = MountAttributes { set: libc::MOUNT_ATTR_IDMAP, user_namespace: fd, ..MountAttributes::default() };
    set_attributes(mount, wanted, recursive).map_err(|failure| failure.during("id-mapped mount"))
}

/// Adds `MOUNT_ATTR_…` to a mount, and to those below it.
pub fn add_attributes(mount: BorrowedFd<'_>, attributes: u64, recursive: bool) -> Result<()> {
    let wanted = MountAttributes { set: attributes, clear: box_plan::cleared_with(attributes), ..MountAttributes::default() };
    set_attributes(mount, wanted, recursive)
}

/// `struct mount_attr` of linux/mount.h, version 0.
#[repr(C)]
#[derive(Default)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

fn set_attributes(mount: BorrowedFd<'_>, attributes: MountAttributes, recursive: bool) -> Result<()> {
    const AT_RECURSIVE: libc::c_int = 0x8000;
    let empty: &CStr = c"";
    let flags = if recursive { libc::AT_EMPTY_PATH | AT_RECURSIVE } else { libc::AT_EMPTY_PATH };
    // SAFETY: the path ends with 0, the structure has the size that is passed, and the kernel only reads both.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            empty.as_ptr(),
            flags,
            std::ptr::from_ref(&attributes),
            size_of::<MountAttributes>(),
        )
    };
    if answer == 0 {
        return Ok(());
    }
    let errno = Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL);
    Err(absent(Failure::syscall("mount_setattr", errno), errno))
}
