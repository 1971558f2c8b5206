//! Bytes of one file as a part of another.

use std::os::fd::OwnedFd;

use box_kernel::{Failure, Result, SyscallContext};
use rustix::io::Errno;

use super::stored::StoredLayer;

const PIECE: usize = 4 << 20;
const BUFFER: usize = 256 << 10;

/// Writes what is stored, as it is, from the position of `output` on. The kernel copies (copy_file_range(2)), or shares the blocks where the file
/// system can. The bytes are not looked at. @errors `ERR_BOX_SIZE_MISMATCH`
pub fn copy(stored: &StoredLayer, output: &OwnedFd) -> Result<()> {
    let mut position = 0;
    while position < stored.size {
        let count = usize::try_from(stored.size - position).unwrap_or(PIECE).min(PIECE);
        let mut offset = stored.offset + position;
        match rustix::fs::copy_file_range(&stored.file, Some(&mut offset), output, None, count) {
            Ok(0) => return Err(short(position, stored.size)),
            Ok(count) => position += count as u64,
            Err(Errno::INTR) => {}
            // Between file systems of different kinds, and into a pipe.
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BADF) => {
                return copy_by_hand(stored, output, position);
            }
            Err(errno) => return Err(Failure::syscall("copy_file_range", errno)),
        }
    }
    Ok(())
}

fn copy_by_hand(stored: &StoredLayer, output: &OwnedFd, from: u64) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut position = from;
    while position < stored.size {
        let room = usize::try_from(stored.size - position).unwrap_or(BUFFER).min(BUFFER);
        let room = buffer.get_mut(..room).unwrap_or_default();
        let count = rustix::io::retry_on_intr(|| rustix::io::pread(&stored.file, &mut *room, stored.offset + position)).syscall("pread")?;
        if count == 0 {
            return Err(short(position, stored.size));
        }
        let mut piece = room.get(..count).unwrap_or_default();
        while !piece.is_empty() {
            let written = rustix::io::retry_on_intr(|| rustix::io::write(output, piece)).syscall("write")?;
            piece = piece.get(written..).unwrap_or_default();
        }
        position += count as u64;
    }
    Ok(())
}

fn short(found: u64, expected: u64) -> Failure {
    Failure::new("ERR_BOX_SIZE_MISMATCH", format!("the stored content ends after {found} of the {expected} bytes that were promised"))
}
