//! Mounts and overlays, by descriptor.
