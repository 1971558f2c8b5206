//! Digest, inflate, tar: what turns a stream into files and files into a stream.
//!
//! Everything that arrives here is taken for hostile. Paths are resolved by descriptors, one component at a time or by `openat2`
//! with `RESOLVE_IN_ROOT`; sizes are checked before memory is taken; and nothing is kept in memory that grows with the content.

pub mod changes;
pub mod copied;
pub mod decode;
pub mod digest;
pub mod encode;
mod failure;
pub mod image;
pub mod index;
pub mod limits;
mod lowers;
pub mod overlay;
pub mod pack;
pub mod pipeline;
pub mod tar;
pub mod tree;
pub mod unpack;
mod xattrs;
