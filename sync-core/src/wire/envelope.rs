//! The outermost wrapping: one format byte, then the body as it is or compressed by zstd as a whole.
//!
//! [`unpack`] is bounded: it never holds more than the limit it is given, whatever the bytes claim, and refuses
//! windows a phone could not afford.

use std::io::Read;

/// As it is.
const PLAIN: u8 = 0;
/// One zstd frame.
const ZSTD: u8 = 1;
/// Frames that want more than 8 MiB of window are refused.
const MAX_WINDOW_LOG: u32 = 23;

/// Why an envelope was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// There is not even a format byte.
    #[error("the envelope is empty")]
    Empty,
    /// A format of a later version, or no envelope at all.
    #[error("envelope format {0} is not known")]
    UnknownFormat(u8),
    /// The body would be larger than the reader allows.
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    /// The compressed bytes are not one whole zstd frame.
    #[error("the compressed body is damaged")]
    Damaged,
}

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For what is sent often and is small: requests, deltas.
    Quick,
    /// For first pages full of snapshots, sent once and large: about a tenth smaller for several times the CPU.
    Thorough,
}

/// Wraps a body, compressed only if that is smaller.
pub fn pack(body: &[u8], effort: Effort) -> Vec<u8> {
    let level = match effort {
        Effort::Quick => 3,
        Effort::Thorough => 9,
    };
    let (format, content) = match zstd::bulk::compress(body, level) {
        Ok(compressed) if compressed.len() < body.len() => (ZSTD, compressed),
        _ => (PLAIN, body.to_vec()),
    };
    let mut out = Vec::with_capacity(content.len() + 1);
    out.push(format);
    out.extend_from_slice(&content);
    out
}

/// Unwraps a body of at most `limit` bytes.
pub fn unpack(bytes: &[u8], limit: usize) -> Result<Vec<u8>, EnvelopeError> {
    let (&format, content) = bytes.split_first().ok_or(EnvelopeError::Empty)?;
    match format {
        PLAIN if content.len() > limit => Err(EnvelopeError::TooLarge { limit }),
        PLAIN => Ok(content.to_vec()),
        ZSTD => inflate(content, limit),
        other => Err(EnvelopeError::UnknownFormat(other)),
    }
}

fn inflate(content: &[u8], limit: usize) -> Result<Vec<u8>, EnvelopeError> {
    let damaged = |_| EnvelopeError::Damaged;
    let mut decoder = zstd::Decoder::with_buffer(content).map_err(damaged)?.single_frame();
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(damaged)?;
    let mut body = Vec::new();
    // One byte more than allowed tells a body of exactly `limit` bytes from a larger one.
    decoder.by_ref().take(limit as u64 + 1).read_to_end(&mut body).map_err(damaged)?;
    if body.len() > limit {
        return Err(EnvelopeError::TooLarge { limit });
    }
    if decoder.finish().is_empty() { Ok(body) } else { Err(EnvelopeError::Damaged) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let bomb = pack(&vec![0; 64 << 20], Effort::Quick);
        assert!(bomb.len() < 10_000);
        assert_eq!(unpack(&bomb, 1 << 20), Err(EnvelopeError::TooLarge { limit: 1 << 20 }));
    }

    #[test]
    fn a_frame_with_a_huge_window_is_refused() {
        let mut encoder = zstd::Encoder::new(vec![ZSTD], 3).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        std::io::Write::write_all(&mut encoder, &vec![7; 1000]).unwrap();
        assert_eq!(unpack(&encoder.finish().unwrap(), 1 << 20), Err(EnvelopeError::Damaged));
    }

    #[test]
    fn a_truncated_or_lengthened_frame_is_refused() {
        let whole = pack(&vec![3; 5000], Effort::Thorough);
        for cut in 1..whole.len() {
            assert!(unpack(&whole[..cut], 1 << 20).is_err(), "cut at {cut}");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!(unpack(&longer, 1 << 20), Err(EnvelopeError::Damaged));
        assert_eq!(unpack(&whole, 5000).unwrap(), vec![3; 5000]);
        assert!(unpack(&whole, 4999).is_err());
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(body in proptest::collection::vec(any::<u8>(), 0..4000)) {
            for effort in [Effort::Quick, Effort::Thorough] {
                let packed = pack(&body, effort);
                prop_assert!(packed.len() <= body.len() + 1);
                prop_assert_eq!(unpack(&packed, body.len()).unwrap(), body.clone());
            }
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300), zstd in any::<bool>()) {
            let mut bytes = bytes;
            if zstd {
                bytes.splice(0..0, [ZSTD, 0x28, 0xb5, 0x2f, 0xfd]);
            }
            if let Ok(body) = unpack(&bytes, 10_000) {
                prop_assert!(body.len() <= 10_000);
            }
        }
    }
}
