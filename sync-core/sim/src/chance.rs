//! Chance that can be repeated: everything random comes from one number.

/// A generator of random numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Chance(pub u64);

impl Chance {
    /// That of one step of a run: leaving out another step does not change it.
    pub fn of(seed: u64, step: usize) -> Self {
        let mut chance = Self(seed ^ (step as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
        chance.number();
        Self(chance.number())
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below this limit; nought if there is nothing below it.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit.max(1) as u64) as usize
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// A number of the kind at which programs break.
    pub fn edge(&mut self) -> u64 {
        const EDGES: [u64; 12] = [
            0,
            1,
            2,
            0x7f,
            0x80,
            0xffff,
            i32::MAX as u64,
            u32::MAX as u64,
            u32::MAX as u64 + 1,
            i64::MAX as u64,
            u64::MAX - 1,
            u64::MAX,
        ];
        match self.below(4) {
            0 => self.number(),
            1 => self.number() % 300,
            _ => EDGES[self.below(EDGES.len())],
        }
    }

    /// True so many times out of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.number() % 100 < percent
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.fill_with(|| self.number() as u8);
        bytes
    }

    pub fn uuid(&mut self) -> uuid::Uuid {
        uuid::Uuid::from_bytes(self.bytes())
    }
}
