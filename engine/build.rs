//! Has cargo look at the embedded pages again when one is added or removed: changed ones it sees by itself.

fn main() {
    println!("cargo::rerun-if-changed=assets");
}
