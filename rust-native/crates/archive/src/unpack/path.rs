//! Names of entries.

use box_kernel::Result;

use crate::failure::{invalid, over_limit};
use crate::limits::{Limits, PATH_SIZE};

/// The longest component (NAME_MAX).
const NAME: usize = 255;

/// A path inside the root, as components without `.` and `..`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path {
    components: Vec<Vec<u8>>,
}

impl Path {
    /// Reads a name as it stands in an archive. Slashes at the start mean the root. `..` takes the component before it away, as
    /// all readers do before they look at any file; beyond the root it is an error.
    pub(crate) fn parse(path: &[u8], limits: &Limits) -> Result<Self> {
        let mut components: Vec<Vec<u8>> = Vec::new();
        for component in path.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => {
                    if components.pop().is_none() {
                        return Err(invalid(path, "the path leads out of the root"));
                    }
                }
                name if name.len() > NAME => return Err(over_limit(path, "the length of a name", NAME as u64)),
                name if name.contains(&0) => return Err(invalid(path, "the path holds a zero byte")),
                name => components.push(name.to_vec()),
            }
        }
        if components.len() > limits.depth {
            return Err(over_limit(path, "the depth of a path", limits.depth as u64));
        }
        if components.iter().map(|name| name.len() + 1).sum::<usize>() > PATH_SIZE {
            return Err(over_limit(path, "the length of a path", PATH_SIZE as u64));
        }
        Ok(Self { components })
    }

    /// The folder and the name in it. Nothing for the root itself.
    pub(crate) fn split(&self) -> Option<(&[Vec<u8>], &[u8])> {
        let (name, parents) = self.components.split_last()?;
        Some((parents, name))
    }

    /// How many components there are.
    pub(crate) fn depth(&self) -> usize {
        self.components.len()
    }

    /// The components, with slashes between them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.components.join(&b'/')
    }
}

#[cfg(test)]
mod tests {
    use super::Path;
    use crate::limits::Limits;

    fn parse(path: &str) -> Option<String> {
        let parsed = Path::parse(path.as_bytes(), &Limits::default()).ok()?;
        Some(String::from_utf8(parsed.components.join(&b'/')).unwrap())
    }

    #[test]
    fn a_path_stays_inside_the_root() {
        let table = [
            ("a/b", Some("a/b")),
            ("/a//b/", Some("a/b")),
            ("./", Some("")),
            ("/.", Some("")),
            ("a/../b", Some("b")),
            ("a/b/../../c", Some("c")),
            ("a/..", Some("")),
            ("..", None),
            ("../a", None),
            ("/../a", None),
            ("a/../../b", None),
            ("a/b/../../../c", None),
        ];
        for (path, expected) in table {
            assert_eq!(parse(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn depth_and_length_are_limited() {
        let refused = |path: &str| Path::parse(path.as_bytes(), &Limits::default()).unwrap_err().code;
        assert_eq!(refused(&"a/".repeat(513)), Some("ERR_BOX_LIMIT"));
        assert_eq!(refused(&"a".repeat(256)), Some("ERR_BOX_LIMIT"));
        assert_eq!(refused(&format!("{}/", "a".repeat(200)).repeat(21)), Some("ERR_BOX_LIMIT"));
    }
}
