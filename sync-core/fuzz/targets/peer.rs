#![no_main]

use libfuzzer_sys::fuzz_target;
use sync_core_fuzz::{quiet, target};

fuzz_target!(init: quiet::be_quiet(), |bytes: &[u8]| {
    quiet::run_or_abort(target::peer, bytes);
});
