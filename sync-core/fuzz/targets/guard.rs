#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use sync_core_fuzz::{mutant, quiet, target};
use sync_sim::chance::Chance;

fuzz_target!(init: quiet::be_quiet(), |bytes: &[u8]| {
    quiet::run_or_abort(target::guard, bytes);
});

// Every second time a change is taken apart and put together otherwise; else its bytes are altered as libFuzzer likes.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut chance = Chance(u64::from(seed));
    if size > 1 && chance.below(2) == 0 {
        let forged = mutant::forge(&data[1..size], &mut chance);
        if let Some(forged) = forged.filter(|forged| forged.len() < max_size) {
            data[0] = chance.number() as u8 % 3;
            data[1..=forged.len()].copy_from_slice(&forged);
            return forged.len() + 1;
        }
    }
    fuzzer_mutate(data, size, max_size)
});
