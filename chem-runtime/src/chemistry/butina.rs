//! Taylor and Butina's clustering of fingerprints, in memory that grows with their number and not with its square.
//!
//! Nobody's neighbours are kept: they are found once to be counted, and again for the few that become centres. They are
//! found without looking at all pairs. Two fingerprints whose Tanimoto coefficient is at least t share at least t times
//! the bits of either. So if the bits of each are put in one order, rare ones first, the two share one among the first
//! of each, as many as may miss and one more: an index of those gives all that may be neighbours, and few others.

use std::collections::HashMap;

use rayon::prelude::*;

use super::library::Fingerprint;
use crate::step::{ExecutionContext, StepError};

/// A cluster: places in what was clustered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    /// The centre, which is one of the members.
    pub(super) centre: usize,
    /// The members, in order.
    pub(super) members: Vec<usize>,
}

/// The clusters of `prints` in which every member is at least as similar to the centre as `threshold`, which is above 0.
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
            || Seen::new(groups.prints.len()),
            |seen, group| {
                context.check_cancelled()?;
                let count = index.neighbours(group, seen).iter().map(|other| groups.members[*other].len()).sum();
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
    let (mut taken, mut seen) = (vec![false; counts.len()], Seen::new(counts.len()));
    let mut clusters = Vec::new();
    for group in order {
        if taken[group] {
            continue;
        }
        context.check_cancelled()?;
        let mut members = Vec::new();
        for other in index.neighbours(group, &mut seen) {
            if !std::mem::replace(&mut taken[other], true) {
                members.extend(&groups.members[other]);
            }
        }
        members.sort_unstable();
        clusters.push(Cluster { centre: groups.members[group][0], members });
    }
    Ok(clusters)
}

/// Equal fingerprints taken together: they have the same neighbours, and a library may have many of one.
struct Groups<'a> {
    prints: Vec<&'a Fingerprint>,
    /// The places of each, in order.
    members: Vec<Vec<usize>>,
}

impl<'a> Groups<'a> {
    fn of(prints: &'a [Fingerprint]) -> Self {
        let mut groups = Self { prints: Vec::new(), members: Vec::new() };
        let mut known: HashMap<&Fingerprint, usize> = HashMap::new();
        for (place, print) in prints.iter().enumerate() {
            let group = *known.entry(print).or_insert_with(|| {
                groups.prints.push(print);
                groups.members.push(Vec::new());
                groups.prints.len() - 1
            });
            groups.members[group].push(place);
        }
        groups
    }
}

/// Which fingerprints have a bit among the first of their bits, rare ones first.
struct Index<'a> {
    prints: &'a [&'a Fingerprint],
    threshold: f64,
    /// The first bits of each.
    first: Vec<Vec<u32>>,
    having: HashMap<u32, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn of(prints: &'a [&'a Fingerprint], threshold: f64) -> Self {
        let mut often: HashMap<u32, usize> = HashMap::new();
        for bit in prints.iter().flat_map(|print| print.bits()) {
            *often.entry(bit).or_default() += 1;
        }
        let first_of = |print: &&Fingerprint| {
            let mut bits: Vec<u32> = print.bits().collect();
            bits.sort_by_key(|bit| (often.get(bit).copied(), *bit));
            // A little less than what has to be shared, so that a last bit of the product does not matter.
            let shared = (threshold * f64::from(print.ones()) - 1e-6).ceil().max(1.0) as usize;
            bits.truncate((bits.len() + 1).saturating_sub(shared));
            bits
        };
        let first: Vec<Vec<u32>> = prints.par_iter().map(first_of).collect();
        let mut having: HashMap<u32, Vec<usize>> = HashMap::new();
        for (place, bits) in first.iter().enumerate() {
            for bit in bits {
                having.entry(*bit).or_default().push(place);
            }
        }
        Self { prints, threshold, first, having }
    }

    /// The neighbours of `place`, itself among them, in no order that means anything.
    fn neighbours(&self, place: usize, seen: &mut Seen) -> Vec<usize> {
        let print = self.prints[place];
        seen.begin();
        let mut found = vec![place];
        seen.first_time(place);
        for bit in &self.first[place] {
            for &other in self.having.get(bit).map_or(&[][..], Vec::as_slice) {
                if seen.first_time(other) && self.close(print, self.prints[other]) {
                    found.push(other);
                }
            }
        }
        found
    }

    fn close(&self, a: &Fingerprint, b: &Fingerprint) -> bool {
        let (less, more) = (a.ones().min(b.ones()), a.ones().max(b.ones()));
        f64::from(less) >= self.threshold * f64::from(more) - 1e-6 && a.tanimoto(b) >= self.threshold
    }
}

/// What was looked at already in this round.
struct Seen {
    round: u32,
    last: Vec<u32>,
}

impl Seen {
    fn new(places: usize) -> Self {
        Self { round: 0, last: vec![0; places] }
    }

    fn begin(&mut self) {
        self.round = self.round.checked_add(1).unwrap_or_else(|| {
            self.last.fill(0);
            1
        });
    }

    fn first_time(&mut self, place: usize) -> bool {
        std::mem::replace(&mut self.last[place], self.round) != self.round
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

    /// The definition, word for word, over a matrix of all pairs.
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
    fn the_index_finds_what_a_matrix_of_all_pairs_does() {
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
