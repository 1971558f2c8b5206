//! Launching: the reactor's thread, the launcher that it starts, and the processes that come of it.

mod channel;
mod exit;
mod launcher;
mod prepare;
mod reactor;
mod request;
mod service;

pub use exit::Exit;
pub use reactor::{Event, Sink, launch, may_wait, set_launcher};
pub use request::{End, Request, Stream};
pub use service::{IdRange, Maps, OverlayPlan, create_user_namespace, mount_overlay_in_user_namespace, mount_tree_in_user_namespace};
