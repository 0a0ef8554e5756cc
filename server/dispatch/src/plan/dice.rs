//! Repeatable randomness: SplitMix64 (Steele, Lea and Flood 2014). Good enough to choose what to try next, and the
//! same on every machine.

pub(super) struct Dice(u64);

impl Dice {
    /// Other dice for each of several uses of one seed.
    pub fn of(seed: u64, epoch: u64, part: u64) -> Self {
        let mut dice = Self(seed ^ epoch.rotate_left(32) ^ part.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let first = dice.next();
        Self(first)
    }

    /// A number from 0 to `below` − 1; 0 if there is none.
    pub fn below(&mut self, below: usize) -> usize {
        // The high half of the product is uniform enough for `below` far under 2^64, and needs no division.
        ((u128::from(self.next()) * below as u128) >> 64) as usize
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Evenly between 0, which it never is, and 1.
    pub fn share(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_and_all_faces_come_up() {
        let throw = |seed| {
            let mut dice = Dice::of(seed, 0, 0);
            (0..60).map(|_| dice.below(6)).collect::<Vec<_>>()
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
        assert!((0..6).all(|face| throw(7).contains(&face)));
        assert_eq!(Dice(1).below(0), 0);
    }

    #[test]
    fn it_is_splitmix64() {
        let mut dice = Dice(1_234_567);
        assert_eq!(dice.next(), 6_457_827_717_110_365_317, "the first value of the reference implementation");
    }
}
