//! Sets how often durability tests repeat their work.

/// Returns `usual` times `CHEM_TEST_EFFORT`, which is 1 unless the environment says otherwise. The nightly script raises it.
pub fn rounds(usual: usize) -> usize {
    let effort = std::env::var("CHEM_TEST_EFFORT").map_or(1, |effort| {
        effort.parse().unwrap_or_else(|_| panic!("CHEM_TEST_EFFORT is `{effort}`, expected a whole number"))
    });
    usual * effort
}
