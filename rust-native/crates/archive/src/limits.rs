//! Limits that guard against input made to exhaust the machine.

use box_kernel::Result;

use crate::failure::over_limit;

/// What one layer may take. The defaults are far above any image in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uncompressed tar; and of one file's logical size, so that a sparse file cannot claim more either.
    pub total_size: u64,
    /// Entries of the tar.
    pub entries: u64,
    /// Uncompressed bytes for each compressed byte, counted beyond `ratio_free`.
    pub ratio: u64,
    /// Uncompressed bytes that are not held against the ratio: small layers of zeros are common and harmless.
    pub ratio_free: u64,
    /// Components of a path.
    pub depth: usize,
}

/// The longest metadata of one entry, in bytes: PAX records, long names, and sparse maps.
pub const HEADER_SIZE: usize = 1 << 20;

/// The longest path, in bytes: what Linux takes in one call, without the terminating zero.
pub const PATH_SIZE: usize = 4095;

impl Default for Limits {
    fn default() -> Self {
        Self { total_size: 64 << 30, entries: 2_000_000, ratio: 250, ratio_free: 64 << 20, depth: 512 }
    }
}

impl Limits {
    /// Refuses what inflates to more than is allowed, in all or for its compressed size.
    pub(crate) fn check_inflated(&self, total: u64, compressed: u64) -> Result<()> {
        if total > self.total_size {
            return Err(over_limit(b"", "the uncompressed size", self.total_size));
        }
        if total.saturating_sub(self.ratio_free) > compressed.saturating_mul(self.ratio) {
            return Err(over_limit(b"", "the ratio of uncompressed to compressed size", self.ratio));
        }
        Ok(())
    }
}
