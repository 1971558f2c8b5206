//! Entries of a tree, one after the other.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::{Options, Packed, Source};
use crate::encode::LayerOutput;
use crate::overlay::{is_any_whiteout, is_opaque, is_whiteout, name_only, needs_lower};
use crate::tar::{Entry, Kind, Time, writer};
use crate::tree::{Visitor, stat};
use crate::xattrs;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// The most things that a report names.
const NAMED: usize = 1000;

pub(super) struct Packer<'options> {
    output: LayerOutput,
    options: &'options Options,
    source: Source,
    prefix: Vec<Vec<u8>>,
    /// Where a file that has several names was put first.
    links: HashMap<(u64, u64), Vec<u8>>,
    entries: u64,
    skipped: Vec<String>,
    named: HashSet<Vec<u8>>,
    buffer: Vec<u8>,
}

impl<'options> Packer<'options> {
    pub(super) fn new(output: LayerOutput, options: &'options Options, source: Source) -> Result<Self> {
        let mut prefix = Vec::new();
        for component in options.prefix.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "the prefix leads out of the image").at(&options.prefix)),
                name if name.starts_with(WHITEOUT) => return Err(reserved(name)),
                name => prefix.push(name.to_vec()),
            }
        }
        Ok(Self {
            output,
            options,
            source,
            prefix,
            links: HashMap::new(),
            entries: 0,
            skipped: Vec::new(),
            named: HashSet::new(),
            buffer: vec![0; 256 << 10],
        })
    }

    /// The folders above the tree.
    pub(super) fn parents(&mut self) -> Result<()> {
        if self.options.without_parents {
            return Ok(());
        }
        let above = self.prefix.len().saturating_sub(1);
        for depth in 1..=above {
            let path = self.prefix.get(..depth).unwrap_or_default().join(&b'/');
            let (uid, gid) = self.options.owner.unwrap_or((0, 0));
            self.put(&Entry { uid, gid, ..blank([path, b"/".to_vec()].concat(), Kind::Directory, 0o755) })?;
        }
        Ok(())
    }

    /// A file whose name in the image is the prefix.
    pub(super) fn single_file(&mut self, file: BorrowedFd<'_>) -> Result<()> {
        let stat = rustix::fs::fstat(file).syscall("fstat")?;
        let entry = self.describe(self.prefix.join(&b'/'), Kind::File, &stat, file)?;
        self.put(&entry)?;
        self.content(file, entry.size, &entry.path)
    }

    /// The mark that `path`, whose last component is `name`, is gone. Its owner and time say nothing: without them, deleting twice gives the same layer.
    pub(super) fn whiteout(&mut self, path: &[u8], name: &[u8]) -> Result<()> {
        let folder = path.get(..path.len() - name.len()).unwrap_or_default();
        self.put(&blank([folder, WHITEOUT, name].concat(), Kind::File, 0))
    }

    pub(super) fn finish(mut self) -> Result<Packed> {
        self.output.write(&writer::END)?;
        Ok(Packed { encoded: self.output.finish()?, entries: self.entries, skipped: self.skipped })
    }

    fn inside(&self, path: &[u8]) -> Vec<u8> {
        match (self.prefix.is_empty(), path.is_empty()) {
            (true, _) => path.to_vec(),
            (false, true) => self.prefix.join(&b'/'),
            (false, false) => [self.prefix.join(&b'/'), path.to_vec()].join(&b'/'),
        }
    }

    fn put(&mut self, entry: &Entry) -> Result<()> {
        self.entries += 1;
        self.output.write(&writer::header(entry))
    }

    /// What `file` is, as an entry without its content. `file` may only name it.
    fn describe(&mut self, path: Vec<u8>, kind: Kind, stat: &Stat, file: BorrowedFd<'_>) -> Result<Entry> {
        let mut attributes = Vec::new();
        for name in xattrs::list(file)? {
            let Some(in_tar) = xattrs::to_tar(&name) else { continue };
            if in_tar.contains(&b'=') {
                self.skip(format!("{}: {}", String::from_utf8_lossy(&path), String::from_utf8_lossy(&name)));
                continue;
            }
            if let Some(value) = xattrs::get(file, &name)? {
                attributes.push((in_tar, value));
            }
        }
        let id = |id: u32| {
            id.checked_sub(self.options.id_shift)
                .ok_or_else(|| Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("the owner {id} is outside the mapped ids")).at(&path))
        };
        let (uid, gid) = match self.options.owner {
            Some(owner) => owner,
            None => (id(stat.st_uid)?, id(stat.st_gid)?),
        };
        let mtime = Time { seconds: stat.st_mtime, nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) };
        let latest = self.options.source_date_epoch.map(|seconds| Time { seconds, nanoseconds: 0 });
        Ok(Entry {
            uid,
            gid,
            size: if kind == Kind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
            mtime: latest.map_or(mtime, |latest| mtime.min(latest)),
            device: match kind {
                Kind::CharDevice | Kind::BlockDevice => (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
                _ => (0, 0),
            },
            xattrs: attributes,
            ..blank(path, kind, stat.st_mode & 0o7777)
        })
    }

    fn content(&mut self, file: BorrowedFd<'_>, size: u64, path: &[u8]) -> Result<()> {
        let mut offset = 0;
        let mut buffer = std::mem::take(&mut self.buffer);
        while offset < size {
            let room = usize::try_from(size - offset).unwrap_or(usize::MAX).min(buffer.len());
            let room = buffer.get_mut(..room).unwrap_or_default();
            let count = rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut *room, offset)).syscall("pread")?;
            if count == 0 {
                return Err(Failure::new("ERR_BOX_STATE", "a file became shorter while it was packed").at(path));
            }
            self.output.write(room.get(..count).unwrap_or_default())?;
            offset += count as u64;
        }
        self.buffer = buffer;
        let padding = writer::padding(size);
        self.output.write(writer::END.get(..padding).unwrap_or_default())
    }

    fn skip(&mut self, what: String) {
        if self.skipped.len() < NAMED && self.named.insert(what.clone().into_bytes()) {
            self.skipped.push(what);
        }
    }

    fn file(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: Vec<u8>, seen: &Stat) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(parent, name, flags, Mode::empty()).syscall("openat")?;
        let stat = rustix::fs::fstat(&file).syscall("fstat")?;
        if (stat.st_dev, stat.st_ino) != (seen.st_dev, seen.st_ino) {
            return Err(Failure::new("ERR_BOX_STATE", "a file was replaced while it was packed").at(&path));
        }
        self.check_complete(file.as_fd(), &path)?;
        let entry = self.describe(path, Kind::File, &stat, file.as_fd())?;
        self.put(&entry)?;
        self.content(file.as_fd(), entry.size, &entry.path)
    }

    fn check_complete(&self, file: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
        if self.source == Source::Upper && needs_lower(file, &[self.options.mark])? {
            let message = "the overlay was mounted with metacopy or redirect_dir: its upper folder alone does not hold the change";
            return Err(Failure::new("ERR_BOX_UNSUPPORTED", message).at(path));
        }
        Ok(())
    }
}

