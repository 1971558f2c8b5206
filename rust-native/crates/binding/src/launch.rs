//! Starting processes, and seeing them end.

use napi_derive::napi;

/// The size of the embedded launcher in bytes.
#[napi(catch_unwind)]
pub fn launcher_size() -> u32 {
    u32::try_from(LAUNCHER.len()).unwrap_or(u32::MAX)
}

/// The launcher's executable, as built beside this library.
static LAUNCHER: &[u8] = include_bytes!(env!("BOX_LAUNCHER"));
