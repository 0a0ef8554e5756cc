//! Panics that stay inside the guard are expected and happen by the thousand: they are counted, not printed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

static PANICS: AtomicU64 = AtomicU64::new(0);
static LAST: Mutex<String> = Mutex::new(String::new());

/// From now on a panic prints nothing; libFuzzer's own hook, which would end the process at each, is put aside too.
pub fn be_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut last) = LAST.lock() {
            *last = panic.to_string();
        }
    }));
}

/// How many panics there have been.
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// What `work` gives; or what was wrong, if something was.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| LAST.lock().expect("nobody panics here").clone())
}

/// Runs a target for libFuzzer: whatever is wrong ends the process, and libFuzzer keeps the bytes.
pub fn run_or_abort(target: fn(&[u8]), bytes: &[u8]) {
    if let Err(why) = caught(|| target(bytes)) {
        eprintln!("{why}");
        std::process::abort();
    }
}
