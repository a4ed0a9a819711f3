//! The tree of a log against another implementation of RFC 6962.

use chem_runtime::evidence::{
    Digest, Frontier, consistency_proof, inclusion_proof, leaf_hash, root_of, verify_consistency, verify_inclusion,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use sha2::Sha256;

/// A tree of each implementation with the same leaves.
struct Twins {
    data: Vec<Vec<u8>>,
    leaves: Vec<Digest>,
    other: MemoryBackedTree<Sha256, Vec<u8>>,
}

impl Twins {
    fn of(data: Vec<Vec<u8>>) -> Self {
        let mut other = MemoryBackedTree::new();
        data.iter().for_each(|data| other.push(data.clone()));
        Self { leaves: data.iter().map(|data| leaf_hash(data)).collect(), data, other }
    }
}

fn bytes(digests: &[Digest]) -> Vec<u8> {
    digests.iter().flat_map(|digest| *digest.bytes()).collect()
}

fn root_hash(root: &Digest, size: u64) -> RootHash<Sha256> {
    RootHash::new((*root.bytes()).into(), size)
}

/// Returns the root of the first `size` leaves as the other implementation computes it.
fn their_root(twins: &Twins, size: usize) -> RootHash<Sha256> {
    Twins::of(twins.data[..size].to_vec()).other.root()
}

fn logs() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..70)
}

proptest! {
    #[test]
    fn roots_and_proofs_are_those_of_another_implementation(data in logs()) {
        let twins = Twins::of(data);
        let (size, root) = (twins.leaves.len(), root_of(&twins.leaves));
        prop_assert_eq!(root.bytes().to_vec(), twins.other.root().as_bytes().to_vec());
        for index in 0..size {
            let proof = inclusion_proof(&twins.leaves, index).unwrap();
            prop_assert_eq!(bytes(&proof), twins.other.prove_inclusion(index).as_bytes().to_vec());
        }
        let mut grown = Frontier::default();
        for old in 1..=size {
            grown.push(twins.leaves[old - 1]);
            prop_assert_eq!(grown.root().bytes().to_vec(), their_root(&twins, old).as_bytes().to_vec());
            let proof = consistency_proof(&twins.leaves, old).unwrap();
            prop_assert_eq!(bytes(&proof), twins.other.prove_consistency(size - old).as_bytes().to_vec());
        }
    }

    #[test]
    fn a_proof_holds_here_if_it_holds_there(
        data in logs(),
        at in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        change in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        length in -1_isize..=1,
    ) {
        let twins = Twins::of(data);
        let (size, root) = (twins.leaves.len(), root_of(&twins.leaves));
        let changed = |mut proof: Vec<Digest>| {
            if let Some((at, seed)) = &change
                && !proof.is_empty()
            {
                let at = at.index(proof.len());
                proof[at] = Digest::of(&[*seed]);
            }
            match length {
                -1 => drop(proof.pop()),
                1 => proof.push(root),
                _ => {}
            }
            proof
        };
        let (index, leaf) = (at.index(size), other.index(size));
        let proof = changed(inclusion_proof(&twins.leaves, index).unwrap());
        let ours = verify_inclusion(&proof, index as u64, size as u64, &twins.leaves[leaf], &root);
        let theirs = InclusionProof::<Sha256>::try_from_bytes(bytes(&proof)).is_ok_and(|proof| {
            root_hash(&root, size as u64).verify_inclusion(&twins.data[leaf], index as u64, &proof).is_ok()
        });
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(ours, twins.data[leaf] == twins.data[index] && proof == inclusion_proof(&twins.leaves, index).unwrap());

        let (old, claimed) = (at.index(size) + 1, other.index(size) + 1);
        let claimed_root = root_of(&twins.leaves[..claimed]);
        let proof = changed(consistency_proof(&twins.leaves, old).unwrap());
        let ours = verify_consistency(&proof, old as u64, size as u64, &claimed_root, &root);
        let theirs = ConsistencyProof::<Sha256>::try_from_bytes(bytes(&proof)).is_ok_and(|proof| {
            root_hash(&root, size as u64).verify_consistency(&root_hash(&claimed_root, old as u64), &proof).is_ok()
        });
        prop_assert_eq!(ours, theirs, "{} of {}", old, size);
    }
}
