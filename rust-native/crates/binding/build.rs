fn main() {
    println!("cargo:rerun-if-env-changed=BOX_LAUNCHER");
    napi_build::setup();
}
