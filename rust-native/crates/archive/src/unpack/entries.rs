//! Files, links, devices and pipes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::path::Path;
use super::resolve::Parent;
use super::{Devices, Ids, Unpacker, shown, whiteouts};
use crate::failure::invalid;
use crate::overlay::{is_whiteout, name_only};
use crate::tar::{Entry, Kind, Time};
use crate::tree::{self, inode, stat_if_there};
use crate::xattrs;

/// A file that is being written.
pub(super) struct File {
    file: OwnedFd,
    entry: Entry,
}

impl File {
    pub(super) fn write(&self, mut offset: u64, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let count = rustix::io::retry_on_intr(|| rustix::io::pwrite(&self.file, bytes, offset)).syscall("pwrite")?;
            if count == 0 {
                return Err(Failure::syscall("pwrite", Errno::NOSPC));
            }
            offset += count as u64;
            bytes = bytes.get(count..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Both times are the content's: reading a layer must not change it.
pub(crate) fn timestamps(time: Time) -> Timestamps {
    let time = Timespec { tv_sec: time.seconds, tv_nsec: i64::from(time.nanoseconds) };
    Timestamps { last_access: time, last_modification: time }
}

impl Unpacker {
    /// Opens the file. Its size is checked by who reads the archive, its content follows.
    pub(super) fn begin_file(&mut self, entry: &Entry, parent: &Parent, name: &[u8]) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR);
        let file = match open() {
            Err(Errno::EXIST) => {
                self.make_way(parent.as_fd(), name)?;
                open()
            }
            outcome => outcome,
        }
        .syscall("openat")?;
        self.file = Some(File { file, entry: entry.clone() });
        Ok(())
    }

    /// The content is complete. Owner before attributes before mode: a change of owner takes capabilities and set-id bits away.
    pub(super) fn settle_file(&mut self, file: File) -> Result<()> {
        let File { file, entry } = file;
        if entry.sparse {
            rustix::fs::ftruncate(&file, entry.size).syscall("ftruncate")?;
        }
        self.own(file.as_fd(), entry.uid, entry.gid)?;
        self.attributes(file.as_fd(), &entry)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(entry.mode)).syscall("fchmod")?;
        rustix::fs::futimens(&file, &timestamps(entry.mtime)).syscall("utimensat")
    }

    pub(super) fn symlink(&mut self, entry: &Entry, parent: &Parent, name: &[u8]) -> Result<()> {
        if entry.link.is_empty() {
            return Err(invalid(&entry.path, "a symbolic link has no target"));
        }
        self.make_way_if_needed(parent.as_fd(), name)?;
        rustix::fs::symlinkat(entry.link.as_slice(), parent, name).syscall("symlinkat")?;
        let link = name_only(parent.as_fd(), name)?;
        self.own_by_name(parent, name, entry)?;
        self.attributes(link.as_fd(), entry)?;
        self.time_by_name(parent, name, entry)
    }

    pub(super) fn node(&mut self, entry: &Entry, parent: &Parent, name: &[u8]) -> Result<()> {
        let (kind, device) = match entry.kind {
            Kind::Fifo => (FileType::Fifo, 0),
            Kind::CharDevice => (FileType::CharacterDevice, rustix::fs::makedev(entry.device.0, entry.device.1)),
            _ => (FileType::BlockDevice, rustix::fs::makedev(entry.device.0, entry.device.1)),
        };
        if kind == FileType::CharacterDevice && device == 0 {
            return Err(invalid(&entry.path, "a character device 0, 0 would be a whiteout"));
        }
        if kind != FileType::Fifo {
            match self.devices {
                Devices::Make => {}
                Devices::Refuse => return Err(invalid(&entry.path, "devices are not wanted")),
                Devices::Skip => {
                    if self.report.skipped_devices.len() < super::NAMED {
                        self.report.skipped_devices.push(shown(&entry.path));
                    }
                    return Ok(());
                }
            }
        }
        self.make_way_if_needed(parent.as_fd(), name)?;
        rustix::fs::mknodat(parent, name, kind, Mode::RUSR | Mode::WUSR, device).syscall("mknodat")?;
        let node = name_only(parent.as_fd(), name)?;
        self.own_by_name(parent, name, entry)?;
        self.attributes(node.as_fd(), entry)?;
        xattrs::change_mode(node.as_fd(), entry.mode)?;
        self.time_by_name(parent, name, entry)
    }

