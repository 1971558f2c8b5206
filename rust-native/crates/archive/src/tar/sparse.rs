//! Maps of files with holes: GNU's own header type, and the three ways that pax headers say the same.

use box_kernel::Result;

use super::header::{BLOCK, number};
use super::pax::{Extended, decimal};
use crate::failure::{invalid, over_limit};

/// The parts of a file that hold data, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Map {
    parts: Vec<(u64, u64)>,
}

/// The most parts taken: what fits into the size of a header.
const PARTS: usize = crate::limits::HEADER_SIZE / 24;

impl Map {
    /// Takes the next part as it stands in the archive.
    pub(super) fn push(&mut self, offset: i64, size: i64) -> Result<()> {
        if self.parts.len() >= PARTS {
            return Err(over_limit(b"", "parts of a sparse file", PARTS as u64));
        }
        match (u64::try_from(offset), u64::try_from(size)) {
            (Ok(offset), Ok(size)) => self.parts.push((offset, size)),
            _ => return Err(malformed()),
        }
        Ok(())
    }

    /// Parts must be in order, apart, and inside the file; and their sum is what the archive holds.
    pub(super) fn check(mut self, logical: u64, stored: u64) -> Result<Self> {
        let mut end = 0_u64;
        let mut sum = 0_u64;
        for (offset, size) in &self.parts {
            if *offset < end {
                return Err(malformed());
            }
            end = offset.checked_add(*size).filter(|end| *end <= logical).ok_or_else(malformed)?;
            sum += size;
        }
        if sum != stored {
            return Err(malformed());
        }
        self.parts.retain(|(_, size)| *size > 0);
        self.parts.reverse();
        Ok(self)
    }

    /// Where the next stored byte goes, and how many follow it there.
    pub(super) fn next(&self) -> (u64, u64) {
        self.parts.last().copied().unwrap_or((0, 0))
    }

    /// Says that so many of them were taken.
    pub(super) fn advance(&mut self, count: u64) {
        if let Some(part) = self.parts.last_mut() {
            part.0 += count;
            part.1 -= count.min(part.1);
            if part.1 == 0 {
                self.parts.pop();
            }
        }
    }

    /// Takes `count` pairs of a GNU header or of its extension. An empty one ends the list.
    pub(super) fn push_block(&mut self, block: &[u8; BLOCK], start: usize, count: usize) -> Result<()> {
        for pair in block.get(start..start + count * 24).unwrap_or_default().chunks_exact(24) {
            let (offset, size) = pair.split_at(12);
            if pair.first() == Some(&0) {
                return Ok(());
            }
            self.push(number(offset).ok_or_else(malformed)?, number(size).ok_or_else(malformed)?)?;
        }
        Ok(())
    }
}

/// How a pax header describes a sparse file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PaxSparse {
    /// The map is in the header.
    Header(Map, u64),
    /// The map stands before the data.
    Data(u64),
}

/// Formats 0.0, 0.1 and 1.0 of GNU's manual, "Storing Sparse Files".
pub(super) fn from_pax(extended: &mut Extended) -> Result<Option<PaxSparse>> {
    let records = &mut extended.records;
    let mut take = |key: &[u8]| records.remove(key);
    let (major, minor) = (take(b"GNU.sparse.major"), take(b"GNU.sparse.minor"));
    let (map, count) = (take(b"GNU.sparse.map"), take(b"GNU.sparse.numblocks"));
    let (size, real_size) = (take(b"GNU.sparse.size"), take(b"GNU.sparse.realsize"));
    let name = take(b"GNU.sparse.name");
    let version = (major.as_deref(), minor.as_deref());
    let pairs = std::mem::take(&mut extended.sparse_pairs);
    let is_sparse = version != (None, None) || map.is_some() || count.is_some() || !pairs.is_empty();
    if !is_sparse {
        return if size.is_some() || real_size.is_some() || name.is_some() { Err(malformed()) } else { Ok(None) };
    }
    if let Some(name) = name {
        extended.records.insert(b"path".to_vec(), name);
    }
    let logical =
        |text: Option<Vec<u8>>| text.and_then(|text| decimal(&text)).and_then(|size| u64::try_from(size).ok()).ok_or_else(malformed);
    match version {
        (Some(b"1"), Some(b"0")) if map.is_none() && pairs.is_empty() => return Ok(Some(PaxSparse::Data(logical(real_size)?))),
        (None, None) | (Some(b"0"), Some(b"0" | b"1")) => {}
        _ => return Err(malformed()),
    }
    let mut parts = Map::default();
    match map {
        Some(map) if pairs.is_empty() => {
            let numbers: Vec<&[u8]> = if map.is_empty() { Vec::new() } else { map.split(|byte| *byte == b',').collect() };
            for pair in numbers.chunks(2) {
                let [offset, size] = pair else { return Err(malformed()) };
                parts.push(decimal(offset).ok_or_else(malformed)?, decimal(size).ok_or_else(malformed)?)?;
            }
        }
        Some(_) => return Err(malformed()),
        None => pairs.into_iter().try_for_each(|(offset, size)| parts.push(offset, size))?,
    }
    let counted = count.and_then(|count| decimal(&count)).ok_or_else(malformed)?;
    if usize::try_from(counted) != Ok(parts.parts.len()) {
        return Err(malformed());
    }
    Ok(Some(PaxSparse::Header(parts, logical(size.or(real_size))?)))
}

/// The map before the data of format 1.0: lines of decimal numbers, the first the count, filled up to whole blocks.
#[derive(Debug, Default)]
pub(super) struct DataMap {
    line: Vec<u8>,
    count: Option<usize>,
    offset: Option<i64>,
    map: Map,
    /// Bytes of blocks read so far.
    pub(super) size: u64,
}

impl DataMap {
    /// Takes the next block. Gives the map when it is complete; the data begins with the block after.
    pub(super) fn push(&mut self, block: &[u8; BLOCK]) -> Result<Option<Map>> {
        self.size += BLOCK as u64;
        if self.size > crate::limits::HEADER_SIZE as u64 {
            return Err(over_limit(b"", "the size of a sparse map", crate::limits::HEADER_SIZE as u64));
        }
        for byte in block {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let number = decimal(&self.line).ok_or_else(malformed)?;
            self.line.clear();
            let Some(count) = self.count else {
                let count = usize::try_from(number).ok().filter(|count| *count <= PARTS);
                self.count = Some(count.ok_or_else(|| over_limit(b"", "parts of a sparse file", PARTS as u64))?);
                if number == 0 {
                    return Ok(Some(std::mem::take(&mut self.map)));
                }
                continue;
            };
            match self.offset.take() {
                None => self.offset = Some(number),
                Some(offset) => self.map.push(offset, number)?,
            }
            if self.map.parts.len() == count {
                return Ok(Some(std::mem::take(&mut self.map)));
            }
        }
        Ok(None)
    }
}

fn malformed() -> box_kernel::Failure {
    invalid(b"", "a sparse file's map is malformed")
}
