//! From the entries of layers to a tree, one layer above the other (image-spec, layer.md, "Applying Changesets").

use box_kernel::{Failure, Result};

use super::stored::StoredLayer;
use super::tree::{Below, Content, FileTree, Folder, Node, NodeId, ROOT, Record, Step};
use crate::failure::invalid;
use crate::limits::Limits;
use crate::tar::{Entry, Kind, Reader, Sink};
use crate::unpack::path::Path;
use crate::unpack::whiteouts::{self, Whiteout};

impl FileTree {
    /// Reads the archives of the layers, from the lowest up. @errors as `StoredLayer::each`.
    pub fn read(layers: &[StoredLayer], below: Below, limits: Limits) -> Result<Self> {
        let mut tree = Self::empty(below, limits);
        for (index, layer) in layers.iter().enumerate() {
            let mut reader = Reader::new(limits);
            let mut entries = Entries(Vec::new());
            layer.each(limits, &mut |piece| reader.push(piece, &mut entries).map(|()| true))?;
            reader.finish(true)?;
            tree.apply_all(entries.0, index)?;
        }
        Ok(tree)
    }
}

struct Entries(Vec<Entry>);

impl Sink for Entries {
    fn begin(&mut self, entry: Entry) -> Result<()> {
        self.0.push(entry);
        Ok(())
    }

