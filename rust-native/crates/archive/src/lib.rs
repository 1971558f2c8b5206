//! Digest, inflate, tar: what turns a stream into files and files into a stream.
