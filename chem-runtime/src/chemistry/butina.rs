//! Taylor and Butina's clustering of fingerprints, in memory linear in their number.
//!
//! Neighbour lists are not stored: they are computed once to count the neighbours, and again for the few fingerprints that
//! become centres. Neighbours are found without comparing all pairs. Two fingerprints whose Tanimoto coefficient is at least
//! t share at least s bits, where s is t times the number of bits of either. If the s - l most common bits of one
//! fingerprint are ignored, the two share at least l of its other bits. An inverted index from bits to fingerprints counts
//! these shared bits, which yields every neighbour and few other candidates. A larger l yields fewer candidates; a smaller
//! l leaves fewer bits to count.

use std::collections::HashMap;

use rayon::prelude::*;

use super::library::Fingerprint;
use crate::step::{ExecutionContext, StepError};

/// A cluster, as indices of fingerprints.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    /// The centre, which is one of the members.
    pub(super) centre: usize,
    /// The members, in ascending order.
    pub(super) members: Vec<usize>,
}

/// Clusters `prints`, so that the similarity of every member to its centre is at least `threshold`, which must be above 0.
pub(super) fn butina(
    context: &ExecutionContext<'_>,
    prints: &[Fingerprint],
    threshold: f64,
) -> Result<Vec<Cluster>, StepError> {
    let groups = Groups::of(prints);
    let index = Index::of(&groups.prints, threshold);
    let (all, done) = (groups.prints.len() as u64, std::sync::atomic::AtomicU64::new(0));
    let counts: Vec<usize> = (0..groups.prints.len())
        .into_par_iter()
        .map_init(
            || Shared::new(groups.prints.len()),
            |shared, group| {
                context.check_cancelled()?;
                let count = index.neighbours(group, shared).iter().map(|other| groups.members[*other].len()).sum();
                let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                if done.is_multiple_of(256) || done == all {
                    context.progress(done, Some(all));
                }
                Ok::<usize, StepError>(count)
            },
        )
        .collect::<Result<_, _>>()?;

    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|group| (std::cmp::Reverse(counts[*group]), groups.members[*group][0]));
    let (mut taken, mut shared) = (vec![false; counts.len()], Shared::new(counts.len()));
    let mut clusters = Vec::new();
    for group in order {
        if taken[group] {
            continue;
        }
        context.check_cancelled()?;
        let mut members = Vec::new();
        for other in index.neighbours(group, &mut shared) {
            if !std::mem::replace(&mut taken[other], true) {
                members.extend(&groups.members[other]);
            }
        }
        members.sort_unstable();
        clusters.push(Cluster { centre: groups.members[group][0], members });
    }
    Ok(clusters)
}

/// Groups of equal fingerprints. They have the same neighbours, and a library may have many duplicates.
struct Groups<'a> {
    prints: Vec<&'a Fingerprint>,
    /// The indices of the members of each group, in ascending order.
    members: Vec<Vec<usize>>,
}

impl<'a> Groups<'a> {
    fn of(prints: &'a [Fingerprint]) -> Self {
        let mut groups = Self { prints: Vec::new(), members: Vec::new() };
        let mut known: HashMap<&Fingerprint, usize> = HashMap::new();
        for (index, print) in prints.iter().enumerate() {
            let group = *known.entry(print).or_insert_with(|| {
                groups.prints.push(print);
                groups.members.push(Vec::new());
                groups.prints.len() - 1
            });
            groups.members[group].push(index);
        }
        groups
    }
}

/// An inverted index from bits to fingerprints.
struct Index<'a> {
    prints: &'a [&'a Fingerprint],
    threshold: f64,
    /// The fingerprints by the number of their bits, fewest first. A position in this list is a rank.
    by_ones: Vec<usize>,
    /// For each bit, the ranks of the fingerprints that have it, in ascending order.
    having: HashMap<u32, Vec<u32>>,
}

