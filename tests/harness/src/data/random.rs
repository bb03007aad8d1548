//! A random generator that gives the same numbers everywhere and forever.

/// Knuth's MMIX linear congruential generator; its upper half is random enough for a shop.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

// === impl Random ===

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed ^ 0x9e37_79b9_7f4a_7c15);
        // Neighbouring seeds begin with neighbouring numbers; two steps tell them apart.
        random.next();
        random.next();
        random
    }

    fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 32).expect("the upper half of 64 bits has 32")
    }

    /// One of `0..below`.
    pub(crate) fn below(&mut self, below: u32) -> u32 {
        let scaled = (u64::from(self.next()) * u64::from(below)) >> 32;
        u32::try_from(scaled).expect("a 32-bit number times less than one")
    }

    /// One of `from..=to`.
    pub(crate) fn between(&mut self, from: u32, to: u32) -> u32 {
        from + self.below(to - from + 1)
    }

    /// One of `0..below`, small ones far more often: three of five draws lie in the first quarter.
    pub(crate) fn skewed(&mut self, below: u32) -> u32 {
        let (first, second) = (self.below(below), self.below(below));
        let product = u64::from(first) * u64::from(second) / u64::from(below);
        u32::try_from(product).expect("less than `below`")
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        f64::from(self.next()) < probability * f64::from(u32::MAX)
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let length = u32::try_from(from.len()).expect("a short list");
        from[self.below(length) as usize]
    }
}
