//! The loop: one message, one launch.

use std::os::fd::OwnedFd;

use box_plan::{Outcome, Stop, slot};

use crate::descriptors::close_together;
use crate::launch::{Descriptors, Served, launch};
use crate::prepare::open_slots;
use crate::{channel, sys};

/// The kinds of message, in the first byte.
mod kind {
    /// The plan is in the message.
    pub const LAUNCH: u8 = 1;
    /// The plan is in a file, the second descriptor.
    pub const LAUNCH_FILE: u8 = 2;
    /// Pidfds of children that an earlier launcher, or another process, has made.
    pub const ADOPT: u8 = 3;
}

/// The largest message.
const BUFFER: usize = 160 * 1024;

/// Serves until the caller's end of the socket closes, and then ends the children.
pub fn serve() {
    let mut served = Served::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        match channel::receive(sys::fixed(sys::SOCKET), &mut buffer) {
            Ok((0, _)) => break,
            Ok((length, descriptors)) => handle(buffer.get(..length).unwrap_or_default(), descriptors, &mut served),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => served.spares.let_go(),
            Err(_) => break,
        }
    }
    served.spares.made().into_iter().for_each(|pidfd| served.children.add(pidfd));
    served.children.kill();
}

fn handle(message: &[u8], mut descriptors: Vec<OwnedFd>, served: &mut Served) {
    match message.first() {
        Some(&kind::ADOPT) => descriptors.into_iter().for_each(|pidfd| served.children.add(pidfd)),
        Some(&(kind::LAUNCH | kind::LAUNCH_FILE)) if !descriptors.is_empty() => {
            if let Err(stop) = read_and_launch(message, &mut descriptors, served)
                && let Some(answer) = descriptors.first()
            {
                channel::send(answer, &Outcome::Stopped(*stop), None);
            }
            close_together(descriptors);
        }
        _ => {}
    }
}

/// The first descriptor is the channel of this launch. Gives back those that are to be closed.
fn read_and_launch(message: &[u8], descriptors: &mut Vec<OwnedFd>, served: &mut Served) -> crate::stop::Result<()> {
    let (&first, rest) = message.split_first().ok_or_else(malformed)?;
    let (count, rest) = rest.split_first_chunk::<2>().ok_or_else(malformed)?;
    let (kinds, inline) = rest.split_at_checked(usize::from(u16::from_le_bytes(*count))).ok_or_else(malformed)?;
    let file;
    let bytes = if first == kind::LAUNCH_FILE {
        if descriptors.len() < 2 {
            return Err(malformed());
        }
        file = read_file(&descriptors.remove(1)).ok_or_else(malformed)?;
        file.as_slice()
    } else {
        inline
    };
    if kinds.iter().any(|kind| *kind > slot::LATER) {
        return Err(malformed());
    }
    let plan = box_plan::decode(bytes).map_err(|_| malformed())?;
    let mut kinds = kinds.to_vec();
    let files = open_slots(&plan, descriptors.split_off(1), &mut kinds)?;
    let answer = descriptors.first().ok_or_else(malformed)?;
    let launched = launch(&plan, bytes, &Descriptors { files: &files, kinds: &kinds, answer }, served);
    descriptors.extend(files);
    launched
}

fn read_file(file: &OwnedFd) -> Option<Vec<u8>> {
    let length = usize::try_from(rustix::fs::fstat(file).ok()?.st_size).ok()?;
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        let count = rustix::io::pread(file, bytes.get_mut(filled..)?, u64::try_from(filled).ok()?).ok()?;
        if count == 0 {
            return None;
        }
        filled += count;
    }
    Some(bytes)
}

/// The message is none of ours.
pub fn malformed() -> Box<Stop> {
    Box::new(Stop { step: "read the plan".into(), code: "ERR_BOX_INVALID_ARGUMENT".into(), ..Stop::default() })
}
