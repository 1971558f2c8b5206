//! gzip (RFC 1952): members one after the other, each with its checksum, zeros after the last.

use box_kernel::Result;
use flate2::{Decompress, FlushDecompress, Status};

use super::{Output, corrupt};

/// Zeros after the last member: what blocking devices and careless writers leave, never more.
const PADDING: u64 = 1 << 20;
/// The optional fields of one member's header.
const HEADER: u32 = 128 << 10;

const HAS_CRC: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

pub(super) struct Gzip {
    part: Part,
    flags: u8,
    header_size: u32,
    header_crc: crc32fast::Hasher,
    inflate: Decompress,
    crc: crc32fast::Hasher,
    size: u32,
    members: u64,
    padding: u64,
}

enum Part {
    /// The ten fixed bytes; how many are there.
    Fixed(u8),
    ExtraLength(u8, u16),
    Extra(u16),
    Name,
    Comment,
    HeaderCrc(u8, u16),
    Body,
    Trailer(u8, u64),
    /// After a member: another one, zeros, or the end.
    Between,
    Padding,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            part: Part::Fixed(0),
            flags: 0,
            header_size: 0,
            header_crc: crc32fast::Hasher::new(),
            inflate: Decompress::new(false),
            crc: crc32fast::Hasher::new(),
            size: 0,
            members: 0,
            padding: 0,
        }
    }

    pub(super) fn push(&mut self, mut input: &[u8], output: &mut dyn Output) -> Result<()> {
        loop {
            if matches!(self.part, Part::Body) {
                input = self.inflate(input, output)?;
                if matches!(self.part, Part::Body) {
                    return Ok(());
                }
            }
            let Some((&byte, rest)) = input.split_first() else { return Ok(()) };
            input = rest;
            self.byte(byte)?;
        }
    }

    pub(super) fn finish(&self) -> Result<()> {
        match self.part {
            Part::Between | Part::Padding => Ok(()),
            _ => Err(corrupt("the gzip stream is cut short")),
        }
    }

    /// Everything outside the body, where a byte at a time is fast enough.
    fn byte(&mut self, byte: u8) -> Result<()> {
        match self.part {
            Part::Body => {}
            Part::Trailer(count, value) => return self.trailer(byte, count, value),
            Part::Between => match byte {
                0x1f => {
                    self.part = Part::Fixed(0);
                    self.header(byte)?;
                }
                0 => self.pad()?,
                _ => return Err(corrupt("there is something other than zeros after the last gzip member")),
            },
            Part::Padding if byte == 0 => self.pad()?,
            Part::Padding => return Err(corrupt("there is something other than zeros after the last gzip member")),
            _ => self.header(byte)?,
        }
        Ok(())
    }

    fn pad(&mut self) -> Result<()> {
        self.part = Part::Padding;
        self.padding += 1;
        if self.padding > PADDING { Err(crate::failure::over_limit(b"", "zeros after the last gzip member", PADDING)) } else { Ok(()) }
    }

    fn header(&mut self, byte: u8) -> Result<()> {
        self.header_size += 1;
        if self.header_size > HEADER {
            return Err(crate::failure::over_limit(b"", "the size of a gzip header", u64::from(HEADER)));
        }
        if !matches!(self.part, Part::HeaderCrc(..)) {
            self.header_crc.update(&[byte]);
        }
        self.part = match self.part {
            Part::Fixed(0) if byte == 0x1f => Part::Fixed(1),
            Part::Fixed(1) if byte == 0x8b => Part::Fixed(2),
            Part::Fixed(0 | 1) => return Err(corrupt("this is not gzip")),
            Part::Fixed(2) if byte != 8 => return Err(corrupt("gzip with an unknown method")),
            Part::Fixed(3) if byte & RESERVED != 0 => return Err(corrupt("gzip with reserved flags")),
            Part::Fixed(3) => {
                self.flags = byte;
                Part::Fixed(4)
            }
            Part::Fixed(9) => self.after(HAS_EXTRA),
            Part::Fixed(count) => Part::Fixed(count + 1),
            Part::ExtraLength(0, _) => Part::ExtraLength(1, u16::from(byte)),
            Part::ExtraLength(_, low) => match low | u16::from(byte) << 8 {
                0 => self.after(HAS_NAME),
                length => Part::Extra(length),
            },
            Part::Extra(1) => self.after(HAS_NAME),
            Part::Extra(left) => Part::Extra(left - 1),
            Part::Name if byte == 0 => self.after(HAS_COMMENT),
            Part::Comment if byte == 0 => self.after(HAS_CRC),
            Part::HeaderCrc(0, _) => Part::HeaderCrc(1, u16::from(byte)),
            Part::HeaderCrc(_, low) => {
                let found = low | u16::from(byte) << 8;
                if u32::from(found) != self.header_crc.clone().finalize() & 0xffff {
                    return Err(corrupt("a gzip header does not match its checksum"));
                }
                self.body()
            }
            Part::Name => Part::Name,
            Part::Comment => Part::Comment,
            Part::Body | Part::Trailer(..) | Part::Between | Part::Padding => Part::Body,
        };
        Ok(())
    }

    /// The header's next part that is there, from the one that `first` flags on.
    fn after(&mut self, first: u8) -> Part {
        if first == HAS_EXTRA && self.flags & HAS_EXTRA != 0 {
            Part::ExtraLength(0, 0)
        } else if matches!(first, HAS_EXTRA | HAS_NAME) && self.flags & HAS_NAME != 0 {
            Part::Name
        } else if first != HAS_CRC && self.flags & HAS_COMMENT != 0 {
            Part::Comment
        } else if self.flags & HAS_CRC != 0 {
            Part::HeaderCrc(0, 0)
        } else {
            self.body()
        }
    }

    fn body(&mut self) -> Part {
        if self.members > 0 {
            self.inflate.reset(false);
        }
        self.crc = crc32fast::Hasher::new();
        self.size = 0;
        self.header_size = 0;
        self.header_crc = crc32fast::Hasher::new();
        Part::Body
    }

    /// Gives back what of `input` stands behind the body.
    fn inflate<'input>(&mut self, mut input: &'input [u8], output: &mut dyn Output) -> Result<&'input [u8]> {
        loop {
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let space = output.space();
            let room = space.len();
            let status = self.inflate.decompress(input, space, FlushDecompress::None).map_err(|_| corrupt("the gzip data is corrupt"))?;
            let read = usize::try_from(self.inflate.total_in() - read).unwrap_or(usize::MAX);
            let written = usize::try_from(self.inflate.total_out() - written).unwrap_or(usize::MAX);
            self.crc.update(space.get(..written).unwrap_or_default());
            self.size = self.size.wrapping_add(written as u32);
            input = input.get(read..).unwrap_or_default();
            if written > 0 {
                output.advance(written)?;
            }
            if status == Status::StreamEnd {
                self.part = Part::Trailer(0, 0);
                return Ok(input);
            }
            // Where the room was filled there may be more to come without any input.
            if written < room && (input.is_empty() || (read == 0 && written == 0)) {
                return if input.is_empty() { Ok(input) } else { Err(corrupt("the gzip data is corrupt")) };
            }
        }
    }

    fn trailer(&mut self, byte: u8, count: u8, value: u64) -> Result<()> {
        let value = value | u64::from(byte) << (8 * u32::from(count));
        if count < 7 {
            self.part = Part::Trailer(count + 1, value);
            return Ok(());
        }
        if value as u32 != self.crc.clone().finalize() || (value >> 32) as u32 != self.size {
            return Err(corrupt("the gzip data does not match its checksum"));
        }
        self.members += 1;
        self.part = Part::Between;
        Ok(())
    }
}
