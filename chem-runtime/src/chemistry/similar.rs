//! `molecules.similar`: similarity search.

use serde_json::json;

use super::fingerprints::{Sort, fingerprints};
use super::library::{Fingerprint, FingerprintKind, PROVIDER};
use super::metric::Metric;
use super::molecules::Molecules;
use super::params::{FingerprintSize, Smiles};
use super::property::rounded;
use super::read::{Query, read_queries};
use crate::prelude::*;
use crate::records::{Encoding, RecordFile, map_records, on_workers};
use crate::step::{ColumnContext, Columns, Descent, DroppedRow, Explanation, OfEqual};

/// Ranks molecules by their similarity to query molecules, and keeps the most similar.
///
/// Similarity compares two fingerprints, whose bits are those of RDKit:
///
/// | fingerprint | features |
/// |---|---|
/// | `ecfp2`, `ecfp4`, `ecfp6` | environments of atoms up to 1, 2 or 3 bonds away: Morgan fingerprints, <https://doi.org/10.1021/ci100050t> |
/// | `fcfp2`, `fcfp4`, `fcfp6` | the same, with atoms told apart by their role: donor, acceptor, aromatic, halogen, basic, acidic |
/// | `atom_pair` | pairs of atoms and the number of bonds between them, with counts, <https://doi.org/10.1021/ci00046a002> |
/// | `topological_torsion` | chains of four atoms, with counts, <https://doi.org/10.1021/ci00054a008> |
/// | `rdkit_path` | paths and branched fragments of one to seven bonds: `RDKFingerprint` |
/// | `maccs` | the 166 public MACCS keys, <https://doi.org/10.1021/ci010132r> |
///
/// With a bits set in the query, b in the molecule and c in both, `metric` is `tanimoto`, c / (a + b − c); `dice`,
/// 2c / (a + b); `cosine`, c / √(ab); or `tversky`, c / (α(a − c) + β(b − c) + c), where α is `alpha` and β is `beta`. All
/// are from 0 to 1, and α = β = 1 is Tanimoto's. A molecule without features, such as one of fewer than four atoms under
/// `topological_torsion`, has no fingerprint. With several queries, the most similar one counts; the first wins a tie, in
/// the order of the list `queries`, then the file `path`.
///
/// The output is sorted by decreasing similarity; ties keep the order of the input. Two columns are added: `similarity`,
/// rounded to six decimals, and `similar_to`, the name of the most similar query, or its canonical SMILES if it has none.
/// `threshold` applies before rounding. A molecule without a fingerprint is dropped. The signal `compared` counts the
/// `queries`, the molecules `kept` and `dropped`, and among the latter those `undecided`.
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
/// - Neither `queries` nor `path` contains a molecule.
/// - `bits` is given for `maccs`, `metric: tversky` lacks `alpha` or `beta`, or another metric has them.
/// - The file cannot be read, or one of its records is not a molecule; the message names the line.
/// - The extension of the file is not `.smi`, `.smiles`, `.txt`, `.csv` or `.tsv`, optionally followed by `.gz`; or a CSV
///   or TSV file has no column `smiles`.
#[step("molecules.similar", version = 4, columns = with_similarity, check = can_compare, descent = descent, explain = explain)]
pub fn rank_by_similarity(
    molecules: Input<Molecules>,
    /// Query molecules.
    #[param(default = [], example = "[\"CC(=O)Oc1ccccc1C(=O)O\"]")]
    queries: Vec<Smiles>,
    /// A file with query molecules: SMILES and names, or CSV or TSV with a column `smiles`.
    path: Option<RecordFile>,
    /// The encoding of the file. Defaults to `utf-8`; `utf-16` is determined by the byte order mark.
    #[param(one_of = ["utf-8", "latin1", "windows-1252", "utf-16", "utf-16le", "utf-16be"])]
    encoding: Option<String>,
    /// The fingerprint to compare.
    #[param(default = FingerprintKind::Ecfp4)]
    fingerprint: FingerprintKind,
    /// The number of bits to which the fingerprint is folded. Defaults to 2048. Not for `maccs`.
    bits: Option<FingerprintSize>,
    /// How two fingerprints are compared. Defaults to `tanimoto`.
    #[param(one_of = ["tanimoto", "dice", "cosine", "tversky"])]
    metric: Option<String>,
    /// The weight of features that only the query has, for `tversky`.
    #[param(min = 0)]
    alpha: Option<f64>,
    /// The weight of features that only the molecule has, for `tversky`.
    #[param(min = 0)]
    beta: Option<f64>,
    /// The minimum similarity of a molecule to keep.
    #[param(default = 0.0, min = 0, max = 1)]
    threshold: f64,
    /// The maximum number of molecules to keep. Defaults to all that reach the threshold.
    #[param(min = 1)]
    top: Option<u64>,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let sort = Sort::of_params(fingerprint, bits)?;
    let metric = Metric::named(metric.as_deref(), alpha, beta)?;
    let named = queries.iter().map(|query| query.canonical().to_owned());
    let mut queries: Vec<Query> = named.map(|smiles| Query { name: smiles.clone(), smiles }).collect();
    if let Some(path) = &path {
        queries.extend(read_queries(context, path, Encoding::of(encoding.as_deref()))?);
    }
    if queries.is_empty() {
        return Err(no_query().into());
    }
    let prints = on_workers(|| queries.iter().map(|query| print_of(query, sort)).collect::<Result<Vec<_>, _>>())??;

    let library = fingerprints(context, &molecules, sort)?;
    let nearest = map_records(context, &library, |print| Some(nearest(print.as_ref()?, &prints, metric)))?;
    let undecided = nearest.iter().filter(|nearest| nearest.is_none()).count();
    let mut ranked: Vec<(usize, Nearest)> = nearest
        .into_iter()
        .enumerate()
        .filter_map(|(row, nearest)| Some((row, nearest.filter(|nearest| nearest.similarity >= threshold)?)))
        .collect();
    ranked.sort_by(|(_, a), (_, b)| b.similarity.total_cmp(&a.similarity));
    ranked.truncate(top.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX)));

    let rows: Vec<usize> = ranked.iter().map(|(row, _)| *row).collect();
    let similarity = ranked.iter().map(|(_, nearest)| rounded(nearest.similarity));
    let similar_to = ranked.iter().map(|(_, nearest)| queries[nearest.query].name.as_str());
    let dropped = molecules.len() - rows.len();
    let counts = json!({ "queries": queries.len(), "kept": rows.len(), "dropped": dropped, "undecided": undecided });
    context.signal("compared", &counts)?;
    let column = |name, ty| Column::new(name, ty).with_provider(PROVIDER);
    let table = molecules
        .table()
        .gather(&rows)
        .with_result(column("similarity", ColumnType::Float), Values::floats(similarity))?
        .with_result(column("similar_to", ColumnType::Text), Values::texts(similar_to))?;
    Ok(Molecules::new(table)?)
}

