//! pax extended headers: records of "length key=value\n".

use std::collections::BTreeMap;

use box_kernel::Result;

use super::Time;
use crate::failure::invalid;

/// The records of one header, the last of each key. An empty value takes back what a global header said.
pub(super) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// Extended attributes, as star began and all others followed.
pub(super) const XATTR: &[u8] = b"SCHILY.xattr.";

/// Records that decide where the content of one entry begins, ends or goes. In a global header they make no sense.
const OF_ONE_ENTRY: [&[u8]; 3] = [b"path", b"linkpath", b"size"];

/// What the records of one header say.
#[derive(Debug, Default)]
pub(super) struct Extended {
    pub(super) records: Records,
    /// Offsets and sizes of GNU's first sparse format, which repeats its keys.
    pub(super) sparse_pairs: Vec<(i64, i64)>,
}

/// Reads all records, strictly: what is skipped here would be read otherwise elsewhere.
pub(super) fn parse(mut data: &[u8]) -> Result<Extended> {
    let mut extended = Extended::default();
    let mut offset = None;
    while !data.is_empty() {
        let (key, value, rest) = record(data).ok_or_else(|| invalid(b"", "a pax header is malformed"))?;
        data = rest;
        let names = key == b"path" || key == b"linkpath" || key.starts_with(b"GNU.sparse.name") || key == b"uname" || key == b"gname";
        if names && value.contains(&0) {
            return Err(invalid(b"", "a name in a pax header holds a zero byte"));
        }
        match key {
            b"GNU.sparse.offset" => {
                if offset.replace(decimal(value).ok_or_else(malformed_map)?).is_some() {
                    return Err(malformed_map());
                }
            }
            b"GNU.sparse.numbytes" => {
                let size = decimal(value).ok_or_else(malformed_map)?;
                extended.sparse_pairs.push((offset.take().ok_or_else(malformed_map)?, size));
            }
            _ => {
                extended.records.insert(key.to_vec(), value.to_vec());
            }
        }
    }
    if offset.is_some() { Err(malformed_map()) } else { Ok(extended) }
}

/// The same for a header that is to hold for all entries that follow.
pub(super) fn parse_global(data: &[u8]) -> Result<Records> {
    let Extended { records, sparse_pairs } = parse(data)?;
    let misplaced = |key: &Vec<u8>| OF_ONE_ENTRY.contains(&key.as_slice()) || key.starts_with(b"GNU.sparse.") || key.starts_with(XATTR);
    if !sparse_pairs.is_empty() || records.keys().any(misplaced) {
        return Err(invalid(b"", "a global pax header names, measures or marks all entries at once"));
    }
    Ok(records)
}

fn malformed_map() -> box_kernel::Failure {
    invalid(b"", "a sparse map in a pax header is malformed")
}

type Record<'data> = (&'data [u8], &'data [u8], &'data [u8]);

fn record(data: &[u8]) -> Option<Record<'_>> {
    let space = data.iter().take(20).position(|byte| *byte == b' ')?;
    let digits = data.get(..space)?;
    if digits.first() == Some(&b'0') {
        return None;
    }
    let length = usize::try_from(decimal(digits)?).ok()?;
    let content = data.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = content.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (content.get(..equals)?, content.get(equals + 1..)?);
    if key.is_empty() || key.contains(&0) {
        return None;
    }
    Some((key, value, data.get(length..)?))
}

/// A decimal number without a sign.
pub(super) fn decimal(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 19 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Seconds with a fraction, cut to nanoseconds.
pub(super) fn time(text: &[u8]) -> Option<Time> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let (whole, fraction) = (text.get(..point)?, text.get(point + 1..).unwrap_or_default());
    let seconds = decimal(whole)?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nanoseconds = (0..9).map(|at| fraction.get(at).map_or(0, |digit| u32::from(digit - b'0'))).fold(0, |sum, digit| sum * 10 + digit);
    Some(match (negative, nanoseconds) {
        (false, _) => Time { seconds, nanoseconds },
        (true, 0) => Time { seconds: -seconds, nanoseconds: 0 },
        (true, _) => Time { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_malformed_is_refused() {
        let table: &[&[u8]] = &[
            b"30 path=x\n",
            b"5 a=b\n",
            b"7 a=b\n",
            b"6 a=b",
            b"06 a=b\n",
            b"6 =bc\n",
            b"x a=b\n",
            b"99999999999999999999 a=b\n",
            b"-6 a=b\n",
            b"12 path=a\0b\n",
            b"\0",
        ];
        for data in table {
            assert!(parse(data).is_err(), "{:?}", String::from_utf8_lossy(data));
        }
    }

    #[test]
    fn the_last_record_of_a_key_holds() {
        let extended = parse(b"6 a=b\n6 a=c\n8 b=x=y\n5 c=\n").unwrap();
        let pairs: Vec<_> = extended.records.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect();
        assert_eq!(pairs, [(&b"a"[..], &b"c"[..]), (b"b", b"x=y"), (b"c", b"")]);
    }

    #[test]
    fn times_have_nanoseconds_and_may_be_before_the_epoch() {
        type Row = (&'static [u8], Option<(i64, u32)>);
        let table: &[Row] = &[
            (b"1350244992.023960108", Some((1_350_244_992, 23_960_108))),
            (b"1.5", Some((1, 500_000_000))),
            (b"1.0000000019", Some((1, 1))),
            (b"-1.5", Some((-2, 500_000_000))),
            (b"-3", Some((-3, 0))),
            (b"1.", Some((1, 0))),
            (b"", None),
            (b".5", None),
            (b"1.x", None),
            (b"--1", None),
            (b"99999999999999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(time(text).map(|time| (time.seconds, time.nanoseconds)), *expected, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
