//! What comes back over the channel of a launch, one message each.

use crate::reader::{Malformed, Reader};

/// A message of the launcher, of an intermediate or of the child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The child was made; its pidfd comes along.
    Started {
        /// Its id where the launcher is.
        pid: u32,
        /// Whether another process than the launcher has made it, so that the launcher does not know of it.
        apart: bool,
    },
    /// A process that only helps to make children, of this launch or of a later one; its pidfd comes along.
    Intermediate,
    /// A descriptor that a step has made for the caller; it comes along.
    Offered,
    /// The child could not become the program.
    Stopped(Stop),
}

/// Where it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stop {
    /// The step's name.
    pub step: String,
    /// The system call, or empty.
    pub syscall: String,
    /// The error number, or 0.
    pub errno: i32,
    /// The path concerned, or empty.
    pub path: String,
    /// A code of `@box/core`, or empty.
    pub code: String,
    /// What a program that was run for the launch has said, or empty.
    pub said: String,
}

impl Outcome {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Started { pid, apart } => {
                let mut bytes = vec![1];
                bytes.extend_from_slice(&pid.to_le_bytes());
                bytes.push(u8::from(*apart));
                bytes
            }
            Self::Intermediate => vec![2],
            Self::Offered => vec![4],
            Self::Stopped(stop) => {
                let mut bytes = vec![3];
                bytes.extend_from_slice(&stop.errno.to_le_bytes());
                for text in [&stop.step, &stop.syscall, &stop.path, &stop.code, &stop.said] {
                    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
                    bytes.extend_from_slice(text.as_bytes());
                }
                bytes
            }
        }
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let outcome = match reader.u8()? {
            1 => Self::Started { pid: reader.u32()?, apart: reader.u8()? != 0 },
            2 => Self::Intermediate,
            4 => Self::Offered,
            3 => {
                let errno = reader.i32()?;
                let mut text = || Ok(String::from_utf8_lossy(reader.bytes()?).into_owned());
                Self::Stopped(Stop { errno, step: text()?, syscall: text()?, path: text()?, code: text()?, said: text()? })
            }
            _ => return Err(Malformed),
        };
        reader.finish()?;
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Stop};

    #[test]
    fn outcomes_come_back_as_they_were() {
        let stop = Stop { step: "mount".into(), syscall: "move_mount".into(), errno: 22, path: "/proc".into(), ..Stop::default() };
        let started = [false, true].map(|apart| Outcome::Started { pid: 4711, apart });
        for outcome in started.into_iter().chain([Outcome::Intermediate, Outcome::Offered, Outcome::Stopped(stop)]) {
            let bytes = outcome.encode();
            assert_eq!(Outcome::decode(&bytes), Ok(outcome));
            for end in 0..bytes.len() {
                assert!(Outcome::decode(bytes.get(..end).unwrap()).is_err(), "cut at {end}");
            }
        }
    }
}
