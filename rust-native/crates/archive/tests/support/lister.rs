//! What an archive says, as text.

use box_archive::digest::{Algorithm, Hasher};
use box_archive::limits::Limits;
use box_archive::tar::{Entry, Kind, Reader, Sink};
use box_kernel::Result;

/// Keeps what an archive says, as text.
#[derive(Default)]
pub struct Lister {
    lines: Vec<String>,
    entry: Option<Entry>,
    content: Vec<u8>,
}

impl Sink for Lister {
    fn begin(&mut self, entry: Entry) -> Result<()> {
        self.content = vec![0; if entry.size < 1 << 20 { entry.size as usize } else { 0 }];
        self.entry = Some(entry);
        Ok(())
    }

    fn data(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let entry = self.entry.as_ref().unwrap();
        assert!(offset + bytes.len() as u64 <= entry.size, "data beyond the end of {entry:?}");
        if let Some(room) = self.content.get_mut(offset as usize..offset as usize + bytes.len()) {
            room.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let entry = self.entry.take().unwrap();
        let typeflag = match entry.kind {
            Kind::File => '0',
            Kind::HardLink => '1',
            Kind::Symlink => '2',
            Kind::CharDevice => '3',
            Kind::BlockDevice => '4',
            Kind::Directory => '5',
            Kind::Fifo => '6',
        };
        let content = match entry.kind {
            Kind::File if entry.size < 1 << 20 => {
                let mut hasher = Hasher::new(Algorithm::Sha256);
                hasher.update(&self.content);
                hasher.finish().to_string().trim_start_matches("sha256:").to_owned()
            }
            Kind::File => "large".to_owned(),
            _ => "-".to_owned(),
        };
        self.lines.push(format!(
            "{typeflag} {} {} {:o} {}:{} {} {}.{:09} {},{} {content}",
            quoted(&entry.path),
            quoted(&entry.link),
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            entry.mtime.seconds,
            entry.mtime.nanoseconds,
            entry.device.0,
            entry.device.1
        ));
        Ok(())
    }
}

/// As Go's %q, for the names in its archives.
fn quoted(name: &[u8]) -> String {
    let mut text = String::from("\"");
    for chunk in name.utf8_chunks() {
        text += &chunk.valid().replace('\\', "\\\\").replace('"', "\\\"");
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text + "\""
}

pub fn read(tar: &[u8]) -> Result<Vec<String>> {
    read_in(tar, 1000)
}

/// The same of an archive that arrives in pieces of that size.
pub fn read_in(tar: &[u8], piece: usize) -> Result<Vec<String>> {
    let mut reader = Reader::new(Limits { total_size: 1 << 50, ..Limits::default() });
    let mut lister = Lister::default();
    for piece in tar.chunks(piece) {
        reader.push(piece, &mut lister)?;
    }
    reader.finish(true)?;
    Ok(lister.lines)
}