    fn data(&mut self, _offset: u64, _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

impl FileTree {
    fn apply_all(&mut self, entries: Vec<Entry>, layer: usize) -> Result<()> {
        self.replace_links(&entries, layer);
        for (ordinal, entry) in entries.into_iter().enumerate() {
            let path = entry.path.clone();
            let applied = self.apply(entry, (layer, ordinal as u64));
            applied.map_err(|failure| if failure.path.is_some() { failure } else { failure.at(&path) })?;
        }
        Ok(())
    }

    /// A folder's entry may come after what the folder holds, which does not go where a link of a layer below leads.
    fn replace_links(&mut self, entries: &[Entry], layer: usize) {
        let folders = entries.iter().filter(|entry| entry.kind == Kind::Directory);
        let mut paths: Vec<Path> = folders.filter_map(|entry| Path::parse(&entry.path, &self.limits).ok()).collect();
        paths.sort_by_key(Path::depth);
        for path in paths {
            let Some((parents, name)) = path.split() else { continue };
            let Ok(Step::At(parent)) = self.walk(parents, true) else { continue };
            let present = self.folder(parent).and_then(|folder| folder.children.get(name)).copied();
            if present.and_then(|id| self.record(id)).is_some_and(|record| record.entry.kind == Kind::Symlink) {
                self.folder_in(parent, name, layer);
            }
        }
    }

    fn apply(&mut self, mut entry: Entry, place: (usize, u64)) -> Result<()> {
        let path = Path::parse(&entry.path, &self.limits)?;
        let Some((parents, name)) = path.split() else {
            if entry.kind != Kind::Directory {
                return Err(invalid(&entry.path, "the root is not a folder"));
            }
            return self.describe(ROOT, entry, place.0);
        };
        match whiteouts::parse(&entry, name)? {
            None => {}
            Some(Whiteout::Folder) => return self.hide_all(parents, place.0),
            Some(Whiteout::Name(hidden)) => return self.hide(parents, &hidden, place.0),
        }
        let parent = self.make(parents, place.0)?;
        if entry.kind == Kind::Directory {
            let folder = self.folder_in(parent, name, place.0);
            return self.describe(folder, entry, place.0);
        }
        if entry.kind == Kind::HardLink {
            match self.linked(&entry)? {
                Some(index) => return self.insert(parent, name, Content::File(index), place.0),
                None if self.below == Below::Nothing => return Err(invalid(&entry.path, "a hard link leads to nothing")),
                None => entry.link = Path::parse(&entry.link, &self.limits)?.bytes(),
            }
        }
        self.files.push(Record { entry, place });
        self.insert(parent, name, Content::File(self.files.len() - 1), place.0)
    }

    /// The file that a hard link leads to, where the tree has it.
    fn linked(&self, entry: &Entry) -> Result<Option<usize>> {
        let target = Path::parse(&entry.link, &self.limits)?;
        let Some((parents, name)) = target.split() else { return Err(invalid(&entry.path, "a hard link leads to a folder")) };
        if name.starts_with(whiteouts::PREFIX) {
            return Err(invalid(&entry.path, "a hard link leads to a whiteout"));
        }
        let Step::At(folder) = self.walk(parents, true)? else { return Ok(None) };
        let child = self.folder(folder).and_then(|folder| folder.children.get(name)).and_then(|id| self.nodes.get(*id));
        match child.map(|node| &node.content) {
            Some(Content::File(index)) => Ok(Some(*index)),
            Some(Content::Folder(_)) => Err(invalid(&entry.path, "a hard link leads to a folder")),
            Some(Content::Whiteout) => Err(invalid(&entry.path, "a hard link leads to a whiteout")),
            None => Ok(None),
        }
    }

    fn describe(&mut self, id: NodeId, entry: Entry, layer: usize) -> Result<()> {
        if let Some(node) = self.nodes.get_mut(id)
            && let Content::Folder(folder) = &mut node.content
        {
            folder.entry = Some(entry);
            node.layer = layer;
        }
        Ok(())
    }

    fn add(&mut self, content: Content, layer: usize) -> NodeId {
        self.nodes.push(Node { layer, content });
        self.nodes.len() - 1
    }

    fn insert(&mut self, parent: NodeId, name: &[u8], content: Content, layer: usize) -> Result<()> {
        if self.nodes.len() as u64 > 2 * self.limits.entries {
            return Err(crate::failure::over_limit(name, "the number of entries", self.limits.entries));
        }
        let id = self.add(content, layer);
        if let Some(folder) = self.folder_mut(parent) {
            folder.children.insert(name.to_vec(), id);
        }
        Ok(())
    }

    fn folder_mut(&mut self, id: NodeId) -> Option<&mut Folder> {
        match self.nodes.get_mut(id) {
            Some(Node { content: Content::Folder(folder), .. }) => Some(folder),
            _ => None,
        }
    }

    /// The folder of that name, in place of what else has it.
    fn folder_in(&mut self, parent: NodeId, name: &[u8], layer: usize) -> NodeId {
        let present = self.folder(parent).and_then(|folder| folder.children.get(name)).copied();
        if let Some(id) = present.filter(|id| self.folder(*id).is_some()) {
            return id;
        }
        // What it replaces had hidden what is below it.
        let id = self.add(Content::Folder(Folder { opaque: present.is_some(), ..Folder::default() }), layer);
        if let Some(folder) = self.folder_mut(parent) {
            folder.children.insert(name.to_vec(), id);
        }
        id
    }

    /// The folder of that path, made where it is missing.
    fn make(&mut self, path: &[Vec<u8>], layer: usize) -> Result<NodeId> {
        loop {
            match self.walk(path, true)? {
                Step::At(id) if self.folder(id).is_some() => return Ok(id),
                Step::At(_) => return Err(Failure { path: None, ..invalid(b"", "a parent is not a folder") }),
                Step::Missing { folder, name } | Step::Blocked { folder, name } => {
                    self.folder_in(folder, &name, layer);
                }
            }
        }
    }

    fn hide(&mut self, parents: &[Vec<u8>], name: &[u8], layer: usize) -> Result<()> {
        let parent = match (self.walk(parents, true)?, self.below) {
            (Step::At(id), _) if self.folder(id).is_some() => id,
            (_, Below::Nothing) => return Ok(()),
            (_, Below::Layers) => self.make(parents, layer)?,
        };
        let Some(folder) = self.folder(parent) else { return Ok(()) };
        let needless = self.below == Below::Nothing || folder.opaque;
        let present = folder.children.get(name).copied();
        if let Some(id) = present {
            let newer = self.nodes.get(id).is_some_and(|node| node.layer == layer);
            let stays = match self.folder(id) {
                Some(_) => self.keep_only(id, layer) || newer,
                None => newer,
            };
            if stays {
                return Ok(());
            }
            if let Some(folder) = self.folder_mut(parent) {
                folder.children.remove(name);
            }
        }
        if needless { Ok(()) } else { self.insert(parent, name, Content::Whiteout, layer) }
    }

    fn hide_all(&mut self, path: &[Vec<u8>], layer: usize) -> Result<()> {
        let id = match (self.walk(path, true)?, self.below) {
            (Step::At(id), _) if self.folder(id).is_some() => id,
            (_, Below::Nothing) => return Ok(()),
            (_, Below::Layers) => self.make(path, layer)?,
        };
        self.keep_only(id, layer);
        Ok(())
    }

    /// Takes out of a folder what is not of that layer. Says whether anything is left.
    fn keep_only(&mut self, id: NodeId, layer: usize) -> bool {
        let children: Vec<(Vec<u8>, NodeId)> = match self.folder(id) {
            Some(folder) => folder.children.iter().map(|(name, child)| (name.clone(), *child)).collect(),
            None => return false,
        };
        let mut gone = Vec::new();
        let mut left = false;
        for (name, child) in children {
            let newer = self.nodes.get(child).is_some_and(|node| node.layer == layer);
            let stays = if self.folder(child).is_some() { self.keep_only(child, layer) || newer } else { newer };
            left |= stays;
            if !stays {
                gone.push(name);
            }
        }
        if let Some(folder) = self.folder_mut(id) {
            gone.iter().for_each(|name| {
                folder.children.remove(name);
            });
            folder.opaque = true;
        }
        left
    }
}
