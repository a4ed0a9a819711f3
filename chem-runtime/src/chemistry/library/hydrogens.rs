//! Finds hydrogen atoms in SMARTS patterns that match no molecule.
//!
//! Parsing a molecule makes its ordinary hydrogens implicit: a count on the atom that they were bonded to. As in RDKit,
//! the following remain atoms: isotopes, charged hydrogens, those without a neighbour or with several, those bonded to
//! hydrogen or to a dummy atom, and those that define the stereochemistry of a double bond.

use cosmolkit::{AtomQueryPredicate, QueryGraph, QueryNode};

type AtomQuery = QueryNode<AtomQueryPredicate>;

/// Returns the first atom of `pattern` that requires an ordinary hydrogen atom, itself or in a recursive pattern.
///
/// An atom that may be another element (`[#1,#6]`, `[!#1]`) does not require one, nor does one that requires a hydrogen
/// that remains an atom: `[2H]`, `[H+]`, `[H][H]`, `[#1][#0]`, a hydrogen with two bonds.
pub(super) fn ordinary_hydrogen(pattern: &QueryGraph) -> Option<usize> {
    let atoms = pattern.atoms();
    let is_removed = |at: usize| {
        let neighbours = pattern.adjacency().get(at).map(Vec::as_slice).unwrap_or_default();
        let keeps_it = |(neighbour, _): &(usize, usize)| atoms.get(*neighbour).is_some_and(|it| keeps(it.predicate()));
        neighbours.len() < 2 && !neighbours.iter().any(keeps_it)
    };
    atoms.iter().enumerate().position(|(at, atom)| {
        let query = atom.predicate();
        if is_ordinary(query) { is_removed(at) } else { recursive_patterns(query).iter().any(|it| requires_one(it)) }
    })
}

fn requires_one(pattern: &QueryGraph) -> bool {
    // `$([#1])` is equivalent to `#1` of the outer atom, where it may be an alternative or negated.
    let is_alternative = pattern.atom(0).is_some_and(|root| is_ordinary(root.predicate()));
    !is_alternative && ordinary_hydrogen(pattern).is_some()
}

/// Returns whether only ordinary hydrogens match.
fn is_ordinary(query: &AtomQuery) -> bool {
    match query {
        QueryNode::And(parts) => parts.iter().any(is_ordinary) && !parts.iter().any(stays_an_atom),
        QueryNode::Or(parts) => !parts.is_empty() && parts.iter().all(is_ordinary),
        QueryNode::Predicate(AtomQueryPredicate::RecursiveSmarts(inner)) => {
            let root = inner.query_graph().and_then(|graph| graph.atom(0));
            root.is_some_and(|root| is_ordinary(root.predicate()))
        }
        QueryNode::Predicate(predicate) => atomic_number(predicate) == Some(1),
        QueryNode::Xor(_) | QueryNode::Not(_) => false,
    }
}

/// Returns whether a matching hydrogen always remains an atom.
fn stays_an_atom(query: &AtomQuery) -> bool {
    use AtomQueryPredicate::{ExplicitDegree, FormalCharge, Isotope, NegativeFormalCharge};
    match query {
        QueryNode::And(parts) => parts.iter().any(stays_an_atom),
        QueryNode::Or(parts) => !parts.is_empty() && parts.iter().all(stays_an_atom),
        QueryNode::Predicate(Isotope(number) | FormalCharge(number) | NegativeFormalCharge(number)) => *number != 0,
        QueryNode::Predicate(ExplicitDegree(neighbours)) => *neighbours != 1,
        _ => false,
    }
}

/// Returns whether the hydrogens of a matching atom remain atoms: those of hydrogen itself and of dummy atoms.
fn keeps(query: &AtomQuery) -> bool {
    match query {
        QueryNode::And(parts) => parts.iter().any(keeps),
        QueryNode::Or(parts) => !parts.is_empty() && parts.iter().all(keeps),
        QueryNode::Predicate(predicate) => matches!(atomic_number(predicate), Some(0 | 1)),
        QueryNode::Xor(_) | QueryNode::Not(_) => false,
    }
}

fn atomic_number(predicate: &AtomQueryPredicate) -> Option<u8> {
    match predicate {
        AtomQueryPredicate::AtomicNumber(number) | AtomQueryPredicate::AtomType { atomic_number: number, .. } => {
            Some(*number)
        }
        _ => None,
    }
}

/// Returns the recursive patterns in a query, including negated ones.
fn recursive_patterns(query: &AtomQuery) -> Vec<&QueryGraph> {
    match query {
        QueryNode::And(parts) | QueryNode::Or(parts) | QueryNode::Xor(parts) => {
            parts.iter().flat_map(recursive_patterns).collect()
        }
        QueryNode::Not(inner) => recursive_patterns(inner),
        QueryNode::Predicate(AtomQueryPredicate::RecursiveSmarts(inner)) => inner.query_graph().into_iter().collect(),
        QueryNode::Predicate(_) => Vec::new(),
    }
}
