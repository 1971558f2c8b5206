//! The files of an image as its layers describe them, read from the layers' own archives: nothing is unpacked.

mod apply;
mod copy;
mod merge;
mod read;
mod stored;
mod tree;

pub use copy::copy;
pub use merge::merge;
pub use read::{Listed, list, read_file};
pub use stored::{StoredLayer, transcode};
pub use tree::{Below, FileTree};
