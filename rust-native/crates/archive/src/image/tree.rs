//! Names and what they stand for, as layers put one above the other leave them.

use std::collections::{BTreeMap, VecDeque};

use box_kernel::Result;

use crate::failure::invalid;
use crate::limits::Limits;
use crate::tar::{Entry, Kind};

/// Links followed for one path, as in the kernel (path_resolution(7)).
const LINKS: u32 = 40;

/// What is below the lowest of the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Nothing: whiteouts have done their work once they are applied.
    Nothing,
    /// Other layers: what is hidden of them stays hidden.
    Layers,
}

/// The files of some layers.
#[derive(Debug)]
pub struct FileTree {
    pub(super) nodes: Vec<Node>,
    pub(super) files: Vec<Record>,
    pub(super) below: Below,
    pub(super) limits: Limits,
}

pub(super) type NodeId = usize;

/// The folder that all paths begin at.
pub(super) const ROOT: NodeId = 0;

#[derive(Debug)]
pub(super) struct Node {
    /// The layer that made it what it is.
    pub(super) layer: usize,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Folder(Folder),
    /// Which of the records; names of one file share it.
    File(usize),
    /// Something below the layers is hidden.
    Whiteout,
}

#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) children: BTreeMap<Vec<u8>, NodeId>,
    /// None where no entry describes it.
    pub(super) entry: Option<Entry>,
    /// What the folder below holds is hidden.
    pub(super) opaque: bool,
}

/// Anything that is no folder.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) entry: Entry,
    /// The layer, and the number of the entry in it.
    pub(super) place: (usize, u64),
}

/// Where a path leads.
#[derive(Debug)]
pub(super) enum Step {
    At(NodeId),
    /// So far it leads, and not to that name.
    Missing {
        folder: NodeId,
        name: Vec<u8>,
    },
    /// What has that name there is no folder, and the path goes on.
    Blocked {
        folder: NodeId,
        name: Vec<u8>,
    },
}

impl FileTree {
    pub(super) fn empty(below: Below, limits: Limits) -> Self {
        let root = Node { layer: 0, content: Content::Folder(Folder::default()) };
        Self { nodes: vec![root], files: Vec::new(), below, limits }
    }

    pub(super) fn folder(&self, id: NodeId) -> Option<&Folder> {
        match self.nodes.get(id) {
            Some(Node { content: Content::Folder(folder), .. }) => Some(folder),
            _ => None,
        }
    }

    pub(super) fn record(&self, id: NodeId) -> Option<&Record> {
        match self.nodes.get(id) {
            Some(Node { content: Content::File(index), .. }) => self.files.get(*index),
            _ => None,
        }
    }

    /// Follows a path; links lead nowhere else than inside the tree. `follow_last`: also one at its end.
    pub(super) fn walk(&self, path: &[Vec<u8>], follow_last: bool) -> Result<Step> {
        let mut place = vec![ROOT];
        let mut ahead: VecDeque<Vec<u8>> = path.iter().cloned().collect();
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            let here = place.last().copied().unwrap_or(ROOT);
            if name == b".." {
                if place.len() > 1 {
                    place.pop();
                }
                continue;
            }
            let found = self.folder(here).and_then(|folder| folder.children.get(&name)).copied();
            let Some((id, node)) = found.and_then(|id| Some((id, self.nodes.get(id)?))) else {
                return Ok(Step::Missing { folder: here, name });
            };
            match &node.content {
                Content::Folder(_) if place.len() > self.limits.depth => return Err(invalid(&name, "a link leads too deep")),
                Content::Folder(_) => place.push(id),
                Content::Whiteout => return Ok(Step::Missing { folder: here, name }),
                Content::File(_) => match self.record(id) {
                    Some(Record { entry, .. }) if entry.kind == Kind::Symlink && (follow_last || !ahead.is_empty()) => {
                        links += 1;
                        if links > LINKS {
                            return Err(invalid(&name, "too many links on the way"));
                        }
                        if entry.link.starts_with(b"/") {
                            place.truncate(1);
                        }
                        let target = entry.link.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
                        for component in target.rev() {
                            ahead.push_front(component.to_vec());
                        }
                    }
                    _ if ahead.is_empty() => return Ok(Step::At(id)),
                    _ => return Ok(Step::Blocked { folder: here, name }),
                },
            }
        }
        Ok(Step::At(place.last().copied().unwrap_or(ROOT)))
    }
}
