//! From compressed bytes to plain ones, pushed through piece by piece.

mod gzip;
mod zstd;

use box_kernel::Result;

use crate::failure::invalid;
use gzip::Gzip;
use zstd::Zstd;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, in one or more members, with zeros after the last.
    Gzip,
    /// RFC 8878, in one or more frames.
    Zstd,
    /// Not at all.
    None,
}

impl Compression {
    /// The name that options and results use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::None => "none",
        }
    }

    /// By the first four bytes. What is no magic number is plain.
    fn sniff(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Where decoded bytes go.
pub trait Output {
    /// Room for the next bytes, never empty.
    fn space(&mut self) -> &mut [u8];
    /// Says that the first `count` bytes of the room are filled.
    fn advance(&mut self, count: usize) -> Result<()>;
}

/// A decoder for one stream.
pub struct Decoder {
    head: Vec<u8>,
    state: State,
}

enum State {
    Undecided,
    Gzip(Box<Gzip>),
    Zstd(Zstd),
    Plain,
}

impl Decoder {
    /// A decoder for that compression; without one, the first bytes decide.
    pub fn new(compression: Option<Compression>) -> Result<Self> {
        let state = match compression {
            None => State::Undecided,
            Some(known) => State::of(known)?,
        };
        Ok(Self { head: Vec::new(), state })
    }

    /// What was said, or found.
    pub fn compression(&self) -> Compression {
        match self.state {
            State::Gzip(_) => Compression::Gzip,
            State::Zstd(_) => Compression::Zstd,
            State::Plain | State::Undecided => Compression::None,
        }
    }

    /// Takes the next bytes. @errors `ERR_BOX_LAYER_INVALID`, and what `output` gives.
    pub fn push(&mut self, input: &[u8], output: &mut dyn Output) -> Result<()> {
        if !matches!(self.state, State::Undecided) {
            return self.state.push(input, output);
        }
        self.head.extend_from_slice(input);
        if self.head.len() < 4 {
            return Ok(());
        }
        self.decide(output)
    }

    /// Ends the stream. @errors `ERR_BOX_LAYER_INVALID` where it is cut short.
    pub fn finish(&mut self, output: &mut dyn Output) -> Result<()> {
        if matches!(self.state, State::Undecided) {
            self.decide(output)?;
        }
        match &self.state {
            State::Gzip(gzip) => gzip.finish(),
            State::Zstd(zstd) => zstd.finish(),
            State::Plain | State::Undecided => Ok(()),
        }
    }

    fn decide(&mut self, output: &mut dyn Output) -> Result<()> {
        let head = std::mem::take(&mut self.head);
        self.state = State::of(Compression::sniff(&head))?;
        self.state.push(&head, output)
    }
}

impl State {
    fn of(compression: Compression) -> Result<Self> {
        Ok(match compression {
            Compression::Gzip => Self::Gzip(Box::new(Gzip::new())),
            Compression::Zstd => Self::Zstd(Zstd::new()?),
            Compression::None => Self::Plain,
        })
    }

    fn push(&mut self, input: &[u8], output: &mut dyn Output) -> Result<()> {
        match self {
            Self::Gzip(gzip) => gzip.push(input, output),
            Self::Zstd(zstd) => zstd.push(input, output),
            Self::Plain | Self::Undecided => copy(input, output),
        }
    }
}

fn copy(mut input: &[u8], output: &mut dyn Output) -> Result<()> {
    while !input.is_empty() {
        let space = output.space();
        let count = space.len().min(input.len());
        let (now, later) = input.split_at(count);
        if let Some(room) = space.get_mut(..count) {
            room.copy_from_slice(now);
        }
        input = later;
        output.advance(count)?;
    }
    Ok(())
}

fn corrupt(what: &'static str) -> box_kernel::Failure {
    invalid(b"", what)
}
