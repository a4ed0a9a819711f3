//! `molecules.cluster`: groups of similar molecules. The algorithm is in `butina`.

use serde_json::json;

use super::butina::{Cluster, butina};
use super::fingerprints::{Sort, fingerprinted};
use super::library::{FingerprintKind, PROVIDER};
use super::molecules::Molecules;
use super::params::FingerprintSize;
use crate::prelude::*;
use crate::records::on_workers;
use crate::step::{ColumnContext, Columns, Descent};

/// Groups similar molecules into clusters (Taylor and Butina).
///
/// Two molecules are neighbours if the Tanimoto coefficient of their fingerprints, as in `molecules.similar`, is at least
/// `threshold`. The molecule with the most neighbours becomes the centre of the first cluster, and its neighbours become
/// the members. Of the remaining molecules, the one with the most neighbours in the whole table becomes the centre of the
/// next cluster, and so on. The first in the table wins a tie. <https://doi.org/10.1021/ci9803381>
///
/// All molecules are kept, in their order, with three new columns: `cluster`, the number of the cluster from 1 in the order
/// of creation; `cluster_size`; and `centre`, whether the molecule is the centre of its cluster. They are missing for a
/// molecule without a fingerprint. The signal `clustered` counts the `molecules`, the `clusters`, the `singletons` and
/// those `undecided`, and gives the size of the `largest` cluster.
///
/// Memory is linear in the number of molecules. Time is proportional to the number of pairs that share a rare feature: a
/// small fraction of all pairs unless the threshold is low.
///
/// # Example
/// ```yaml
/// flow: one-of-each-kind
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: cluster
///     uses: molecules.cluster
///     with: { threshold: 0.4 }
///   - id: centres
///     uses: molecules.filter
///     with: { where: "centre" }
/// ```
///
/// # Errors
/// - `bits` is given for `maccs`.
#[step("molecules.cluster", version = 3, columns = with_clusters, check = can_compare, descent = descent)]
pub fn cluster_molecules(
    molecules: Input<Molecules>,
    /// The minimum similarity of two neighbours.
    #[param(default = 0.6, min = 0.05, max = 1)]
    threshold: f64,
    /// The fingerprint to compare.
    #[param(default = FingerprintKind::Ecfp4)]
    fingerprint: FingerprintKind,
    /// The number of bits to which the fingerprint is folded. Defaults to 2048. Not for `maccs`.
    bits: Option<FingerprintSize>,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let (rows, prints) = fingerprinted(context, &molecules, Sort::of_params(fingerprint, bits)?)?;
    let clusters = on_workers(|| butina(context, &prints, threshold))??;

    let mut number = vec![None; molecules.len()];
    let mut size = number.clone();
    let mut centre = vec![None; molecules.len()];
    for (Cluster { members, centre: middle }, index) in clusters.iter().zip(1_i64..) {
        for member in members {
            let row = rows[*member];
            (number[row], size[row], centre[row]) = (Some(index), Some(members.len() as i64), Some(member == middle));
        }
    }
    let sizes = clusters.iter().map(|cluster| cluster.members.len());
    let counts = json!({
        "molecules": molecules.len(),
        "clusters": clusters.len(),
        "singletons": sizes.clone().filter(|size| *size == 1).count(),
        "largest": sizes.max().unwrap_or(0),
        "undecided": molecules.len() - rows.len(),
    });
    context.signal("clustered", &counts)?;
    let column = |name, ty| Column::new(name, ty).with_provider(PROVIDER);
    let table = molecules
        .table()
        .with_result(column("cluster", ColumnType::Integer), Values::integers(number))?
        .with_result(column("cluster_size", ColumnType::Integer), Values::integers(size))?
        .with_result(column("centre", ColumnType::Boolean), Values::booleans(centre))?;
    Ok(Molecules::new(table)?)
}

fn can_compare(step: &ClusterMolecules, _: &ColumnContext<'_>) -> Vec<Misfit> {
    Sort::of_params(step.fingerprint, step.bits).err().into_iter().collect()
}

fn descent(_: &ClusterMolecules) -> Descent<'_> {
    Descent::Every
}

fn with_clusters(_: &ClusterMolecules, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["cluster", "cluster_size", "centre"])
}
