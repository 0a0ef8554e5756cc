//! Which apps are still sent anything. An old one may always push: what was done with it must not die with it.

use sync_core::wire::{SyncRequest, Upgrade};

use crate::platform::config::Oldest;

/// What this app must become before it is sent anything more; none if it is good as it is.
pub fn upgrade(oldest: &Oldest, request: &SyncRequest) -> Option<Upgrade> {
    let is_too_old = request.protocol < oldest.oldest_protocol
        || numbers(&request.app_version) < numbers(&oldest.oldest_app_version);
    is_too_old
        .then(|| Upgrade { min_protocol: oldest.oldest_protocol, min_app_version: oldest.oldest_app_version.clone() })
}

/// `2.10.1-beta` is 2, 10, 1. What cannot be read is older than everything.
fn numbers(version: &str) -> Vec<u64> {
    let number = |part: &str| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).map_or(part, |end| &part[..end]);
        digits.parse::<u64>().ok()
    };
    let mut numbers: Vec<u64> = version.trim().split('.').map_while(number).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_are_compared_number_by_number() {
        let rising = ["", "0.9", "1", "1.0.1", "1.2", "1.2.9", "1.10", "1.10.0.1", "2.0.0-beta", "10"];
        for pair in rising.windows(2) {
            assert!(numbers(pair[0]) < numbers(pair[1]), "{pair:?}");
        }
        assert_eq!(numbers("1.0.0"), numbers("1"));
        assert_eq!(numbers("garbage"), numbers(""));
    }
}
