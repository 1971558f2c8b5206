//! From entries of a layer's tar to a folder that overlayfs can use as a lower one.
//!
//! A layer is unpacked by itself, whatever it stands on (image-spec, layer.md). What it deletes below becomes whiteouts and opaque
//! folders. Symbolic links are stored as they are: what they mean is decided when they are followed, inside the root.

mod copy_up;
mod entries;
mod folders;
mod own;
pub(crate) mod path;
mod resolve;
pub(crate) mod whiteouts;

use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsFd, OwnedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::Mode;

use crate::limits::Limits;
use crate::lowers::Lowers;
use crate::overlay::Marks;
use crate::tar::{Entry, Kind, Sink};
use crate::tree;
use entries::File;
pub(crate) use entries::timestamps;
use folders::Pending;
pub use own::Own;
use path::Path;
use resolve::Parent;

/// Whose the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// As the layer says, with this much added to user and group. Needs CAP_CHOWN.
    Keep {
        /// The shift.
        shift: u32,
    },
    /// All is the caller's own.
    Squash,
}

/// What becomes of device nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Devices {
    /// They are made. Needs CAP_MKNOD.
    Make,
    /// They are left out, and named in the report.
    Skip,
    /// They are an error.
    Refuse,
}

/// What becomes of a hard link to a file that is neither in the layer nor in those below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingLinks {
    /// It is an error.
    Refuse,
    /// It is left out and named in the report: the layers below, which are not known yet, may have the file.
    Note,
}

/// How a layer is unpacked.
#[derive(Debug)]
pub struct Options {
    /// The folder that receives the tree. It should be empty, and nobody else's.
    pub folder: OwnedFd,
    /// Owners.
    pub ids: Ids,
    /// Device nodes.
    pub devices: Devices,
    /// Marks of opaque folders.
    pub opaque: Marks,
    /// The layers below, unpacked, the topmost first.
    pub lowers: Vec<OwnedFd>,
    /// The folders that the layer describes, whatever those below have there.
    pub own: Own,
    /// Hard links to what is not there.
    pub missing_links: MissingLinks,
    /// Limits.
    pub limits: Limits,
}

/// The most paths that a report names.
const NAMED: usize = 1000;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether the layer describes its root folder.
    pub root_entry: bool,
    /// Whether the layer replaces all that lies below it.
    pub root_opaque: bool,
    /// What the tree takes.
    pub usage: tree::Usage,
    /// Whiteouts in the tree.
    pub whiteouts: u64,
    /// Opaque folders in the tree.
    pub opaques: u64,
    /// Which marks every one of them has.
    pub marks: Marks,
    /// Whether the tree would be another above other layers.
    pub depends_on_parent: bool,
    /// Folders that no entry described.
    pub implied_folders: Vec<String>,
    /// Hard links to files of lower layers, and links of lower layers that entries of this one stand behind.
    pub lower_links: Vec<String>,
    /// Devices that were left out.
    pub skipped_devices: Vec<String>,
    /// Names of attributes that were left out.
    pub skipped_xattrs: Vec<String>,
}

/// Takes entries and makes files.
pub struct Unpacker {
    root: OwnedFd,
    ids: Ids,
    devices: Devices,
    lowers: Lowers,
    own: Own,
    missing_links: MissingLinks,
    limits: Limits,
    /// Effective user and group of who unpacks.
    maker: (u32, u32),
    folders: HashMap<u64, Pending>,
    cached: Option<(Vec<Vec<u8>>, Parent)>,
    file: Option<File>,
    current: Vec<u8>,
    wanted: Marks,
    implied: BTreeSet<Vec<u8>>,
    lower_links: BTreeSet<Vec<u8>>,
    /// A tree was replaced: what it held was counted.
    recount: bool,
    skipped_xattrs: BTreeSet<Vec<u8>>,
    report: Report,
}

