//! Normalization: rewrites groups that can be drawn in several ways in one of them.
//!
//! The transformations and the way they are applied are those of RDKit's `Normalizer`
//! (`Code/GraphMol/MolStandardize/Normalize.cpp` and `TransformCatalog/normalizations.in`, BSD-3-Clause) in 2026.09.1.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::chemistry::library::{Structure, Transformation};

/// The transformations, in the order in which they are tried.
const TRANSFORMATIONS: &[&str] = &[
    // Nitro to N+(O-)=O
    "[N,P,As,Sb;X3:1](=[O,S,Se,Te:2])=[O,S,Se,Te:3]>>[*+1:1]([*-1:2])=[*:3]",
    // Sulfone to S(=O)(=O)
    "[S+2:1]([O-:2])([O-:3])>>[S+0:1](=[O-0:2])(=[O-0:3])",
    // Pyridine oxide to n+O-
    "[nH0+0:1]=[OH0+0:2]>>[n+:1][O-:2]",
    // Azide to N=N+=N-
    "[*:1][N:2]=[N:3]#[N:4]>>[*:1][N:2]=[N+:3]=[N-:4]",
    // Diazo/azo to =N+=N-
    "[*:1]=[N:2]#[N:3]>>[*:1]=[N+:2]=[N-:3]",
    // Sulfoxide to -S+(O-)-
    "[!O:1][S+0;X3:2](=[O:3])[!O:4]>>[*:1][S+1:2]([O-:3])[*:4]",
    // Phosphate to P(O-)=O
    "[O,S,Se,Te;-1:1][P+;D4:2][O,S,Se,Te;-1:3]>>[*+0:1]=[P+0;D5:2][*-1:3]",
    // C/S+N to C/S=N+
    "[C,S&!$([S+]-[O-]);X3+1:1]([NX3:2])[NX3!H0:3]>>[*+0:1]([N:2])=[N+:3]",
    // P+N to P=N+
    "[P;X4+1:1]([NX3:2])[NX3!H0:3]>>[*+0:1]([N:2])=[N+:3]",
    // Normalize hydrazine-diazonium
    "[CX4:1][NX3H:2]-[NX3H:3][CX4:4][NX2+:5]#[NX1:6]>>[CX4:1][NH0:2]=[NH+:3][C:4][N+0:5]=[NH:6]",
    // Recombine 1,3-separated charges
    "[N,P,As,Sb,O,S,Se,Te;-1:1]-[A+0:2]=[N,P,As,Sb,O,S,Se,Te;+1:3]>>[*-0:1]=[*:2]-[*+0:3]",
    // Recombine 1,3-separated charges
    "[n,o,p,s;-1:1]:[a:2]=[N,O,P,S;+1:3]>>[*-0:1]:[*:2]-[*+0:3]",
    // Recombine 1,3-separated charges
    "[N,O,P,S;-1:1]-[a+0:2]:[n,o,p,s;+1:3]>>[*-0:1]=[*:2]:[*+0:3]",
    // Recombine 1,5-separated charges
    "[N,P,As,Sb,O,S,Se,Te;-1:1]-[A+0:2]=[A:3]-[A:4]=[N,P,As,Sb,O,S,Se,Te;+1:5]>>[*-0:1]=[*:2]-[*:3]=[*:4]-[*+0:5]",
    // Recombine 1,5-separated charges
    "[n,o,p,s;-1:1]:[a:2]:[a:3]:[c:4]=[N,O,P,S;+1:5]>>[*-0:1]:[*:2]:[*:3]:[c:4]-[*+0:5]",
    // Recombine 1,5-separated charges
    "[N,O,P,S;-1:1]-[c:2]:[a:3]:[a:4]:[n,o,p,s;+1:5]>>[*-0:1]=[c:2]:[*:3]:[*:4]:[*+0:5]",
    // Normalize 1,3 conjugated cation
    "[N,O!$(*N);+0!H0:1]-[A:2]=[N!$(*~[N,O,P,S;-1]),O;+1H0:3]>>[*+1:1]=[*:2]-[*+0:3]",
    // Normalize 1,3 conjugated cation
    "[n;+0!H0:1]:[c:2]=[N!$(*~[N,O,P,S;-1]),O;+1H0:3]>>[*+1:1]:[*:2]-[*+0:3]",
    // Normalize 1,5 conjugated cation
    "[N,O!$(*N);+0!H0:1]-[A:2]=[A:3]-[A:4]=[N!$(*~[N,O,P,S;-1]),O;+1H0:5]>>[*+1:1]=[*:2]-[*:3]=[*:4]-[*+0:5]",
    // Normalize 1,5 conjugated cation
    "[n;+0!H0:1]:[a:2]:[a:3]:[c:4]=[N!$(*~[N,O,P,S;-1]),O;+1H0:5]>>[n+1:1]:[*:2]:[*:3]:[*:4]-[*+0:5]",
    // Charge normalization
    "[F,Cl,Br,I,At;-1:1]=[O:2]>>[*-0:1][O-:2]",
    // Charge recombination
    "[N,P,As,Sb;-1:1]=[C+;v3:2]>>[*+0:1]#[C+0:2]",
];

/// The number of transformations after which a fragment is left as it is.
const MAX_RESTARTS: usize = 200;

/// The number of times that a transformation is repeated before the others are tried again.
const MAX_REPETITIONS: usize = 20;

fn transformations() -> Result<&'static [Transformation], String> {
    static PARSED: OnceLock<Result<Vec<Transformation>, String>> = OnceLock::new();
    let parse = || TRANSFORMATIONS.iter().map(|smirks| Transformation::from_smirks(smirks)).collect();
    PARSED.get_or_init(parse).as_deref().map_err(Clone::clone)
}

/// Returns the molecule of `smiles`, which must be canonical, with its groups normalized; `None` if nothing changes.
///
/// # Errors
/// Fails if the library does, or if the normalized molecule is impossible.
pub(super) fn normalized(smiles: &str) -> Result<Option<Structure>, String> {
    let (mut fragments, mut is_changed) = (Vec::new(), false);
    for text in smiles.split('.') {
        let normalized = fragment(Structure::from_smiles(text)?)?;
        is_changed |= normalized.is_some();
        fragments.push(normalized.unwrap_or_else(|| text.to_owned()));
    }
    if is_changed { Structure::from_smiles(&fragments.join(".")).map(Some) } else { Ok(None) }
}

/// Returns the SMILES of a normalized fragment; `None` if nothing changes.
fn fragment(start: Structure) -> Result<Option<String>, String> {
    let transformations = transformations()?;
    let (mut now, mut spelling, mut seen) = (start, None, BTreeSet::new());
    for _ in 0..MAX_RESTARTS {
        let mut changed = None;
        for transformation in transformations {
            changed = repeated(&now, transformation)?.filter(|(spelling, _)| !seen.contains(spelling));
            if changed.is_some() {
                break;
            }
        }
        let Some((product, structure)) = changed else { break };
        seen.insert(product.clone());
        (now, spelling) = (structure, Some(product));
    }
    Ok(spelling)
}

/// Applies the transformation until it has no product. Of several products the first by SMILES is taken.
fn repeated(start: &Structure, transformation: &Transformation) -> Result<Option<(String, Structure)>, String> {
    let mut last: Option<(String, Structure)> = None;
    for _ in 0..MAX_REPETITIONS {
        let now = last.as_ref().map_or(start, |(_, structure)| structure);
        match now.transformed(transformation)?.pop_first() {
            Some(product) => last = Some(product),
            None => break,
        }
    }
    Ok(last)
}
