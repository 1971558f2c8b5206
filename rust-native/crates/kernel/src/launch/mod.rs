//! Launching: the reactor's thread, the launcher that it starts, and the processes that come of it.

mod channel;
mod exit;
mod launcher;
mod prepare;
mod reactor;
mod request;

pub use exit::Exit;
pub use reactor::{Event, Sink, launch, may_wait, set_launcher};
pub use request::{End, Request, Stream};
