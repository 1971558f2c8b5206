//! The reader: a state machine that takes the stream in pieces of any size.

use box_kernel::Result;

use super::header::{BLOCK, Header, number};
use super::pax::{self, Extended, Records};
use super::sparse::{DataMap, Map, PaxSparse, from_pax};
use super::{Entry, Kind, Time};
use crate::failure::{invalid, over_limit};
use crate::limits::{HEADER_SIZE, Limits, PATH_SIZE};

/// Who is told what the archive holds.
pub trait Sink {
    /// An entry begins.
    fn begin(&mut self, entry: Entry) -> Result<()>;
    /// The next bytes of its content, and where they belong. Only files have content.
    fn data(&mut self, offset: u64, bytes: &[u8]) -> Result<()>;
    /// The entry is complete.
    fn end(&mut self) -> Result<()>;
}

/// Reads one archive.
pub struct Reader {
    limits: Limits,
    state: State,
    block: Box<[u8; BLOCK]>,
    filled: usize,
    entries: u64,
    global: Records,
    local: Option<Extended>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

enum State {
    Header,
    Meta {
        typeflag: u8,
        data: Vec<u8>,
        size: usize,
        left: usize,
    },
    GnuMap {
        header: Header,
        map: Map,
    },
    DataMap {
        entry: Entry,
        map: DataMap,
        stored: u64,
    },
    Data {
        left: u64,
        padding: usize,
        position: u64,
        map: Option<Map>,
    },
    Padding(usize),
    /// One block of zeros was seen.
    EndMark,
    End,
}

impl Reader {
    /// Begins.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Header,
            block: Box::new([0; BLOCK]),
            filled: 0,
            entries: 0,
            global: Records::new(),
            local: None,
            long_name: None,
            long_link: None,
        }
    }

    /// How many entries there were.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Takes the next bytes. @errors `ERR_BOX_LAYER_INVALID`, `ERR_BOX_LIMIT`, and what `sink` gives.
    pub fn push(&mut self, mut input: &[u8], sink: &mut impl Sink) -> Result<()> {
        while !input.is_empty() {
            input = match &mut self.state {
                State::End => return Ok(()),
                State::Data { .. } => self.data(input, sink)?,
                State::Padding(left) => {
                    let (now, later) = input.split_at(input.len().min(*left));
                    *left -= now.len();
                    if *left == 0 {
                        self.state = State::Header;
                    }
                    later
                }
                State::Meta { data, left, .. } => {
                    let (now, later) = input.split_at(input.len().min(*left));
                    data.extend_from_slice(now);
                    *left -= now.len();
                    if *left == 0 {
                        self.meta()?;
                    }
                    later
                }
                State::Header | State::EndMark | State::GnuMap { .. } | State::DataMap { .. } => {
                    let (now, later) = input.split_at(input.len().min(BLOCK - self.filled));
                    if let Some(room) = self.block.get_mut(self.filled..self.filled + now.len()) {
                        room.copy_from_slice(now);
                    }
                    self.filled += now.len();
                    if self.filled == BLOCK {
                        self.filled = 0;
                        self.block(sink)?;
                    }
                    later
                }
            };
        }
        Ok(())
    }

    /// Passes over content that nobody wants to see, up to the next header, where at least that much is there: `available` bytes. Gives how
    /// many bytes that were.
    pub fn skip(&mut self, available: u64, sink: &mut impl Sink) -> Result<u64> {
        let State::Data { left, padding, map: None, .. } = &self.state else { return Ok(0) };
        let count = left.saturating_add(*padding as u64);
        if count > available {
            return Ok(0);
        }
        self.state = State::Header;
        sink.end()?;
        Ok(count)
    }

    /// Ends. An archive without an end mark may have been cut short, which only a digest that was checked can disprove: `proven`.
    pub fn finish(&self, proven: bool) -> Result<()> {
        match self.state {
            State::End => Ok(()),
            State::EndMark if self.filled == 0 => Ok(()),
            State::Header if self.filled == 0 && proven && !self.has_pending() => Ok(()),
            _ => Err(invalid(b"", "the archive is cut short")),
        }
    }

    fn has_pending(&self) -> bool {
        self.local.is_some() || self.long_name.is_some() || self.long_link.is_some()
    }

    fn block(&mut self, sink: &mut impl Sink) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Header) {
            State::GnuMap { header, mut map } => {
                map.push_block(&self.block, 0, 21)?;
                self.gnu_map(header, map, 504, sink)
            }
            State::DataMap { entry, mut map, stored } => match map.push(&self.block)? {
                None => {
                    self.state = State::DataMap { entry, map, stored };
                    Ok(())
                }
                Some(parts) => {
                    let stored = stored.checked_sub(map.size).ok_or_else(|| invalid(&entry.path, "a sparse file's map is malformed"))?;
                    let parts = parts.check(entry.size, stored)?;
                    self.begin(entry, stored, Some(parts), sink)
                }
            },
            state => {
                let is_zero = self.block.iter().all(|byte| *byte == 0);
                match (state, is_zero) {
                    (State::EndMark, true) => self.state = State::End,
                    (State::EndMark, false) => return Err(invalid(b"", "the archive goes on after half an end mark")),
                    (_, true) if self.has_pending() => {
                        return Err(invalid(b"", "the archive ends after a header that describes the next entry"));
                    }
                    (_, true) => self.state = State::EndMark,
                    (_, false) => {
                        let header = Header::parse(&self.block)?;
                        self.header(header, sink)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn header(&mut self, header: Header, sink: &mut impl Sink) -> Result<()> {
        let size = u64::try_from(header.size).map_err(|_| invalid(&header.name, "the header's size is negative"))?;
        match header.typeflag {
            b'x' | b'g' | b'L' | b'K' => {
                let size = usize::try_from(size).ok().filter(|size| *size <= HEADER_SIZE);
                let size = size.ok_or_else(|| over_limit(b"", "the size of an entry's metadata", HEADER_SIZE as u64))?;
                self.state = State::Meta { typeflag: header.typeflag, data: Vec::new(), size, left: size + padding(size as u64) };
                if size == 0 { self.meta() } else { Ok(()) }
            }
            // A volume's label is no file.
            b'V' if size == 0 && !self.has_pending() => Ok(()),
            b'S' => {
                if self.local.is_some() {
                    return Err(invalid(&header.name, "a sparse file is described twice"));
                }
                let mut map = Map::default();
                map.push_block(&header.block, 386, 4)?;
                self.gnu_map(header, map, 482, sink)
            }
            _ => self.entry(header, size, sink),
        }
    }

    /// A pax header or a long name is complete.
    fn meta(&mut self) -> Result<()> {
        let State::Meta { typeflag, mut data, size, .. } = std::mem::replace(&mut self.state, State::Header) else { return Ok(()) };
        // What was read holds the block's padding too.
        data.truncate(size);
        let repeated = || invalid(b"", "two headers of one kind describe the same entry");
        match typeflag {
            b'x' => {
                let extended = pax::parse(&data)?;
                self.local.replace(extended).map_or(Ok(()), |_| Err(repeated()))
            }
            b'g' => {
                if self.has_pending() {
                    return Err(invalid(b"", "a global header stands between an entry and what describes it"));
                }
                self.global.extend(pax::parse_global(&data)?);
                // Each archive has a handful of these. Their sum is bounded as one header is.
                let size: usize = self.global.iter().map(|(key, value)| key.len() + value.len()).sum();
                if size > HEADER_SIZE { Err(over_limit(b"", "the size of global metadata", HEADER_SIZE as u64)) } else { Ok(()) }
            }
            _ => {
                let text = data.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
                let place = if typeflag == b'L' { &mut self.long_name } else { &mut self.long_link };
                place.replace(text).map_or(Ok(()), |_| Err(repeated()))
            }
        }
    }

    /// The map of a GNU sparse header goes on in blocks of its own while the byte at `more` is set.
    fn gnu_map(&mut self, header: Header, map: Map, more: usize, sink: &mut impl Sink) -> Result<()> {
        let block = if more == 482 { &header.block } else { &self.block };
        if block.get(more).is_some_and(|flag| *flag != 0) {
            self.state = State::GnuMap { header, map };
            return Ok(());
        }
        let malformed = || invalid(b"", "a sparse file's map is malformed");
        let logical = header.block.get(483..495).and_then(number).and_then(|size| u64::try_from(size).ok()).ok_or_else(malformed)?;
        let stored = u64::try_from(header.size).map_err(|_| malformed())?;
        let map = map.check(logical, stored)?;
        let entry = self.compose(header, Records::new(), logical, true)?;
        self.begin(entry, stored, Some(map), sink)
    }

    fn entry(&mut self, header: Header, size: u64, sink: &mut impl Sink) -> Result<()> {
        let mut extended = self.local.take().unwrap_or_default();
        let sparse = from_pax(&mut extended)?;
        let mut records = self.global.clone();
        records.extend(extended.records);
        let size = match records.remove(&b"size"[..]).filter(|text| !text.is_empty()) {
            None => size,
            Some(text) => {
                let size = pax::decimal(&text).and_then(|size| u64::try_from(size).ok());
                size.ok_or_else(|| invalid(&header.name, "the pax header's size is not a number"))?
            }
        };
        let logical = match &sparse {
            None => size,
            Some(PaxSparse::Header(_, logical) | PaxSparse::Data(logical)) => *logical,
        };
        let entry = self.compose(header, records, logical, sparse.is_some())?;
        if entry.kind != Kind::File && (size > 0 || sparse.is_some()) {
            return Err(invalid(&entry.path, "an entry that is not a file has content, which readers take differently"));
        }
        match sparse {
            None => self.begin(entry, size, None, sink),
            Some(PaxSparse::Header(map, logical)) => {
                let map = map.check(logical, size)?;
                self.begin(entry, size, Some(map), sink)
            }
            Some(PaxSparse::Data(_)) => {
                self.state = State::DataMap { entry, map: DataMap::default(), stored: size };
                Ok(())
            }
        }
    }

    /// Puts together what the header and those before it say.
    fn compose(&mut self, header: Header, mut records: Records, size: u64, sparse: bool) -> Result<Entry> {
        let mut take = |key: &[u8]| records.remove(key).filter(|value| !value.is_empty());
        let path = one_of(take(b"path"), self.long_name.take(), header.name)?;
        let link = one_of(take(b"linkpath"), self.long_link.take(), header.link)?;
        let bad = |what: &'static str| invalid(&path, what);
        let mut id = |key: &[u8], field: i64| {
            let value = match take(key) {
                None => Some(field),
                Some(text) => pax::decimal(&text),
            };
            // The highest one means "leave it" to chown(2).
            value.and_then(|id| u32::try_from(id).ok()).filter(|id| *id != u32::MAX).ok_or_else(|| bad("an owner is no user id"))
        };
        let (uid, gid) = (id(b"uid", header.uid)?, id(b"gid", header.gid)?);
        let mtime = match take(b"mtime") {
            None => Time { seconds: header.mtime, nanoseconds: 0 },
            Some(text) => pax::time(&text).ok_or_else(|| bad("the pax header's mtime is not a number"))?,
        };
        let device = |number: i64| u32::try_from(number).map_err(|_| bad("a device's number is out of range"));
        let device = (device(header.device.0)?, device(header.device.1)?);
        let ends_as_folder = path.ends_with(b"/");
        let kind = match header.typeflag {
            0 if ends_as_folder => Kind::Directory,
            0 | b'0' | b'7' | b'S' if ends_as_folder => return Err(bad("a file has the name of a folder, which readers take differently")),
            0 | b'0' | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => Kind::CharDevice,
            b'4' => Kind::BlockDevice,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => return Err(bad_type(&path, other)),
        };
        if kind != Kind::File && sparse {
            return Err(bad("an entry that is not a file is sparse"));
        }
        if path.is_empty() {
            return Err(invalid(b"", "an entry has no name"));
        }
        if path.len() > PATH_SIZE + 1 || link.len() > PATH_SIZE {
            return Err(over_limit(path.get(..64).unwrap_or_default(), "the length of a path", PATH_SIZE as u64));
        }
        if size > self.limits.total_size {
            return Err(over_limit(&path, "the size of a file", self.limits.total_size));
        }
        let xattrs = records.into_iter().filter_map(|(key, value)| Some((key.strip_prefix(pax::XATTR)?.to_vec(), value))).collect();
        Ok(Entry { kind, link, mode: header.mode, uid, gid, size, sparse, mtime, device, xattrs, path })
    }

    fn begin(&mut self, entry: Entry, stored: u64, map: Option<Map>, sink: &mut impl Sink) -> Result<()> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(over_limit(&entry.path, "the number of entries", self.limits.entries));
        }
        if stored > self.limits.total_size {
            return Err(over_limit(&entry.path, "the size of a file", self.limits.total_size));
        }
        sink.begin(entry)?;
        if stored == 0 {
            self.state = State::Header;
            return sink.end();
        }
        self.state = State::Data { left: stored, padding: padding(stored), position: 0, map };
        Ok(())
    }

    fn data<'input>(&mut self, input: &'input [u8], sink: &mut impl Sink) -> Result<&'input [u8]> {
        let State::Data { left, padding, position, map } = &mut self.state else { return Ok(input) };
        let (offset, limit) = match map {
            None => (*position, *left),
            Some(map) => map.next(),
        };
        let count = usize::try_from(limit.min(*left)).unwrap_or(usize::MAX).min(input.len());
        let (now, later) = input.split_at(count);
        sink.data(offset, now)?;
        if let Some(map) = map {
            map.advance(count as u64);
        }
        *position += count as u64;
        *left -= count as u64;
        if *left == 0 {
            self.state = if *padding > 0 { State::Padding(*padding) } else { State::Header };
            sink.end()?;
        }
        Ok(later)
    }
}

/// A name may be said by pax, by GNU's long name and by the header. The two longer ones must agree.
fn one_of(pax: Option<Vec<u8>>, long: Option<Vec<u8>>, short: Vec<u8>) -> Result<Vec<u8>> {
    match (pax, long) {
        (Some(pax), Some(long)) if pax != long => Err(invalid(&pax, "a pax header and a GNU header name one entry differently")),
        (Some(name), _) | (None, Some(name)) => Ok(name),
        (None, None) => Ok(short),
    }
}

fn bad_type(path: &[u8], typeflag: u8) -> box_kernel::Failure {
    invalid(path, format!("the entry is of an unknown type ({:?})", char::from(typeflag)))
}

fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}
