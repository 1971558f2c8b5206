//! Copy-on-write trees by overlayfs (Documentation/filesystems/overlayfs.rst of the kernel).

mod attached;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use crate::error::{Failure, Result, SyscallContext};
use crate::file_ids::FileIds;
use crate::mount::{FileSystem, clone_tree, map_ids};

/// The most lower layers that overlayfs takes (`OVL_MAX_STACK`).
pub const MAX_LOWERS: usize = 500;

/// What an overlay is made of.
#[derive(Debug)]
pub struct Overlay<'a> {
    /// The folders that are read, the uppermost first.
    pub lowers: &'a [OwnedFd],
    /// Where what is written is kept. None: nothing can be written.
    pub writable: Option<Writable<'a>>,
    /// Shows the layers with the ids that this user namespace gives to them, and stores in the upper folder what they are there.
    pub user_namespace: Option<BorrowedFd<'a>>,
    /// Keeps the marks of overlayfs in `user.overlay.*` instead of `trusted.overlay.*`: what a mount inside a user namespace can write.
    pub user_xattr: bool,
}

/// Where an overlay keeps what is written.
#[derive(Debug, Clone, Copy)]
pub enum Writable<'a> {
    /// A folder that holds the two folders `upper` and `work`. Nothing is forced to the disk (`volatile`): it serves one mount, and is
    /// thrown away after it.
    Temporary(BorrowedFd<'a>),
    /// Two folders of one mount. What is written lasts. Not with `user_namespace`.
    Lasting {
        /// What is written.
        upper: BorrowedFd<'a>,
        /// Where overlayfs works.
        work: BorrowedFd<'a>,
    },
}

impl Overlay<'_> {
    /// Makes the overlay and one mount of it, attached nowhere.
    pub fn mount(&self) -> Result<OwnedFd> {
        if self.lowers.len() > MAX_LOWERS {
            let message = format!("an overlay has at most {MAX_LOWERS} lower layers, not {}", self.lowers.len());
            return Err(Failure::new("ERR_BOX_UNSUPPORTED", message));
        }
        let layers = Layers::prepare(self)?;
        // What overlayfs makes by itself, it makes as who mounted it: that must be someone with an id in the upper folder's mapping.
        let _ids = match &layers.writable {
            Some(writable) if self.user_namespace.is_some() => Some(FileIds::owner_of(writable.view.as_fd())?),
            _ => None,
        };
        // By descriptor from kernel 6.13, of id-mapped mounts that are attached nowhere from 6.15.
        match self.attempt(&layers, Passing::Descriptors) {
            Err(failure) if refused(&failure) => {}
            Err(failure) if self.user_namespace.is_some() && unread(&failure) => {}
            outcome => return outcome,
        }
        if self.user_namespace.is_some() {
            return attached::mount(&layers, self.user_xattr).and_then(|mount| self.check_writable(mount));
        }
        // Before that, by the descriptors' names in /proc: `lowerdir+` from 6.8, and one list before.
        match self.attempt(&layers, Passing::Names) {
            Err(failure) if refused(&failure) || unread(&failure) => self.attempt(&layers, Passing::List),
            outcome => outcome,
        }
    }

    fn attempt(&self, layers: &Layers, passing: Passing) -> Result<OwnedFd> {
        let overlay = FileSystem::open("overlay")?;
        layers.pass(&overlay, passing)?;
        // Distributions build the kernel with other defaults. A commit that reads the upper folder alone is right only with these.
        overlay.set("index", b"off")?;
        overlay.set("xino", b"off")?;
        overlay.set("metacopy", b"off")?;
        if self.user_xattr {
            overlay.flag("userxattr")?;
        } else {
            overlay.set("redirect_dir", b"off")?;
        }
        if matches!(self.writable, Some(Writable::Temporary(_))) {
            overlay.flag("volatile")?;
        }
        // A device node in a layer would open this machine's device of that number.
        let mut attributes = MountAttrFlags::MOUNT_ATTR_NODEV;
        attributes.set(MountAttrFlags::MOUNT_ATTR_RDONLY, self.writable.is_none());
        self.check_writable(overlay.mount(attributes)?)
    }

    fn check_writable(&self, mount: OwnedFd) -> Result<OwnedFd> {
        // Where the work folder cannot be used the kernel says so in its log, and mounts without it.
        let status = rustix::fs::fstatvfs(&mount).syscall("fstatfs")?;
        if self.writable.is_some() && status.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(Failure::new("ERR_BOX_UNSUPPORTED", "overlayfs cannot write to this upper folder: it mounted read-only"));
        }
        Ok(mount)
    }
}