fn no_query() -> Misfit {
    Misfit::new("queries", "no query molecule: write one in `queries` or in the file `path`")
}

fn can_compare(step: &RankBySimilarity, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let mut misfits: Vec<Misfit> = Sort::of_params(step.fingerprint, step.bits).err().into_iter().collect();
    misfits.extend(Metric::named(step.metric.as_deref(), step.alpha, step.beta).err());
    match &step.path {
        None if step.queries.is_empty() => misfits.push(no_query()),
        None => {}
        Some(path) => misfits.extend(Query::separator_in(path.as_str()).err()),
    }
    misfits
}

fn with_similarity(_: &RankBySimilarity, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["similarity", "similar_to"])
}

fn descent(_: &RankBySimilarity) -> Descent<'_> {
    Descent::Selected { of_equal: OfEqual::First, computed: &["similarity", "similar_to"] }
}

/// Computes the similarity to the queries in the manifest. Those in a file may have changed, so the parameters have to do.
fn explain(step: &RankBySimilarity, dropped: &DroppedRow<'_>) -> Result<Option<Explanation>, StepError> {
    let sort = Sort::of_params(step.fingerprint, step.bits)?;
    let metric = Metric::named(step.metric.as_deref(), step.alpha, step.beta)?;
    let own = dropped.row().texts("smiles")?;
    let own = on_workers(|| sort.of(own.cell(0)?))?;
    let Some(own) = own else {
        return Ok(Some(Explanation::because("it has no fingerprint to compare", [])));
    };
    if step.path.is_some() {
        return Ok(None);
    }
    let names: Vec<&str> = step.queries.iter().map(Smiles::canonical).collect();
    let prints = on_workers(|| names.iter().map(|smiles| sort.of(smiles)).collect::<Option<Vec<_>>>())?;
    let Some(prints) = prints.filter(|prints| !prints.is_empty()) else { return Ok(None) };
    let Nearest { query, similarity } = nearest(&own, &prints, metric);
    let found = rounded(similarity);
    let mut values = vec![("similarity", found.into()), ("similar_to", names[query].into())];
    let words = format!("its similarity to the nearest query, `{}`, is {found}", names[query]);
    if similarity < step.threshold {
        values.push(("threshold", step.threshold.into()));
        return Ok(Some(Explanation::because(format!("{words}, below the threshold {}", step.threshold), values)));
    }
    let kept = dropped.kept(&["similarity"])?;
    let last = kept.rows().checked_sub(1).and_then(|last| kept.floats("similarity").ok()?.cell(last));
    let Some(last) = last else { return Ok(None) };
    values.push(("last", last.into()));
    let words = format!("{words}, which is not among the {} highest, of which the last is {last}", kept.rows());
    Ok(Some(Explanation::because(words, values)))
}

struct Nearest {
    query: usize,
    similarity: f64,
}

/// Returns the most similar of `queries`, the first of several. `queries` must not be empty.
fn nearest(print: &Fingerprint, queries: &[Fingerprint], metric: Metric) -> Nearest {
    let mut best = Nearest { query: 0, similarity: f64::NEG_INFINITY };
    for (query, other) in queries.iter().enumerate() {
        let similarity = metric.of(other, print);
        if similarity > best.similarity {
            best = Nearest { query, similarity };
        }
    }
    best
}

fn print_of(query: &Query, sort: Sort) -> Result<Fingerprint, StepError> {
    sort.of(&query.smiles)
        .ok_or_else(|| StepError::new(format!("the query molecule `{}` has no fingerprint", query.name)))
}
