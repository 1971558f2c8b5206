//! From JavaScript's options to the core's.

use std::os::fd::{BorrowedFd, OwnedFd};

use box_archive::decode::Compression;
use box_archive::digest::{Algorithm, Digest};
use box_kernel::{Failure, Result, SyscallContext};

/// A descriptor of the core's own for one that JavaScript keeps.
pub(super) fn own(fd: i32) -> Result<OwnedFd> {
    if fd < 0 {
        return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("{fd} is not a file descriptor")));
    }
    // SAFETY: it is used for the length of one call only, which answers EBADF where nothing is open under the number.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    rustix::io::fcntl_dupfd_cloexec(borrowed, 3).syscall("fcntl")
}

/// A count or a number of bytes.
pub(super) fn whole(name: &str, value: Option<f64>) -> Result<Option<u64>> {
    match value {
        None => Ok(None),
        Some(value) if (0.0..=9_007_199_254_740_991.0).contains(&value) && value.fract() == 0.0 => Ok(Some(value as u64)),
        Some(value) => Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("{name} is not a whole number: {value}"))),
    }
}

/// A 32-bit number.
pub(super) fn small(name: &str, value: Option<f64>) -> Result<Option<u32>> {
    let Some(value) = whole(name, value)? else { return Ok(None) };
    let small = u32::try_from(value).map_err(|_| Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("{name} is too large: {value}")))?;
    Ok(Some(small))
}

/// One word of several.
pub(super) fn choice<T: Copy>(name: &str, value: Option<&str>, words: &[(&str, T)]) -> Result<Option<T>> {
    let Some(value) = value else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
    found.map(Some).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("{name} is one of {}, and not {value:?}", known.join(", ")))
    })
}

pub(super) fn compression(value: Option<&str>) -> Result<Option<Compression>> {
    let words = [("gzip", Some(Compression::Gzip)), ("zstd", Some(Compression::Zstd)), ("none", Some(Compression::None)), ("detect", None)];
    Ok(choice("compression", value, &words)?.flatten())
}

pub(super) fn algorithm(value: Option<&str>) -> Result<Algorithm> {
    let words = [("sha256", Algorithm::Sha256), ("sha512", Algorithm::Sha512)];
    Ok(choice("algorithm", value, &words)?.unwrap_or_default())
}

pub(super) fn digest(value: Option<&str>) -> Result<Option<Digest>> {
    value.map(str::parse).transpose()
}

/// JavaScript's numbers hold every size that a disk has.
pub(super) fn number(value: u64) -> f64 {
    value as f64
}
