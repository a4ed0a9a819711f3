//! `molecules.similar`: molecules that are like given ones.

use serde_json::json;

use super::fingerprints::{fingerprint, fingerprints, kind_of};
use super::library::{Fingerprint, PROVIDER};
use super::molecules::Molecules;
use super::params::Smiles;
use super::property::rounded;
use super::read::{Query, read_queries};
use crate::prelude::*;
use crate::records::{RecordFile, map_records, on_workers};
use crate::step::{ColumnContext, Columns};

/// Ranks molecules by how similar they are to given ones, and keeps the most similar.
///
/// Similarity is Tanimoto's coefficient of two fingerprints, from 0 to 1: `ecfp4` is RDKit's Morgan fingerprint of radius
/// 2 with 2048 bits, `maccs` the 166 public MACCS keys. With several molecules to compare with, the most similar of them
/// counts, and of those the first: first the list `queries`, then the file `path`.
///
/// The molecules come out by falling similarity, and those that are equally similar in the order in which they came in.
/// Two columns are added: `similarity`, rounded to six decimals, and `similar_to`, the name of the molecule compared with,
/// or its canonical SMILES where it has none. `threshold` is compared with the number before it is rounded. A molecule
/// without a fingerprint is dropped. The signal `compared` counts the `queries`, the molecules `kept` and `dropped`, and
/// among the latter those `undecided`.
///
/// # Example
/// ```yaml
/// flow: like-aspirin
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: similar
///     uses: molecules.similar
///     with: { queries: ["CC(=O)Oc1ccccc1C(=O)O"], top: 5 }
/// ```
///
/// # Errors
/// - Neither `queries` nor `path` names a molecule.
/// - The file cannot be read, or one of its records is no molecule; the message names the line.
/// - The file has another extension than `.smi`, `.smiles`, `.txt`, `.csv` or `.tsv`, but for a `.gz` at the end; or a
///   CSV or TSV file has no column `smiles`.
#[step("molecules.similar", version = 4, columns = with_similarity, check = can_compare)]
pub fn rank_by_similarity(
    molecules: Input<Molecules>,
    /// Molecules to compare with.
    #[param(default = [], example = "[\"CC(=O)Oc1ccccc1C(=O)O\"]")]
    queries: Vec<Smiles>,
    /// A file with molecules to compare with: SMILES and names, or CSV or TSV with a column `smiles`.
    path: Option<RecordFile>,
    /// What similarity is measured by.
    #[param(default = "ecfp4", one_of = ["ecfp4", "maccs"])]
    fingerprint: String,
    /// The least similarity of a molecule that is kept.
    #[param(default = 0.0, min = 0, max = 1)]
    threshold: f64,
    /// How many molecules to keep at most. Left out, all that reach the threshold.
    #[param(min = 1)]
    top: Option<u64>,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let kind = kind_of(&fingerprint)?;
    let named = queries.iter().map(|query| query.canonical().to_owned());
    let mut queries: Vec<Query> = named.map(|smiles| Query { name: smiles.clone(), smiles }).collect();
    if let Some(path) = &path {
        queries.extend(read_queries(context, path)?);
    }
    if queries.is_empty() {
        return Err(no_query().into());
    }
    let prints = on_workers(|| queries.iter().map(|query| print_of(query, kind)).collect::<Result<Vec<_>, _>>())??;

    let library = fingerprints(context, &molecules, kind)?;
    let nearest = map_records(context, &library, |print| Some(nearest(print.as_ref()?, &prints)))?;
    let undecided = nearest.iter().filter(|nearest| nearest.is_none()).count();
    let mut ranked: Vec<(usize, Nearest)> = nearest
        .into_iter()
        .enumerate()
        .filter_map(|(row, nearest)| Some((row, nearest.filter(|nearest| nearest.similarity >= threshold)?)))
        .collect();
    ranked.sort_by(|(_, a), (_, b)| b.similarity.total_cmp(&a.similarity));
    ranked.truncate(top.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX)));

    let rows: Vec<usize> = ranked.iter().map(|(row, _)| *row).collect();
    let similarity = ranked.iter().map(|(_, nearest)| Some(rounded(nearest.similarity))).collect();
    let similar_to = ranked.iter().map(|(_, nearest)| Some(queries[nearest.query].name.as_str().into())).collect();
    let dropped = molecules.len() - rows.len();
    let said = json!({ "queries": queries.len(), "kept": rows.len(), "dropped": dropped, "undecided": undecided });
    context.signal("compared", &said)?;
    let column = |name, ty| Column::new(name, ty).with_provider(PROVIDER);
    let table = molecules
        .table()
        .gather(&rows)
        .with_result(column("similarity", ColumnType::Float), ColumnData::Float(similarity))?
        .with_result(column("similar_to", ColumnType::Text), ColumnData::Text(similar_to))?;
    Ok(Molecules::new(table)?)
}

fn no_query() -> Misfit {
    Misfit::new("queries", "there is no molecule to compare with: name one in `queries` or in the file `path`")
}

fn can_compare(step: &RankBySimilarity, _: &ColumnContext<'_>) -> Vec<Misfit> {
    match &step.path {
        None if step.queries.is_empty() => vec![no_query()],
        None => Vec::new(),
        Some(path) => Query::separator_in(path.as_str()).err().into_iter().collect(),
    }
}

fn with_similarity(_: &RankBySimilarity, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["similarity", "similar_to"])
}

struct Nearest {
    query: usize,
    similarity: f64,
}

/// The most similar of `queries`, of which there is one; of several, the first.
fn nearest(print: &Fingerprint, queries: &[Fingerprint]) -> Nearest {
    let mut best = Nearest { query: 0, similarity: f64::NEG_INFINITY };
    for (query, other) in queries.iter().enumerate() {
        let similarity = print.tanimoto(other);
        if similarity > best.similarity {
            best = Nearest { query, similarity };
        }
    }
    best
}

fn print_of(query: &Query, kind: super::FingerprintKind) -> Result<Fingerprint, StepError> {
    fingerprint(&query.smiles, kind)
        .ok_or_else(|| StepError::new(format!("the molecule to compare with `{}` has no fingerprint", query.name)))
}
