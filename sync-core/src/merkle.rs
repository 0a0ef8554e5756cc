//! One hash over many entries, and short proofs that an entry is among them: the Merkle tree of Certificate Transparency,
//! RFC 6962 section 2.1 (unchanged in RFC 9162). A leaf is hashed behind a 0x00, a node behind a 0x01, so that nobody can
//! pass the one off as the other; the left half of a tree is always the largest power of two that is smaller than the whole.

use sha2::{Digest, Sha256};

use crate::ids::Sha256Hash;

const LEAF: u8 = 0;
const NODE: u8 = 1;
/// No tree is so high that a proof has more steps.
const MAX_STEPS: usize = 64;

/// The hash of an entry as it stands in the tree.
pub fn leaf(entry: &[u8]) -> Sha256Hash {
    Sha256Hash(Sha256::new().chain_update([LEAF]).chain_update(entry).finalize().into())
}

fn node(left: Sha256Hash, right: Sha256Hash) -> Sha256Hash {
    Sha256Hash(Sha256::new().chain_update([NODE]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root over these leaves; that of no leaves is the hash of nothing.
pub fn root(leaves: &[Sha256Hash]) -> Sha256Hash {
    match leaves {
        [] => Sha256Hash::of(b""),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(half(leaves.len()));
            node(root(left), root(right))
        }
    }
}

/// What proves that the leaf at this place is under the root, from the leaf upwards; none if there is no such leaf.
pub fn path(leaves: &[Sha256Hash], at: usize) -> Option<Vec<Sha256Hash>> {
    if at >= leaves.len() {
        return None;
    }
    let (mut path, mut leaves, mut at) = (Vec::new(), leaves, at);
    // From the root downwards, then turned round.
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(half(leaves.len()));
        let is_left = at < left.len();
        path.push(root(if is_left { right } else { left }));
        (leaves, at) = if is_left { (left, at) } else { (right, at - left.len()) };
    }
    path.reverse();
    Some(path)
}

/// The root of the tree of so many leaves in which this one stands at this place, by this path. None if no tree has such a
/// path (RFC 9162, section 2.1.3.2).
pub fn climb(leaf: Sha256Hash, at: u64, count: u64, path: &[Sha256Hash]) -> Option<Sha256Hash> {
    if at >= count || path.len() > MAX_STEPS {
        return None;
    }
    let (mut at, mut last, mut hash) = (at, count - 1, leaf);
    for beside in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node(*beside, hash);
            // A node that is the last of an odd row moves up as it is.
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node(hash, *beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

/// The largest power of two that is smaller than this, which is at least 2.
fn half(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The eight entries that every implementation of Certificate Transparency is tried with, and the roots over the first
    /// one, two, … of them.
    const ENTRIES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn the_roots_are_those_that_everybody_else_computes() {
        let leaves: Vec<Sha256Hash> = ENTRIES.into_iter().map(leaf).collect();
        for (count, expected) in ROOTS.iter().enumerate() {
            assert_eq!(root(&leaves[..count]).to_string(), *expected, "{count} entries");
        }
    }

    #[test]
    fn a_path_is_the_one_of_the_standard() {
        let leaves: Vec<Sha256Hash> = ENTRIES.into_iter().map(leaf).collect();
        let named = |path: Option<Vec<Sha256Hash>>| -> Vec<String> {
            path.unwrap().iter().map(|hash| hash.to_string()[..8].to_owned()).collect()
        };
        assert_eq!(named(path(&leaves, 0)), ["96a296d2", "5f083f0a", "6b47aaf2"]);
        assert_eq!(named(path(&leaves, 5)), ["bc1a0643", "ca854ea1", "d37ee418"]);
        assert_eq!(named(path(&leaves[..3], 2)), ["fac54203"]);
        assert_eq!(path(&leaves[..1], 0), Some(Vec::new()));
        assert_eq!(path(&leaves, 8), None);
    }

    fn many(count: usize) -> Vec<Sha256Hash> {
        (0..count).map(|n| leaf(&n.to_be_bytes())).collect()
    }

    #[test]
    fn every_leaf_of_every_small_tree_proves_itself_and_at_no_other_place() {
        for count in 1..=70 {
            let (leaves, of) = (many(count), |n: usize| u64::try_from(n).unwrap());
            let root = root(&leaves);
            for at in 0..count {
                let path = path(&leaves, at).unwrap();
                assert_eq!(climb(leaves[at], of(at), of(count), &path), Some(root), "{at} of {count}");
                for elsewhere in (0..count).filter(|other| *other != at) {
                    assert_ne!(climb(leaves[at], of(elsewhere), of(count), &path), Some(root), "{at} at {elsewhere}");
                }
                assert_eq!(climb(leaves[at], of(count), of(count), &path), None);
            }
        }
    }

    proptest! {
        #[test]
        fn a_proof_of_anything_else_fails(count in 2..2_000_usize, at in any::<prop::sample::Index>(), bit in 0..256_usize, step in any::<prop::sample::Index>()) {
            let (leaves, at) = (many(count), at.index(count));
            let (root, mut path) = (root(&leaves), path(&leaves, at).unwrap());
            let (place, all) = (at as u64, count as u64);
            prop_assert!(path.len() <= 11);
            prop_assert_eq!(climb(leaves[at], place, all, &path), Some(root));
            prop_assert_ne!(climb(leaf(b"another"), place, all, &path), Some(root));
            prop_assert_ne!(climb(leaves[at], place, all, &path[1..]), Some(root));
            let mut longer = path.clone();
            longer.push(root);
            prop_assert_ne!(climb(leaves[at], place, all, &longer), Some(root));
            let step = step.index(path.len());
            path[step].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(climb(leaves[at], place, all, &path), Some(root));
        }

        #[test]
        fn any_path_is_answered(at in any::<u64>(), count in any::<u64>(), path in proptest::collection::vec(any::<[u8; 32]>(), 0..80)) {
            let path: Vec<Sha256Hash> = path.into_iter().map(Sha256Hash).collect();
            let _ = climb(leaf(b"x"), at, count, &path);
        }
    }
}
