//! Assigns rows to parts.

use crate::records::Random;

/// The numbers of rows of the parts.
pub(super) struct Sizes(Vec<usize>);

impl Sizes {
    /// Rounds the shares of `rows` so that they sum to `rows`: down, and up for the parts with the largest remainders, the
    /// first of equal ones.
    pub(super) fn of(shares: &[f64], rows: usize) -> Self {
        Self::with_owed(shares, rows, &mut vec![0.0; shares.len()])
    }

    /// Rounds like [`of`](Self::of) for one of several strata. `owed` are the rows that each part lacks from earlier strata
    /// because of rounding, which add to the remainders.
    fn with_owed(shares: &[f64], rows: usize, owed: &mut [f64]) -> Self {
        let exact: Vec<f64> = shares.iter().map(|share| share * rows as f64).collect();
        // A product may be an integer but for its last bits.
        let mut sizes: Vec<usize> = exact.iter().map(|exact| (exact + 1e-9).floor() as usize).collect();
        let mut order: Vec<usize> = (0..shares.len()).collect();
        let remainder = |part: &usize| ((exact[*part] - sizes[*part] as f64 + owed[*part]) * 1e9).round() as i64;
        order.sort_by_key(|part| std::cmp::Reverse(remainder(part)));
        let left = rows.saturating_sub(sizes.iter().sum());
        order.into_iter().cycle().take(left).for_each(|part| sizes[part] += 1);
        for (part, owed) in owed.iter_mut().enumerate() {
            *owed += exact[part] - sizes[part] as f64;
        }
        Self(sizes)
    }
}

/// Divides each of `strata` at random, so that the parts of all strata together have their shares, too. Returns the part of each of `rows` rows.
pub(super) fn shuffled(strata: Vec<Vec<usize>>, shares: &[f64], rows: usize, seed: u64) -> Vec<usize> {
    let (mut random, mut assigned) = (Random::seeded(seed), vec![0; rows]);
    let mut owed = vec![0.0; shares.len()];
    for mut stratum in strata {
        shuffle(&mut stratum, &mut random);
        let Sizes(sizes) = Sizes::with_owed(shares, stratum.len(), &mut owed);
        let mut rows = stratum.into_iter();
        for (part, size) in sizes.into_iter().enumerate() {
            rows.by_ref().take(size).for_each(|row| assigned[row] = part);
        }
    }
    assigned
}

/// Assigns whole groups, the largest first and equal ones at random, each to the part that lacks the most rows.
pub(super) fn of_groups(mut groups: Vec<Vec<usize>>, sizes: &Sizes, rows: usize, seed: u64) -> Vec<usize> {
    shuffle(&mut groups, &mut Random::seeded(seed));
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut lacking: Vec<i64> = sizes.0.iter().map(|size| *size as i64).collect();
    let mut assigned = vec![0; rows];
    for group in groups {
        let part = (0..lacking.len()).rev().max_by_key(|part| lacking[*part]).unwrap_or_default();
        lacking[part] -= group.len() as i64;
        group.into_iter().for_each(|row| assigned[row] = part);
    }
    assigned
}

/// Assigns sorted rows in their order. A row that `equals` the one before it stays in the same part.
pub(super) fn in_order(sorted: &[usize], sizes: &Sizes, equals: impl Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut assigned = vec![0; sorted.len()];
    let ends: Vec<usize> = sizes
        .0
        .iter()
        .scan(0, |end, size| {
            *end += size;
            Some(*end)
        })
        .collect();
    let mut part = 0;
    for (position, &row) in sorted.iter().enumerate() {
        let stays = position > 0 && equals(sorted[position - 1], row);
        while !stays && part + 1 < ends.len() && position >= ends[part] {
            part += 1;
        }
        assigned[row] = part;
    }
    assigned
}

/// Shuffles with the algorithm of Fisher and Yates (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm P).
fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for last in (1..items.len()).rev() {
        let other = random.below(last as u64 + 1) as usize;
        items.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(assigned: &[usize]) -> Vec<usize> {
        let parts = assigned.iter().max().map_or(0, |part| part + 1);
        (0..parts).map(|part| assigned.iter().filter(|found| **found == part).count()).collect()
    }

    #[test]
    fn sizes_sum_to_all_rows() {
        for (shares, rows, sizes) in [
            (&[0.8, 0.2][..], 10, vec![8, 2]),
            (&[0.7, 0.2, 0.1], 10, vec![7, 2, 1]),
            (&[0.5, 0.5], 5, vec![3, 2]),
            (&[1.0 / 3.0; 3], 11, vec![4, 4, 3]),
            (&[0.8, 0.1, 0.1], 1, vec![1, 0, 0]),
            (&[0.9, 0.1], 0, vec![0, 0]),
        ] {
            assert_eq!(Sizes::of(shares, rows).0, sizes, "{shares:?} of {rows}");
        }
    }

    #[test]
    fn the_parts_of_a_seed_never_change() {
        let parts = |seed| shuffled(vec![(0..10).collect()], &[0.7, 0.3], 10, seed);
        assert_eq!(counts(&parts(0)), [7, 3]);
        assert_ne!(parts(0), parts(1));
        assert_eq!(parts(7), [0, 0, 1, 0, 0, 0, 1, 1, 0, 0]);
    }

    #[test]
    fn every_stratum_is_divided_by_itself() {
        let strata = vec![(0..20).collect(), (20..30).collect()];
        let assigned = shuffled(strata, &[0.8, 0.2], 30, 3);
        assert_eq!((counts(&assigned[..20]), counts(&assigned[20..])), (vec![16, 4], vec![8, 2]));
    }

    #[test]
    fn many_small_strata_give_the_shares_of_all_rows() {
        let strata = |count: usize, size: usize| (0..count).map(|at| (at * size..(at + 1) * size).collect()).collect();
        assert_eq!(counts(&shuffled(strata(100, 6), &[0.2; 5], 600, 0)), [120; 5]);
        assert_eq!(counts(&shuffled(strata(50, 2), &[0.8, 0.2], 100, 0)), [80, 20]);
        assert_eq!(counts(&shuffled(strata(30, 4), &[0.7, 0.2, 0.1], 120, 0)), [84, 24, 12]);
    }

    /// The sizes of the folds are those of scikit-learn's `GroupKFold`, which assigns groups in the same way.
    #[test]
    fn groups_stay_together_and_the_sizes_come_close() {
        let groups = vec![(0..6).collect(), (6..9).collect(), (9..12).collect(), vec![12], vec![13], vec![14]];
        let assigned = of_groups(groups.clone(), &Sizes::of(&[1.0 / 3.0; 3], 15), 15, 5);
        for group in &groups {
            assert!(group.iter().all(|row| assigned[*row] == assigned[group[0]]), "{assigned:?}");
        }
        let mut sizes = counts(&assigned);
        sizes.sort_unstable();
        assert_eq!(sizes, [4, 5, 6]);
    }

    #[test]
    fn rows_with_equal_values_stay_in_the_earlier_part() {
        let values = [1, 1, 2, 3, 3, 3, 4, 5, 5, 6];
        let sorted: Vec<usize> = (0..values.len()).collect();
        let assigned = in_order(&sorted, &Sizes::of(&[0.5, 0.3, 0.2], 10), |one, other| values[one] == values[other]);
        assert_eq!(assigned, [0, 0, 0, 0, 0, 0, 1, 1, 1, 2]);
    }
}
