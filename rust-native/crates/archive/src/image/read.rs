//! What an image holds, and single files of it.

use box_kernel::{Failure, Result};

use super::stored::StoredLayer;
use super::tree::{Content, FileTree, NodeId, ROOT, Record, Step};
use crate::failure::over_limit;
use crate::tar::{Entry, Kind, Reader, Sink};

/// One name.
#[derive(Debug)]
pub struct Listed<'tree> {
    /// Inside the image, without a slash before it.
    pub path: Vec<u8>,
    /// None for a folder that no entry describes: 0755, root's, of the epoch.
    pub entry: Option<&'tree Entry>,
}

/// All names but that of the root, in the order of their components; a folder stands before what it holds.
pub fn list(tree: &FileTree) -> Vec<Listed<'_>> {
    let mut names = Vec::new();
    below(tree, ROOT, &[], &mut names);
    names
}

fn below<'tree>(tree: &'tree FileTree, id: NodeId, path: &[u8], names: &mut Vec<Listed<'tree>>) {
    let Some(folder) = tree.folder(id) else { return };
    for (name, child) in &folder.children {
        let path = if path.is_empty() { name.clone() } else { [path, b"/", name].concat() };
        match tree.nodes.get(*child).map(|node| &node.content) {
            Some(Content::Folder(folder)) => {
                names.push(Listed { path: path.clone(), entry: folder.entry.as_ref() });
                below(tree, *child, &path, names);
            }
            Some(Content::File(index)) => {
                names.push(Listed { path, entry: tree.files.get(*index).map(|record| &record.entry) });
            }
            Some(Content::Whiteout) | None => {}
        }
    }
}

/// The content of a regular file. Links are followed inside the image. `layers` are those that the tree was read from.
/// @errors `ERR_BOX_NOT_FOUND`; `ERR_BOX_INVALID_ARGUMENT` for what is no file; `ERR_BOX_LIMIT` beyond `limit` bytes.
pub fn read_file(tree: &FileTree, layers: &[StoredLayer], path: &[u8], limit: u64) -> Result<Vec<u8>> {
    let components: Vec<Vec<u8>> =
        path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").map(<[u8]>::to_vec).collect();
    let not_found = || Failure::new("ERR_BOX_NOT_FOUND", format!("the image has no {}", String::from_utf8_lossy(path))).at(path);
    let Step::At(id) = tree.walk(&components, true)? else { return Err(not_found()) };
    let Some(Record { entry, place: (layer, ordinal) }) = tree.record(id).filter(|record| record.entry.kind == Kind::File) else {
        return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "this is no regular file").at(path));
    };
    if entry.size > limit {
        return Err(over_limit(path, "the size of a file", limit));
    }
    let layer = layers.get(*layer).ok_or_else(not_found)?;
    let mut reader = Reader::new(tree.limits);
    let mut wanted = Wanted { ordinal: *ordinal, current: 0, content: Vec::new(), complete: false };
    layer.each(tree.limits, &mut |piece| {
        if !wanted.complete {
            reader.push(piece, &mut wanted)?;
        }
        Ok(!wanted.complete)
    })?;
    let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
    wanted.content.resize(size, 0);
    Ok(wanted.content)
}

struct Wanted {
    ordinal: u64,
    /// How many entries have begun.
    current: u64,
    content: Vec<u8>,
    complete: bool,
}

impl Sink for Wanted {
    fn begin(&mut self, _entry: Entry) -> Result<()> {
        self.current += 1;
        Ok(())
    }

    fn data(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        if self.current == self.ordinal + 1 {
            self.content.resize(usize::try_from(offset).unwrap_or(usize::MAX), 0);
            self.content.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.complete |= self.current == self.ordinal + 1;
        Ok(())
    }
}
