//! One header block of 512 bytes.

use std::borrow::Cow;

use box_kernel::Result;

use crate::failure::invalid;

pub(super) const BLOCK: usize = 512;

/// Which fields the end of the block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Before POSIX: nothing.
    V7,
    /// A prefix of the name.
    Ustar,
    /// Times and a sparse map.
    Gnu,
}

/// A header's fields as they stand there.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) mode: u32,
    pub(super) uid: i64,
    pub(super) gid: i64,
    pub(super) size: i64,
    pub(super) mtime: i64,
    pub(super) typeflag: u8,
    pub(super) device: (i64, i64),
    pub(super) block: Box<[u8; BLOCK]>,
}

impl Header {
    /// Reads a block that is not all zeros.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self> {
        check_sum(block)?;
        let format = match block.get(257..265) {
            Some(b"ustar  \0") => Format::Gnu,
            Some([b'u', b's', b't', b'a', b'r', 0, ..]) => Format::Ustar,
            _ => Format::V7,
        };
        let name = text(block, 0, 100);
        if format == Format::Gnu && block.get(345..357).and_then(number).is_none() {
            return Err(invalid(name, "a GNU header has something other than a time where others keep a prefix"));
        }
        let prefix = if format == Format::Ustar {
            // star keeps its times behind a shorter prefix, and says so in the last four bytes.
            text(block, 345, if block.ends_with(b"tar\0") { 131 } else { 155 })
        } else {
            &[]
        };
        let name = if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() };
        let number = |start: usize, length: usize, field: &'static str| {
            number(block.get(start..start + length).unwrap_or_default())
                .ok_or_else(|| invalid(&name, format!("the header's {field} is not a number")))
        };
        let typeflag = byte(block, 156);
        let is_device = format != Format::V7 && matches!(typeflag, b'3' | b'4');
        Ok(Self {
            link: text(block, 157, 100).to_vec(),
            // Some writers keep the file's type in the upper bits.
            mode: u32::try_from(number(100, 8, "mode")? & 0o7777).unwrap_or(0),
            uid: number(108, 8, "uid")?,
            gid: number(116, 8, "gid")?,
            size: number(124, 12, "size")?,
            mtime: number(136, 12, "mtime")?,
            device: if is_device { (number(329, 8, "device major")?, number(337, 8, "device minor")?) } else { (0, 0) },
            typeflag,
            block: Box::new(*block),
            name,
        })
    }
}

/// Bytes up to the first zero.
fn text(block: &[u8; BLOCK], start: usize, length: usize) -> &[u8] {
    let field = block.get(start..start + length).unwrap_or_default();
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn byte(block: &[u8; BLOCK], at: usize) -> u8 {
    block.get(at).copied().unwrap_or(0)
}

/// The sum is over unsigned bytes; some old writers summed signed ones.
fn check_sum(block: &[u8; BLOCK]) -> Result<()> {
    let said = block.get(148..156).and_then(number);
    let blanked = |(index, byte): (usize, &u8)| if (148..156).contains(&index) { b' ' } else { *byte };
    let unsigned: i64 = block.iter().enumerate().map(blanked).map(i64::from).sum();
    let signed: i64 = block.iter().enumerate().map(blanked).map(|byte| i64::from(byte.cast_signed())).sum();
    if said == Some(unsigned) || said == Some(signed) {
        return Ok(());
    }
    let name = text(block, 0, 100);
    let shown: Cow<'_, [u8]> = if name.iter().all(u8::is_ascii_graphic) { name.into() } else { Vec::new().into() };
    Err(invalid(&shown, "a header's checksum is wrong"))
}

/// Octal digits between blanks and zeros; or, with the first bit set, a number of base 256 in two's complement.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        let mut value = i128::from(first & 0x7f) - if negative { 0x80 } else { 0 };
        for byte in rest {
            value = value.checked_mul(256)?.checked_add(i128::from(*byte))?;
            if value > i128::from(i64::MAX) || value < i128::from(i64::MIN) {
                return None;
            }
        }
        return i64::try_from(value).ok();
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_blank(byte)).unwrap_or(field.len());
    let digits = field.get(start..)?;
    let end = digits.iter().position(is_blank).unwrap_or(digits.len());
    let (digits, tail) = digits.split_at(end);
    if !tail.iter().all(is_blank) {
        return None;
    }
    digits.iter().try_fold(0_i64, |value, digit| {
        if !matches!(digit, b'0'..=b'7') {
            return None;
        }
        value.checked_mul(8)?.checked_add(i64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_octal_or_base_256() {
        let table: &[(&[u8], Option<i64>)] = &[
            (b"0000644\0", Some(0o644)),
            (b"  644 \0\0", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"77777777", Some(0o77_777_777)),
            (b"12x\0", None),
            (b"1 2\0", None),
            (b"-1\0\0", None),
            (b"\x80\0\0\0\0\0\x01\x02", Some(0x102)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", Some(-1)),
            (b"\x80\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ];
        for (field, expected) in table {
            assert_eq!(number(field), *expected, "{field:?}");
        }
    }
}