/// How the layers are named to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passing {
    Descriptors,
    Names,
    List,
}

/// Whether the kernel did not take a layer's option, as one that does not know this way to pass it.
fn refused(failure: &Failure) -> bool {
    let step = failure.step.as_deref().unwrap_or_default();
    let layer = ["lowerdir+", "lowerdir", "upperdir", "workdir"].iter().any(|key| step.ends_with(&format!(" {key}")));
    layer && matches!(failure.errno, Some(libc::EINVAL | libc::EBADF | libc::EOPNOTSUPP))
}

/// Before 6.5 options are text that overlayfs reads only when it is made; descriptors are not supported at all.
fn unread(failure: &Failure) -> bool {
    failure.errno == Some(libc::EINVAL) && failure.step.as_deref().is_some_and(|step| step.ends_with(" create"))
}

/// The folders as the kernel is to see them.
struct Layers {
    lowers: Vec<OwnedFd>,
    writable: Option<Opened>,
}

struct Opened {
    upper: OwnedFd,
    work: OwnedFd,
    /// A mount of its own dissolves when its descriptor is closed, whatever is open below it.
    view: OwnedFd,
}

impl Layers {
    fn prepare(overlay: &Overlay<'_>) -> Result<Self> {
        let view = |folder: BorrowedFd<'_>| match overlay.user_namespace {
            None => folder.try_clone_to_owned().map_err(|error| Failure::syscall("fcntl", errno_of(&error))),
            Some(namespace) => {
                let tree = clone_tree(folder)?;
                map_ids(tree.as_fd(), namespace)?;
                Ok(tree)
            }
        };
        let lowers = overlay.lowers.iter().map(|lower| view(lower.as_fd())).collect::<Result<_>>()?;
        let writable = overlay
            .writable
            .map(|writable| match writable {
                Writable::Temporary(folder) => {
                    // One view for both: overlayfs wants the upper and the work folder on the same mount.
                    let view = view(folder)?;
                    let (upper, work) = (open_folder(view.as_fd(), "upper")?, open_folder(view.as_fd(), "work")?);
                    Ok(Opened { upper, work, view })
                }
                Writable::Lasting { upper, work } => Ok(Opened { upper: view(upper)?, work: view(work)?, view: view(upper)? }),
            })
            .transpose()?;
        Ok(Self { lowers, writable })
    }

    fn pass(&self, overlay: &FileSystem, passing: Passing) -> Result<()> {
        let one = |key: &str, folder: &OwnedFd| match passing {
            Passing::Descriptors => overlay.descriptor(key, folder.as_fd()),
            Passing::Names | Passing::List => overlay.set(key, name_of(folder).as_bytes()),
        };
        if passing == Passing::List {
            let names: Vec<String> = self.lowers.iter().map(name_of).collect();
            overlay.set("lowerdir", names.join(":").as_bytes())?;
        } else {
            self.lowers.iter().try_for_each(|lower| one("lowerdir+", lower))?;
        }
        if let Some(Opened { upper, work, .. }) = &self.writable {
            one("upperdir", upper)?;
            one("workdir", work)?;
        }
        Ok(())
    }
}

fn name_of(folder: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", folder.as_raw_fd())
}

/// Opens a folder below `parent`; a link is refused.
pub fn open_folder(parent: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty()).syscall("openat").map_err(|failure| failure.at(name))
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
