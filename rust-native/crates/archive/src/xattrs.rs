//! Extended attributes and modes of what is held by a descriptor that may not be opened for reading: links, devices, pipes.

use std::os::fd::{AsRawFd, BorrowedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::{AtFlags, Mode, XattrFlags};
use rustix::io::Errno;

/// The name under which the kernel finds an open file again. What it stands for is the file itself, even where that is a link.
fn by_descriptor(file: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Sets the mode of what `file` is. A descriptor that only names it will do.
pub(crate) fn change_mode(file: BorrowedFd<'_>, mode: u32) -> Result<()> {
    let mode = Mode::from_raw_mode(mode);
    rustix::fs::chmodat(rustix::fs::CWD, by_descriptor(file), mode, AtFlags::empty()).syscall("fchmodat")
}

/// Sets an attribute of what `file` is.
pub(crate) fn set(file: BorrowedFd<'_>, name: &[u8], value: &[u8]) -> rustix::io::Result<()> {
    match rustix::fs::fsetxattr(file, name, value, XattrFlags::empty()) {
        Err(Errno::BADF) => rustix::fs::setxattr(by_descriptor(file), name, value, XattrFlags::empty()),
        outcome => outcome,
    }
}

/// An attribute's value, or nothing where it is not set.
pub(crate) fn get(file: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Vec<u8>>> {
    // The largest value that Linux takes (xattr(7)).
    let mut value = vec![0; 64 << 10];
    let outcome = match rustix::fs::fgetxattr(file, name, &mut value) {
        Err(Errno::BADF) => rustix::fs::getxattr(by_descriptor(file), name, &mut value),
        outcome => outcome,
    };
    match outcome {
        Ok(size) => {
            value.truncate(size);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        Err(errno) => Err(Failure::syscall("fgetxattr", errno)),
    }
}

/// Gives `to` all that a layer keeps of the attributes of `from`. The marks of overlayfs say how layers lie on each other, and stay behind.
pub(crate) fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    for name in list(from)? {
        if to_tar(&name).is_none() {
            continue;
        }
        if let Some(value) = get(from, &name)? {
            set(to, &name, &value).syscall("fsetxattr")?;
        }
    }
    Ok(())
}

/// All names, sorted.
pub(crate) fn list(file: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>> {
    let mut short = [0; 1024];
    let names = match try_list(file, &mut short) {
        Ok(size) => short.get(..size).unwrap_or_default().to_vec(),
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Err(Errno::RANGE) => {
            let mut long = vec![0; 64 << 10];
            let size = try_list(file, &mut long).syscall("flistxattr")?;
            long.truncate(size);
            long
        }
        Err(errno) => return Err(Failure::syscall("flistxattr", errno)),
    };
    let mut names: Vec<Vec<u8>> = names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect();
    names.sort_unstable();
    Ok(names)
}

fn try_list(file: BorrowedFd<'_>, buffer: &mut [u8]) -> rustix::io::Result<usize> {
    match rustix::fs::flistxattr(file, &mut *buffer) {
        Err(Errno::BADF) => rustix::fs::listxattr(by_descriptor(file), buffer),
        outcome => outcome,
    }
}

/// What an attribute of a layer becomes on the disk: user attributes, capabilities and trusted ones are taken, by their own name.
/// The marks of overlayfs are kept as ordinary attributes, by the escape that overlayfs itself uses for overlays in overlays
/// (Documentation/filesystems/overlayfs.rst, "Nesting overlayfs mounts"): no layer can hide files that way.
/// What else there is (SELinux labels, IMA hashes, POSIX ACLs) belongs to the machine that made it.
pub(crate) fn to_disk(name: &[u8]) -> Option<Vec<u8>> {
    for class in [&b"trusted."[..], b"user."] {
        if let Some(rest) = name.strip_prefix(class) {
            return Some(match rest.strip_prefix(b"overlay.") {
                Some(mark) => [class, b"overlay.overlay.", mark].concat(),
                None => name.to_vec(),
            });
        }
    }
    (name == b"security.capability").then(|| name.to_vec())
}

/// The way back. Marks of overlayfs say how layers lie on each other, and are no content.
pub(crate) fn to_tar(name: &[u8]) -> Option<Vec<u8>> {
    for class in [&b"trusted."[..], b"user."] {
        if let Some(rest) = name.strip_prefix(class) {
            let Some(mark) = rest.strip_prefix(b"overlay.") else { return Some(name.to_vec()) };
            return mark.strip_prefix(b"overlay.").map(|mark| [class, b"overlay.", mark].concat());
        }
    }
    (name == b"security.capability").then(|| name.to_vec())
}

#[cfg(test)]
mod tests {
    use super::{to_disk, to_tar};

    #[test]
    fn marks_of_overlayfs_are_escaped_and_come_back() {
        let table: &[(&[u8], Option<&[u8]>)] = &[
            (b"user.mime", Some(b"user.mime")),
            (b"user.overlay.opaque", Some(b"user.overlay.overlay.opaque")),
            (b"trusted.overlay.overlay.opaque", Some(b"trusted.overlay.overlay.overlay.opaque")),
            (b"trusted.x", Some(b"trusted.x")),
            (b"security.capability", Some(b"security.capability")),
            (b"security.selinux", None),
            (b"security.ima", None),
            (b"system.posix_acl_access", None),
            (b"nonsense", None),
        ];
        for (in_tar, on_disk) in table {
            assert_eq!(to_disk(in_tar).as_deref(), *on_disk);
            if let Some(name) = on_disk {
                assert_eq!(to_tar(name).as_deref(), Some(*in_tar));
            }
        }
        assert_eq!(to_tar(b"trusted.overlay.opaque"), None);
        assert_eq!(to_tar(b"user.overlay.whiteout"), None);
    }
}