    /// Another name for what is there: in this layer, or else in those below, from where it is copied up as overlayfs would.
    pub(super) fn hard_link(&mut self, entry: &Entry, parent: &Parent, name: &[u8]) -> Result<()> {
        let target = Path::parse(&entry.link, &self.limits).map_err(|failure| Failure { path: Some(shown(&entry.path)), ..failure })?;
        let Some((parents, target_name)) = target.split() else {
            return Err(invalid(&entry.path, "a hard link leads to a folder"));
        };
        if target_name.starts_with(whiteouts::PREFIX) {
            return Err(invalid(&entry.path, "a hard link leads to a whiteout"));
        }
        let present = match self.parent_if_there(parents)? {
            None => None,
            Some(place) => stat_if_there(place.as_fd(), target_name)?.map(|stat| (place, stat)),
        };
        let (place, stat) = match present {
            Some(present) => present,
            None => match self.copy_up(entry, parents, target_name)? {
                Some(copied) => copied,
                None => return Ok(()),
            },
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(invalid(&entry.path, "a hard link leads to a folder"));
        }
        if is_whiteout(&stat) {
            return Err(invalid(&entry.path, "a hard link leads to a whiteout"));
        }
        if target_name == name && inode(place.as_fd())? == inode(parent.as_fd())? {
            return Err(invalid(&entry.path, "a hard link leads to itself"));
        }
        self.make_way_if_needed(parent.as_fd(), name)?;
        match rustix::fs::linkat(&place, target_name, parent, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Err(invalid(&entry.path, "a hard link leads to what it replaces")),
            outcome => outcome.syscall("linkat"),
        }
    }

    fn make_way_if_needed(&mut self, parent: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
        if stat_if_there(parent, name)?.is_some() { self.make_way(parent, name) } else { Ok(()) }
    }

    /// An entry replaces what an earlier one made, whatever that was.
    fn make_way(&mut self, parent: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
        let Some(present) = stat_if_there(parent, name)? else { return Ok(()) };
        if is_whiteout(&present) {
            self.report.whiteouts -= 1;
        }
        self.forget();
        self.recount |= FileType::from_raw_mode(present.st_mode) == FileType::Directory;
        tree::remove_tree(parent, name)
    }

    /// Gives a file that was just made its owner.
    pub(super) fn own(&self, file: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<()> {
        self.own_from(self.maker, file, uid, gid)
    }

    /// Gives a file of that owner another.
    pub(super) fn own_from(&self, present: (u32, u32), file: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<()> {
        match self.owner(present, uid, gid)? {
            None => Ok(()),
            Some((uid, gid)) => {
                rustix::fs::fchown(file, Some(uid), Some(gid)).syscall("fchown").map_err(|failure| unmapped(failure, uid, gid))
            }
        }
    }

    fn own_by_name(&self, parent: &Parent, name: &[u8], entry: &Entry) -> Result<()> {
        match self.owner(self.maker, entry.uid, entry.gid)? {
            None => Ok(()),
            Some((uid, gid)) => rustix::fs::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
                .syscall("fchownat")
                .map_err(|failure| unmapped(failure, uid, gid)),
        }
    }

    fn time_by_name(&self, parent: &Parent, name: &[u8], entry: &Entry) -> Result<()> {
        rustix::fs::utimensat(parent, name, &timestamps(entry.mtime), AtFlags::SYMLINK_NOFOLLOW).syscall("utimensat")
    }

    /// Nothing where that is the owner already. What is made belongs to the maker: no folder above hands its group down, because the
    /// set-group-id bit is set last, and the root's was taken off at the start.
    fn owner(&self, present: (u32, u32), uid: u32, gid: u32) -> Result<Option<(Uid, Gid)>> {
        let Ids::Keep { shift } = self.ids else { return Ok(None) };
        let shifted = |id: u32| {
            id.checked_add(shift)
                .filter(|id| *id != u32::MAX)
                .ok_or_else(|| Failure::new("ERR_BOX_LAYER_INVALID", "an owner, shifted, is beyond the highest user id"))
        };
        let (uid, gid) = (shifted(uid)?, shifted(gid)?);
        if (uid, gid) == present {
            return Ok(None);
        }
        Ok(Some((Uid::from_raw(uid), Gid::from_raw(gid))))
    }

    /// Applies what the filter lets through. Where ids are squashed the caller is nobody who may set trusted ones or capabilities.
    pub(super) fn attributes(&mut self, file: BorrowedFd<'_>, entry: &Entry) -> Result<()> {
        for (name, value) in &entry.xattrs {
            let applied = match xattrs::to_disk(name) {
                None => false,
                Some(on_disk) => match xattrs::set(file, &on_disk, value) {
                    Ok(()) => true,
                    Err(Errno::PERM | Errno::NOTSUP | Errno::ACCESS | Errno::INVAL) if self.ids == Ids::Squash => false,
                    // They are of the host's root alone, whoever unpacks in a user namespace.
                    Err(Errno::PERM) if name.starts_with(b"trusted.") => false,
                    Err(errno) => {
                        let step = format!("set {}", shown(name));
                        return Err(Failure::syscall("fsetxattr", errno).during(step));
                    }
                },
            };
            if !applied && self.skipped_xattrs.len() < super::NAMED {
                self.skipped_xattrs.insert(name.clone());
            }
        }
        Ok(())
    }
}

/// What the kernel says of ids that the user namespace does not have.
fn unmapped(failure: Failure, uid: Uid, gid: Gid) -> Failure {
    if failure.errno != Some(Errno::INVAL.raw_os_error()) {
        return failure;
    }
    let (uid, gid) = (uid.as_raw(), gid.as_raw());
    let message = format!("the owner {uid}:{gid} is not among the ids of the user namespace that is unpacked in");
    Failure { code: Some("ERR_BOX_UNSUPPORTED"), message, ..failure }.advise("give the user more ids in /etc/subuid and /etc/subgid")
}
