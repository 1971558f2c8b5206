//! Streams of bytes: digests, decompression, archives.
