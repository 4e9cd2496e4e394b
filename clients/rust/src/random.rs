use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Sixty-four random bits, not for secrets: each new state of the standard hasher has other keys.
pub(crate) fn bits() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A random number from 0 up to, but without, 1.
pub(crate) fn unit() -> f64 {
    (bits() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_and_lie_within_the_unit_interval() {
        let numbers: Vec<f64> = (0..100).map(|_| unit()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        assert!(numbers.iter().any(|&number| number < 0.5) && numbers.iter().any(|&number| number > 0.5));
        assert_ne!(bits(), bits());
    }
}
