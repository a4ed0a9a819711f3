//! Random numbers that never change: a seed gives the same numbers in every release.

/// SplitMix64, <https://doi.org/10.1145/2660193.2660195>. Implemented here rather than taken from a library, because a later
/// release of a library may draw other numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Creates the generator for `seed`.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number, uniform over all of `u64`.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`, uniformly distributed; 0 if `end` is 0. Draws until a number is below the greatest
    /// multiple of `end`, and returns its remainder.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let fair = match end {
            0 | 1 => return 0,
            _ => u64::MAX - u64::MAX % end,
        };
        loop {
            let number = self.next_u64();
            if number < fair {
                return number % end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_agree_with_the_published_generator() {
        let mut random = Random::seeded(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([random.next_u64(), random.next_u64(), random.next_u64()], expected);
    }

    #[test]
    fn numbers_below_an_end_are_uniform() {
        let mut random = Random::seeded(7);
        let mut drawn = [0_u32; 5];
        for _ in 0..5_000 {
            drawn[random.below(5) as usize] += 1;
        }
        assert!(drawn.iter().all(|times| (900..1_100).contains(times)), "{drawn:?}");
        assert_eq!((random.below(0), random.below(1)), (0, 0));
    }
}
