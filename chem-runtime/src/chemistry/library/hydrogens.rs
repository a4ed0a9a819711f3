//! Hydrogen atoms in SMARTS patterns: which of them no molecule has as an atom.
//!
//! Reading a molecule removes its ordinary hydrogens and leaves their number with the atom that they were bonded to.
//! These stay atoms, as RDKit has it: isotopes, charged ones, those without a neighbour or with several, those bonded to
//! hydrogen or to a dummy, and those that a double bond's stereochemistry is written by.

use cosmolkit::{AtomQueryPredicate, QueryGraph, QueryNode};

type AtomQuery = QueryNode<AtomQueryPredicate>;

/// The first atom of `pattern` that asks for an ordinary hydrogen as an atom: itself, or in a recursive pattern within it.
///
/// An atom that may be something else (`[#1,#6]`, `[!#1]`) does not ask for one, nor does one that asks for a hydrogen
/// that stays an atom: `[2H]`, `[H+]`, `[H][H]`, `[#1][#0]`, a hydrogen with two bonds.
pub(super) fn ordinary_hydrogen(pattern: &QueryGraph) -> Option<usize> {
    let atoms = pattern.atoms();
    let is_removed = |at: usize| {
        let neighbours = pattern.adjacency().get(at).map(Vec::as_slice).unwrap_or_default();
        let keeps_it = |(neighbour, _): &(usize, usize)| atoms.get(*neighbour).is_some_and(|it| keeps(it.predicate()));
        neighbours.len() < 2 && !neighbours.iter().any(keeps_it)
    };
    atoms.iter().enumerate().position(|(at, atom)| {
        let query = atom.predicate();
        if is_ordinary(query) { is_removed(at) } else { recursive_patterns(query).iter().any(|it| asks(it)) }
    })
}

fn asks(pattern: &QueryGraph) -> bool {
    // `$([#1])` is `#1` for the atom that it is said of, where it may be an alternative or negated.
    let is_alternative = pattern.atom(0).is_some_and(|root| is_ordinary(root.predicate()));
    !is_alternative && ordinary_hydrogen(pattern).is_some()
}

/// Whether only ordinary hydrogens match.
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

/// Whether a hydrogen that matches is one that stays an atom.
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

/// Whether an atom that matches keeps its hydrogens as atoms: hydrogen itself, and a dummy.
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

/// The recursive patterns that a query is made of, negated ones too.
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