impl Unpacker {
    /// Begins.
    pub fn new(options: Options) -> Result<Self> {
        let Options { folder, ids, devices, opaque, lowers, own, missing_links, limits } = options;
        let root = tree::open_folder(folder.as_fd(), b".")?;
        let mode = rustix::fs::fstat(&root).syscall("fstat")?.st_mode;
        if mode & 0o2000 != 0 {
            rustix::fs::fchmod(&root, Mode::from_raw_mode(mode & 0o5777)).syscall("fchmod")?;
        }
        Ok(Self {
            root,
            ids,
            devices,
            lowers: Lowers::new(lowers),
            own,
            missing_links,
            limits,
            maker: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
            folders: HashMap::new(),
            cached: None,
            file: None,
            current: Vec::new(),
            wanted: opaque,
            implied: BTreeSet::new(),
            lower_links: BTreeSet::new(),
            recount: false,
            skipped_xattrs: BTreeSet::new(),
            report: Report {
                root_entry: false,
                root_opaque: false,
                usage: tree::Usage::default(),
                whiteouts: 0,
                opaques: 0,
                marks: opaque,
                depends_on_parent: false,
                implied_folders: Vec::new(),
                lower_links: Vec::new(),
                skipped_devices: Vec::new(),
                skipped_xattrs: Vec::new(),
            },
        })
    }

    /// Notes that something was taken from a lower layer.
    fn note_lower(&mut self, path: Vec<u8>) {
        if self.lower_links.len() < NAMED {
            self.lower_links.insert(path);
        }
    }

    /// Ends: gives folders their modes and times, which had to wait for what they hold, and counts the marks.
    pub fn finish(mut self) -> Result<Report> {
        self.settle_folders()?;
        let mut report = self.report;
        report.depends_on_parent = !self.implied.is_empty() || !self.lower_links.is_empty();
        report.implied_folders = self.implied.iter().take(NAMED).map(|path| shown(path)).collect();
        report.lower_links = self.lower_links.iter().map(|path| shown(path)).collect();
        report.skipped_xattrs = self.skipped_xattrs.iter().map(|name| shown(name)).collect();
        Ok(report)
    }
}

impl Sink for Unpacker {
    fn begin(&mut self, entry: Entry) -> Result<()> {
        self.current.clone_from(&entry.path);
        let path = Path::parse(&entry.path, &self.limits)?;
        let made = match path.split() {
            None => self.root_entry(&entry),
            Some((parents, name)) => self.place(&entry, parents, name),
        };
        made.map_err(|failure| named(failure, &entry.path))
    }

    fn data(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        match &self.file {
            None => Ok(()),
            Some(file) => file.write(offset, bytes).map_err(|failure| named(failure, &self.current)),
        }
    }

    fn end(&mut self) -> Result<()> {
        match self.file.take() {
            None => Ok(()),
            Some(file) => self.settle_file(file).map_err(|failure| named(failure, &self.current)),
        }
    }
}

impl Unpacker {
    fn place(&mut self, entry: &Entry, parents: &[Vec<u8>], name: &[u8]) -> Result<()> {
        if parents.iter().any(|one| one.starts_with(whiteouts::PREFIX)) {
            return Err(crate::failure::invalid(&entry.path, "a folder has a name that is reserved for whiteouts"));
        }
        if let Some(whiteout) = whiteouts::parse(entry, name)? {
            return self.whiteout(&whiteout, parents);
        }
        let parent = self.parent(parents)?;
        match entry.kind {
            Kind::Directory => self.folder(entry, &parent, name),
            Kind::File => self.begin_file(entry, &parent, name),
            Kind::Symlink => self.symlink(entry, &parent, name),
            Kind::HardLink => self.hard_link(entry, &parent, name),
            Kind::CharDevice | Kind::BlockDevice | Kind::Fifo => self.node(entry, &parent, name),
        }
    }
}

/// A failure of the system gets the entry's name. What names a path already is left as it is.
fn named(failure: Failure, path: &[u8]) -> Failure {
    if failure.path.is_some() { failure } else { failure.at(path) }
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