impl<'a> Index<'a> {
    fn of(prints: &'a [&'a Fingerprint], threshold: f64) -> Self {
        let mut by_ones: Vec<usize> = (0..prints.len()).collect();
        by_ones.sort_by_key(|index| prints[*index].ones());
        let mut having: HashMap<u32, Vec<u32>> = HashMap::new();
        for (rank, index) in (0_u32..).zip(&by_ones) {
            for bit in prints[*index].bits() {
                having.entry(bit).or_default().push(rank);
            }
        }
        Self { prints, threshold, by_ones, having }
    }

    /// Returns the neighbours of the fingerprint at `index`, including itself, in arbitrary order.
    fn neighbours(&self, index: usize, shared: &mut Shared) -> Vec<usize> {
        let print = self.prints[index];
        let ones = f64::from(print.ones());
        // The bounds are slightly wide to allow for rounding in the product.
        let least = (self.threshold * ones - 1e-6).ceil().max(1.0);
        let most = ones / self.threshold + 1e-6;
        let rank_of = |bound: f64| self.by_ones.partition_point(|other| f64::from(self.prints[*other].ones()) < bound);
        let (from, to) = (rank_of(least), rank_of(most.floor() + 1.0));

        let enough = (least as usize / 4).max(1);
        let mut bits: Vec<(&[u32], u32)> =
            print.bits().filter_map(|bit| Some((self.having.get(&bit)?.as_slice(), bit))).collect();
        bits.sort_by_key(|(having, bit)| (having.len(), *bit));
        bits.truncate((bits.len() + enough).saturating_sub(least as usize));

        let counts = shared.cleared(to.saturating_sub(from));
        for (having, _) in bits {
            let start = having.partition_point(|rank| (*rank as usize) < from);
            for rank in having[start..].iter().map(|rank| *rank as usize).take_while(|rank| *rank < to) {
                counts[rank - from] += 1;
            }
        }
        let candidates = counts.iter().enumerate().filter(|(_, count)| usize::from(**count) >= enough);
        let others = candidates.map(|(at, _)| self.by_ones[from + at]).filter(|other| *other != index);
        let close = others.filter(|other| print.tanimoto(self.prints[*other]) >= self.threshold);
        std::iter::once(index).chain(close).collect()
    }
}

/// A reusable buffer with the number of bits shared with each of a range of fingerprints.
struct Shared(Vec<u16>);

impl Shared {
    fn new(most: usize) -> Self {
        Self(vec![0; most])
    }

    /// Returns counts for `len` fingerprints, all zero.
    fn cleared(&mut self, len: usize) -> &mut [u16] {
        let counts = &mut self.0[..len];
        counts.fill(0);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Artifact, ArtifactError, ArtifactSource};
    use crate::fingerprint::ArtifactHash;
    use crate::records::Random;
    use crate::step::{CancelToken, Files, Inputs, Silent, StepId};

    struct Nothing;

    impl ArtifactSource for Nothing {
        fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
            Err(ArtifactError::Missing { hash })
        }
    }

    fn clusters(prints: &[Fingerprint], threshold: f64) -> Vec<Cluster> {
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let cancel = CancelToken::default();
        butina(&ExecutionContext::new(&id, &inputs, &Nothing, &files, &cancel, &Silent), prints, threshold).unwrap()
    }

    /// A literal implementation of the definition, over a matrix of all pairs.
    fn defined(prints: &[Fingerprint], threshold: f64) -> Vec<Cluster> {
        let near = |a: usize, b: usize| prints[a].tanimoto(&prints[b]) >= threshold;
        let neighbours = |a: usize| (0..prints.len()).filter(|b| near(a, *b)).collect::<Vec<_>>();
        let mut order: Vec<usize> = (0..prints.len()).collect();
        order.sort_by_key(|a| std::cmp::Reverse(neighbours(*a).len()));
        let mut left: std::collections::BTreeSet<usize> = order.iter().copied().collect();
        let mut clusters = Vec::new();
        for centre in order {
            if left.contains(&centre) {
                let members: Vec<usize> = neighbours(centre).into_iter().filter(|other| left.remove(other)).collect();
                clusters.push(Cluster { centre, members });
            }
        }
        clusters
    }

    #[test]
    fn the_index_agrees_with_a_matrix_of_all_pairs() {
        let mut random = Random::seeded(3);
        for (count, bits, length) in [(0, 10, 5), (1, 10, 5), (120, 12, 6), (120, 60, 20), (120, 400, 40)] {
            let prints: Vec<Fingerprint> = (0..count)
                .map(|_| {
                    let ones = random.below(length);
                    Fingerprint::of_bits((0..ones).map(|_| random.below(bits) as u32))
                })
                .collect();
            for threshold in [0.05, 0.3, 0.5, 2.0 / 3.0, 0.9, 1.0] {
                assert_eq!(clusters(&prints, threshold), defined(&prints, threshold), "{count} {bits} {threshold}");
            }
        }
    }
}
