//! Unpacks a layer from a file into an empty folder, and says how long it took: `unpack LAYER FOLDER`.

use std::fs::File;
use std::time::Instant;

use box_archive::limits::Limits;
use box_archive::overlay::Marks;
use box_archive::pipeline::{LayerOptions, unpack_file};
use box_archive::unpack::{Devices, Ids, MissingLinks, Options, Own};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(layer), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: unpack LAYER FOLDER".into());
    };
    let unpack = Options {
        folder: File::open(folder)?.into(),
        ids: Ids::Keep { shift: 0 },
        devices: Devices::Make,
        opaque: Marks { trusted: true, user: true },
        lowers: Vec::new(),
        own: Own::default(),
        missing_links: MissingLinks::Refuse,
        limits: Limits::default(),
    };
    let options = LayerOptions { unpack, namespace: None, blob: None, compression: None, digest: None, size: None, diff_id: None };
    let start = Instant::now();
    let layer = unpack_file(File::open(layer)?.into(), options)?;
    let seconds = start.elapsed().as_secs_f64();
    let rate = layer.uncompressed_size as f64 / seconds / 1e6;
    println!("{seconds:.3} s, {rate:.0} MB/s of tar, {} entries, {} {}", layer.entries, layer.digest, layer.diff_id);
    Ok(())
}