impl Visitor for Packer<'_> {
    fn other(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()> {
        let path = self.inside(path);
        let stat = stat(parent, name).map_err(|failure| failure.at(&path))?;
        let whiteout = match self.source {
            Source::Upper => is_any_whiteout(parent, name, &stat, &[self.options.mark]).map_err(|failure| failure.at(&path))?,
            Source::Plain => is_whiteout(&stat),
        };
        if whiteout && self.source == Source::Upper {
            return self.whiteout(&path, name);
        }
        if name.starts_with(WHITEOUT) {
            return Err(reserved(&path));
        }
        if whiteout {
            return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "a whiteout of overlayfs is in a folder that is no upper").at(&path));
        }
        let file_type = FileType::from_raw_mode(stat.st_mode);
        if file_type == FileType::Socket {
            self.skip(String::from_utf8_lossy(&path).into_owned());
            return Ok(());
        }
        if stat.st_nlink > 1 {
            let first = self.links.entry((stat.st_dev, stat.st_ino)).or_insert_with(|| path.clone());
            if *first != path {
                let link = first.clone();
                let entry = self.describe(path.clone(), Kind::HardLink, &stat, name_only(parent, name)?.as_fd())?;
                return self.put(&Entry { link, xattrs: Vec::new(), ..entry });
            }
        }
        let kind = match file_type {
            FileType::RegularFile => {
                return self
                    .file(parent, name, path.clone(), &stat)
                    .map_err(|failure| if failure.path.is_some() { failure } else { failure.at(&path) });
            }
            FileType::Symlink => Kind::Symlink,
            FileType::CharacterDevice => Kind::CharDevice,
            FileType::BlockDevice => Kind::BlockDevice,
            FileType::Fifo => Kind::Fifo,
            _ => return Err(Failure::new("ERR_BOX_UNSUPPORTED", "a tar does not hold such a file").at(&path)),
        };
        let file = name_only(parent, name)?;
        let link = match kind {
            Kind::Symlink => rustix::fs::readlinkat(parent, name, Vec::new()).syscall("readlinkat")?.into_bytes(),
            _ => Vec::new(),
        };
        let entry = self.describe(path, kind, &stat, file.as_fd())?;
        self.put(&Entry { link, mode: if kind == Kind::Symlink { 0o777 } else { entry.mode }, ..entry })
    }

    fn enter(&mut self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
        let inside = self.inside(path);
        let stat = rustix::fs::fstat(folder).syscall("fstat")?;
        if path.rsplit(|byte| *byte == b'/').next().is_some_and(|name| name.starts_with(WHITEOUT)) {
            return Err(reserved(&inside));
        }
        self.check_complete(folder, &inside)?;
        if !inside.is_empty() {
            let entry = self.describe([inside.as_slice(), b"/"].concat(), Kind::Directory, &stat, folder)?;
            self.put(&entry)?;
        }
        if self.source == Source::Upper && is_opaque(folder, &[self.options.mark])? {
            let separator: &[u8] = if inside.is_empty() { b"" } else { b"/" };
            let path = [inside.as_slice(), separator, OPAQUE].concat();
            self.put(&blank(path, Kind::File, 0))?;
        }
        Ok(())
    }
}

fn blank(path: Vec<u8>, kind: Kind, mode: u32) -> Entry {
    Entry {
        path,
        kind,
        link: Vec::new(),
        mode,
        uid: 0,
        gid: 0,
        size: 0,
        sparse: false,
        mtime: Time::default(),
        device: (0, 0),
        xattrs: Vec::new(),
    }
}

fn reserved(path: &[u8]) -> Failure {
    Failure::new("ERR_BOX_INVALID_ARGUMENT", "the name is reserved for whiteouts (image-spec, layer.md)").at(path)
}
