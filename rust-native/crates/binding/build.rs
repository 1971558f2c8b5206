//! Names the launcher that is embedded: the one that `build.mjs` built, or for `cargo test` and `cargo clippy` of this crate alone an empty one.
use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed=BOX_LAUNCHER");
    if env::var_os("BOX_LAUNCHER").is_none() {
        let none = Path::new(&env::var("OUT_DIR")?).join("no-launcher");
        fs::write(&none, [])?;
        println!("cargo:rustc-env=BOX_LAUNCHER={}", none.display());
    }
    napi_build::setup();
    Ok(())
}
