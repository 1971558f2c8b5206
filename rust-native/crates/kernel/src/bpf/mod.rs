//! BPF programs of our own: assembled here, loaded by bpf(2), without a compiler, BTF or a library.

pub mod assembler;
pub mod bandwidth;
pub mod devices;
pub mod system;
