//! Transforms molecules by reactions with one reactant and one product.

use std::collections::BTreeMap;

use cosmolkit::{Reaction, ReactionRunParams, SanitizeOperations, SanitizeParams};

use super::{Pattern, Structure, Unmatched, guarded};

/// A reaction with one reactant and one product.
#[derive(Debug)]
pub struct Transformation {
    reaction: Reaction,
    /// The reactant, by which molecules without it are skipped.
    reactant: Pattern,
}

impl Transformation {
    /// Parses `smirks`, a reaction SMARTS such as `[N:1]=[O:2]>>[N+:1][O-:2]`.
    ///
    /// # Errors
    /// Fails if the text does not parse.
    pub fn from_smirks(smirks: &str) -> Result<Self, String> {
        let refused = |reason: String| format!("`{smirks}` is not a reaction: {reason}");
        let (reactant, _) = smirks.split_once(">>").ok_or_else(|| refused("expected `>>`".to_owned()))?;
        let reactant = Pattern::from_smarts(reactant).map_err(|error| refused(error.to_string()))?;
        match guarded(|| Reaction::from_smirks(smirks).map(|read| read.with_initialized())) {
            Some(Ok(Ok(reaction))) => Ok(Self { reaction, reactant }),
            Some(Ok(Err(error))) => Err(refused(error.to_string())),
            Some(Err(error)) => Err(refused(error.to_string())),
            None => Err(refused("the chemistry library failed on it".to_owned())),
        }
    }
}

impl Structure {
    /// Returns the products of the transformation at each of its matches by their SMILES. Products that are impossible,
    /// except for their valences, are left out.
    ///
    /// # Errors
    /// Fails if the library does, or if the search for the reactant takes too long.
    pub fn transformed(&self, by: &Transformation) -> Result<BTreeMap<String, Self>, String> {
        let unmatched = |error: Unmatched| error.to_string();
        if !self.has(&by.reactant).map_err(unmatched)? {
            return Ok(BTreeMap::new());
        }
        let mut reaction = by.reaction.clone();
        let products = match guarded(|| reaction.run(&[&self.0], &ReactionRunParams::default())) {
            Some(Ok(products)) => products,
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("the chemistry library failed to transform it".to_owned()),
        };
        let operations = SanitizeOperations::CLEANUP_ORGANOMETALLICS
            | SanitizeOperations::SYMM_RINGS
            | SanitizeOperations::KEKULIZE
            | SanitizeOperations::FIND_RADICALS
            | SanitizeOperations::SET_AROMATICITY
            | SanitizeOperations::SET_CONJUGATION
            | SanitizeOperations::SET_HYBRIDIZATION
            | SanitizeOperations::CLEANUP_CHIRALITY
            | SanitizeOperations::CLEANUP_ATROPISOMERS
            | SanitizeOperations::ADJUST_HS;
        let mut possible = BTreeMap::new();
        for mut product in products.into_iter().filter_map(|set| set.into_iter().next()) {
            let sanitized = guarded(|| {
                product.sanitize_with_params_(&SanitizeParams { operations }).ok()?;
                Some(Self(product))
            });
            if let Some(Some(product)) = sanitized {
                possible.insert(product.written()?, product);
            }
        }
        Ok(possible)
    }
}
