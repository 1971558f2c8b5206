//! Files inside a root, resolved by descriptor.
