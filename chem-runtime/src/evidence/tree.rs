//! Merkle trees as in RFC 6962 (RFC 9162, section 2.1): roots, inclusion proofs and consistency proofs.

use super::hash::Digest;

/// Returns the hash of an inner node.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left.bytes());
    bytes[33..].copy_from_slice(right.bytes());
    Digest::of(&bytes)
}

/// A tree that grows at its end: its size, and the roots of the perfect trees that it consists of, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// Returns the tree with this size and these peaks; `None` if their number does not fit the size.
    pub fn from_parts(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (size.count_ones() as usize == peaks.len()).then_some(Self { size, peaks })
    }

    /// Returns the number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the roots of the perfect trees, largest first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            // There is a peak for each of these bits.
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// Returns the root; that of the empty tree is the hash of nothing.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Digest::of(&[]) };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Returns the root of the tree with these leaves.
pub fn root_of(leaves: &[Digest]) -> Digest {
    let mut tree = Frontier::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

/// Returns the greatest power of two below `size`, which is at least 2.
pub(super) fn split_of(size: usize) -> usize {
    1 << (size - 1).ilog2()
}

/// Returns the proof that the leaf at `index` is in the tree with these leaves; `None` if there is no such leaf.
pub fn inclusion_proof(leaves: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut proof, mut leaves, mut index) = (Vec::new(), leaves, index);
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(split_of(leaves.len()));
        if index < left.len() {
            proof.push(root_of(right));
            leaves = left;
        } else {
            proof.push(root_of(left));
            index -= left.len();
            leaves = right;
        }
    }
    proof.reverse();
    Some(proof)
}

/// Returns whether `proof` shows that `leaf` is at `index` in the tree of `size` leaves with this root.
pub fn verify_inclusion(proof: &[Digest], index: u64, size: u64, leaf: &Digest, root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut node) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            node = node_hash(sibling, &node);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            node = node_hash(&node, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && node == *root
}

/// Returns the proof that the tree of the first `old` leaves is the beginning of the tree with these leaves; `None` if it
/// has more.
pub fn consistency_proof(leaves: &[Digest], old: usize) -> Option<Vec<Digest>> {
    if old > leaves.len() {
        return None;
    }
    if old == 0 || old == leaves.len() {
        return Some(Vec::new());
    }
    let (mut proof, mut leaves, mut old, mut is_whole) = (Vec::new(), leaves, old, true);
    while old < leaves.len() {
        let (left, right) = leaves.split_at(split_of(leaves.len()));
        if old <= left.len() {
            proof.push(root_of(right));
            leaves = left;
        } else {
            proof.push(root_of(left));
            old -= left.len();
            leaves = right;
            is_whole = false;
        }
    }
    if !is_whole {
        proof.push(root_of(leaves));
    }
    proof.reverse();
    Some(proof)
}

/// Returns whether `proof` shows that a tree of `old` leaves is the beginning of one of `new` leaves, by their roots.
pub fn verify_consistency(proof: &[Digest], old: u64, new: u64, old_root: &Digest, new_root: &Digest) -> bool {
    if old == new || old == 0 {
        return proof.is_empty() && (old == 0 || old_root == new_root);
    }
    if old > new {
        return false;
    }
    let (mut at, mut last) = (old - 1, new - 1);
    let mut siblings = proof.iter();
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    // The root of the old tree is its own first node if the tree is perfect.
    let first = if old.is_power_of_two() { Some(old_root) } else { siblings.next() };
    let Some(first) = first else { return false };
    let (mut old_node, mut new_node) = (*first, *first);
    for sibling in siblings {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_node = node_hash(sibling, &old_node);
            new_node = node_hash(sibling, &new_node);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_node = node_hash(&new_node, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_node == *old_root && new_node == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<Digest> {
        (0..count).map(|number| Digest::of(&number.to_be_bytes())).collect()
    }

    #[test]
    fn every_leaf_is_proved_and_no_other() {
        for size in 0..40_usize {
            let leaves = leaves(size);
            let root = root_of(&leaves);
            for index in 0..size {
                let proof = inclusion_proof(&leaves, index).unwrap();
                let holds = |index: usize, leaf: usize| {
                    verify_inclusion(&proof, index as u64, size as u64, &leaves[leaf], &root)
                };
                assert!(holds(index, index), "{index} of {size}");
                for other in (0..size).filter(|other| *other != index) {
                    assert!(!holds(index, other) && !holds(other, index), "{other} for {index} of {size}");
                }
            }
            assert_eq!(inclusion_proof(&leaves, size), None);
        }
    }

    #[test]
    fn every_beginning_is_consistent_and_no_other_tree() {
        for new in 1..40_usize {
            let leaves = leaves(new);
            let root = root_of(&leaves);
            for old in 1..=new {
                let proof = consistency_proof(&leaves, old).unwrap();
                let (before, after) = (old as u64, new as u64);
                let old_root = root_of(&leaves[..old]);
                assert!(verify_consistency(&proof, before, after, &old_root, &root), "{old} of {new}");
                let other = root_of(&[Digest::of(b"other")]);
                assert!(!verify_consistency(&proof, before, after, &other, &root), "{old} of {new}");
                assert!(!verify_consistency(&proof, before, after, &old_root, &other), "{old} of {new}");
            }
        }
    }
}
