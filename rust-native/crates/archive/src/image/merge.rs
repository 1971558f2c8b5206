//! From several layers to one. The order is that of the names for all that has no content, and then that in which the layers
//! hold the contents: the same layers give the same bytes, whoever merges them and wherever.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use box_kernel::Result;

use super::stored::StoredLayer;
use super::tree::{Content, FileTree, NodeId, ROOT};
use crate::decode::Compression;
use crate::encode::LayerOutput;
use crate::pack::{Options, Packed};
use crate::tar::{Entry, Kind, Reader, Sink, Time, writer};
use crate::unpack::whiteouts;

/// Writes what the tree holds as one layer. `layers` are those that the tree was read from. Of the options compression, level, algorithm and
/// epoch count.
pub fn merge(tree: &FileTree, layers: &[StoredLayer], output: OwnedFd, options: &Options) -> Result<Packed> {
    let compression = options.compression.unwrap_or(Compression::Gzip);
    let output = LayerOutput::new(output, compression, options.level, options.algorithm)?;
    let latest = options.source_date_epoch.map(|seconds| Time { seconds, nanoseconds: 0 });
    let mut merger = Merger { tree, output, latest, entries: 0, names: HashMap::new() };
    if let Some(entry) = tree.folder(ROOT).and_then(|folder| folder.entry.as_ref()) {
        merger.put(&Entry { path: b"./".to_vec(), ..entry.clone() })?;
    }
    merger.below(ROOT, &[])?;
    for (index, layer) in layers.iter().enumerate() {
        merger.contents(index, layer)?;
    }
    merger.output.write(&writer::END)?;
    Ok(Packed { encoded: merger.output.finish()?, entries: merger.entries, skipped: Vec::new() })
}

struct Merger<'tree> {
    tree: &'tree FileTree,
    output: LayerOutput,
    latest: Option<Time>,
    entries: u64,
    /// By record: the names of a file, that of its content first.
    names: HashMap<usize, Vec<Vec<u8>>>,
}

impl Merger<'_> {
    fn put(&mut self, entry: &Entry) -> Result<()> {
        self.entries += 1;
        let mtime = self.latest.map_or(entry.mtime, |latest| entry.mtime.min(latest));
        self.output.write(&writer::header(&Entry { mtime, sparse: false, ..entry.clone() }))
    }

    /// Folders, and what has no content.
    fn below(&mut self, id: NodeId, path: &[u8]) -> Result<()> {
        let Some(folder) = self.tree.folder(id) else { return Ok(()) };
        let marked = folder.opaque && self.tree.below == super::Below::Layers;
        if marked {
            self.put(&blank(join(path, whiteouts::OPAQUE), Kind::File, 0))?;
        }
        for (name, child) in &folder.children {
            let inside = join(path, name);
            match self.tree.nodes.get(*child).map(|node| &node.content) {
                Some(Content::Folder(folder)) => {
                    let place = [inside.as_slice(), b"/"].concat();
                    match &folder.entry {
                        Some(entry) => self.put(&Entry { path: place, ..entry.clone() })?,
                        None if self.tree.below == super::Below::Nothing => self.put(&blank(place, Kind::Directory, 0o755))?,
                        // It is as it is below.
                        None => {}
                    }
                    self.below(*child, &inside)?;
                }
                Some(Content::File(index)) => self.name(*index, inside)?,
                Some(Content::Whiteout) => self.put(&blank(join(path, &[whiteouts::PREFIX, name].concat()), Kind::File, 0))?,
                None => {}
            }
        }
        Ok(())
    }

    fn name(&mut self, index: usize, path: Vec<u8>) -> Result<()> {
        let Some(record) = self.tree.files.get(index) else { return Ok(()) };
        let names = self.names.entry(index).or_default();
        names.push(path.clone());
        if record.entry.size > 0 {
            return Ok(());
        }
        let entry = match names.first() {
            Some(first) if names.len() > 1 && record.entry.kind != Kind::HardLink => link(&record.entry, path, first.clone()),
            _ => Entry { path, ..record.entry.clone() },
        };
        self.put(&entry)
    }

    /// The files whose content that layer holds.
    fn contents(&mut self, index: usize, layer: &StoredLayer) -> Result<()> {
        let wanted: HashMap<u64, usize> = self
            .names
            .keys()
            .filter_map(|record| self.tree.files.get(*record).map(|file| (*record, file)))
            .filter(|(_, file)| file.place.0 == index && file.entry.size > 0)
            .map(|(record, file)| (file.place.1, record))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let limits = self.tree.limits;
        let mut reader = Reader::new(limits);
        let left = wanted.len();
        let mut copier = Copier { merger: self, wanted, left, ordinal: 0, current: None };
        layer.each(limits, &mut |piece| {
            if copier.left > 0 {
                reader.push(piece, &mut copier)?;
            }
            Ok(copier.left > 0)
        })
    }
}

/// Copies what is wanted of a layer.
struct Copier<'merger, 'tree> {
    merger: &'merger mut Merger<'tree>,
    wanted: HashMap<u64, usize>,
    left: usize,
    ordinal: u64,
    current: Option<Current>,
}

struct Current {
    record: usize,
    size: u64,
    written: u64,
}

impl Copier<'_, '_> {
    /// Holes are zeros in the archive that is written: not all readers know others.
    fn zeros(&mut self, mut count: u64) -> Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        while count > 0 {
            let piece = ZEROS.get(..usize::try_from(count).unwrap_or(ZEROS.len()).min(ZEROS.len())).unwrap_or_default();
            self.merger.output.write(piece)?;
            count -= piece.len() as u64;
        }
        Ok(())
    }
}

impl Sink for Copier<'_, '_> {
    fn begin(&mut self, entry: Entry) -> Result<()> {
        let record = self.wanted.get(&self.ordinal).copied();
        self.ordinal += 1;
        let Some(record) = record else { return Ok(()) };
        let path = self.merger.names.get(&record).and_then(|names| names.first()).cloned().unwrap_or_default();
        self.current = Some(Current { record, size: entry.size, written: 0 });
        self.merger.put(&Entry { path, ..entry })
    }

    fn data(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let Some(Current { written, .. }) = &mut self.current else { return Ok(()) };
        let hole = offset.saturating_sub(*written);
        *written = offset + bytes.len() as u64;
        self.zeros(hole)?;
        self.merger.output.write(bytes)
    }

    fn end(&mut self) -> Result<()> {
        let Some(Current { record, size, written }) = self.current.take() else { return Ok(()) };
        self.zeros(size.saturating_sub(written) + writer::padding(size) as u64)?;
        self.left -= 1;
        let names = self.merger.names.get(&record).cloned().unwrap_or_default();
        let (Some((first, others)), Some(file)) = (names.split_first(), self.merger.tree.files.get(record)) else { return Ok(()) };
        for other in others {
            self.merger.put(&link(&file.entry, other.clone(), first.clone()))?;
        }
        Ok(())
    }
}

fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() }
}

fn link(entry: &Entry, path: Vec<u8>, link: Vec<u8>) -> Entry {
    Entry { path, link, kind: Kind::HardLink, size: 0, device: (0, 0), xattrs: Vec::new(), ..entry.clone() }
}

fn blank(path: Vec<u8>, kind: Kind, mode: u32) -> Entry {
    let mtime = Time::default();
    Entry { path, kind, link: Vec::new(), mode, uid: 0, gid: 0, size: 0, sparse: false, mtime, device: (0, 0), xattrs: Vec::new() }
}
