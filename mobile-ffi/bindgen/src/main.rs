//! `uniffi-bindgen generate --language kotlin --out-dir DIR LIBRARY`, of the version the library was built with.

fn main() {
    uniffi::uniffi_bindgen_main();
}
