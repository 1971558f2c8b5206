//! The launch plan and its outcome as data.
