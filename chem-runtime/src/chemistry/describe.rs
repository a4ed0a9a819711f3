//! `molecules.describe`: computes properties.

use serde_json::{Value, json};

use super::library::Structure;
use super::molecules::Molecules;
use super::property::Property;
use crate::prelude::*;

/// Computes properties of molecules, each in a column of its name, and replaces an existing column of that name.
///
/// The values agree with RDKit 2026.09.1, whose functions are named here. Numbers are rounded to six decimals.
///
/// | property | definition |
/// |---|---|
/// | `molecular_weight` (g/mol), `exact_mass` (Da), `formula` | average mass, mass of the isotopes, Hill formula |
/// | `logp`, `molar_refractivity` (cm³/mol) | Wildman and Crippen, <https://doi.org/10.1021/ci990307l> |
/// | `tpsa` (Å²) | polar surface area of N and O, <https://doi.org/10.1021/jm000942e> |
/// | `hbd`, `hba` | Lipinski's donors and acceptors: hydrogens on N and O; N and O |
/// | `hb_donors`, `hb_acceptors` | atoms that donate or accept hydrogen bonds: `CalcNumHBD`, `CalcNumHBA` |
/// | `rotatable_bonds`, `amide_bonds` | rotatable bonds, without amides and similar bonds; amide bonds |
/// | `atoms`, `heavy_atoms`, `heteroatoms` | all atoms; without hydrogen; without carbon too |
/// | `formal_charge`, `fraction_csp3` | sum of charges; fraction of carbons with four single bonds |
/// | `stereocentres`, `unspecified_stereocentres` | tetrahedral stereocentres, specified or not; those not specified |
/// | `rings`, `heterocycles` | rings of the symmetrised smallest set; those with an atom other than carbon |
/// | `aromatic_rings`, `aromatic_carbocycles`, `aromatic_heterocycles` | rings of aromatic bonds |
/// | `aliphatic_rings`, `aliphatic_carbocycles`, `aliphatic_heterocycles` | rings with another bond |
/// | `saturated_rings`, `saturated_carbocycles`, `saturated_heterocycles` | rings of single bonds |
/// | `spiro_atoms`, `bridgehead_atoms` | atoms that two rings share alone; atoms where a bridge begins |
/// | `qed` | drug-likeness from 0 to 1, <https://doi.org/10.1038/nchem.1243> |
/// | `sa_score` | synthetic accessibility from 1 (easy) to 10, `Contrib/SA_Score`, <https://doi.org/10.1186/1758-2946-1-8> |
/// | `labute_asa` (Å²) | approximate surface area, <https://doi.org/10.1016/S1093-3263(00)00068-1> |
/// | `chi0`, `chi1`; `chi0v` to `chi4v`; `chi0n` to `chi4n` | Hall and Kier's connectivity indices: `Chi0`, `CalcChi0v`, `CalcChi0n` and so on |
/// | `kappa1` to `kappa3`, `hall_kier_alpha`, `phi` | shape indices, their α, flexibility |
/// | `slogp_vsa1` to `slogp_vsa12`, `smr_vsa1` to `smr_vsa10` (Å²) | surface of the atoms by their share of logP or refractivity: `SlogP_VSA_`, `SMR_VSA_` |
/// | `bertz_ct`, `balaban_j` | complexity of Bertz, index J of Balaban: `BertzCT`, `BalabanJ` |
/// | `max_estate`, `min_estate`, `max_abs_estate`, `min_abs_estate` | extremes of the electrotopological states: `MaxEStateIndex` and so on |
/// | `estate_vsa1` to `estate_vsa11` (Å²) | surface of the atoms by their electrotopological state: `EState_VSA` |
/// | `vsa_estate1` to `vsa_estate10` | electrotopological states of the atoms by their surface: `VSA_EState` |
/// | `mqn1` to `mqn42` | molecular quantum numbers, <https://doi.org/10.1002/cmdc.200900317>: `MQNs_` |
/// | `max_partial_charge`, `min_partial_charge`, `max_abs_partial_charge`, `min_abs_partial_charge` (e) | extremes of the partial charges of Gasteiger and Marsili, <https://doi.org/10.1016/0040-4020(80)80168-2>, and of their sizes: `MaxPartialCharge` and so on |
/// | `peoe_vsa1` to `peoe_vsa14` (Å²) | surface of the atoms by their partial charge: `PEOE_VSA_` |
/// | `fp_density_morgan1` to `fp_density_morgan3` | different environments of atoms for each heavy atom: `FpDensityMorgan1` and so on |
/// | `ipc`, `avg_ipc` | information content of the characteristic polynomial, total (twelve digits) and mean, in bits: `Ipc`, `AvgIpc` |
/// | `fr_…` | occurrences of a group, a ring or a site of metabolism: RDKit's `fr_…` in lower case, `fr_al_coo` for `fr_Al_COO` |
/// | `heavy_atom_weight` (g/mol) | molecular weight without hydrogens: `HeavyAtomMolWt` |
/// | `valence_electrons`, `radical_electrons` | numbers of electrons: `NumValenceElectrons`, `NumRadicalElectrons` |
/// | `inchi_key` | standard InChIKey |
///
/// A property that cannot be computed for a molecule is missing. A dummy atom has no mass, labelled or not. A molecule with
/// an unknown isotope, such as `[999C]`, has no molecular weight, exact mass or QED, whereas RDKit uses the label as the
/// mass. An InChIKey is computed for at most 500 heavy atoms, and `ipc` and `avg_ipc` for at most 64 atoms. A molecule with an
/// element that has no Gasteiger parameters, such as a bonded metal, has no extremes of partial charges: RDKit's depend on the
/// order of its atoms. The signal `described` gives the number of `molecules`, and
/// under `missing` the number that lack each property.
///
/// # Example
/// ```yaml
/// flow: described-drugs
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: describe
///     uses: molecules.describe
///     with: { properties: [molecular_weight, logp, qed] }
/// ```
///
/// # Errors
/// - No errors specific to this step: a property that cannot be computed for a molecule is missing.
#[step("molecules.describe", version = 2, rows = ["smiles"], columns = with_properties, check = has_properties)]
pub fn describe_molecules(
    molecules: Rows<Molecules>,
    /// The properties to compute.
    #[param(
        default = ["molecular_weight", "logp", "tpsa", "hbd", "hba", "rotatable_bonds"],
        one_of = [
            "molecular_weight", "logp", "tpsa", "hbd", "hba", "rotatable_bonds", "exact_mass", "formula",
            "heavy_atoms", "molar_refractivity", "rings", "aromatic_rings", "fraction_csp3", "formal_charge", "qed",
            "inchi_key", "hb_donors", "hb_acceptors", "stereocentres", "unspecified_stereocentres", "atoms",
            "heteroatoms", "amide_bonds", "heterocycles", "aromatic_carbocycles", "aromatic_heterocycles",
            "aliphatic_rings", "aliphatic_carbocycles", "aliphatic_heterocycles", "saturated_rings",
            "saturated_carbocycles", "saturated_heterocycles", "spiro_atoms", "bridgehead_atoms", "sa_score",
            "labute_asa", "chi0", "chi1", "chi0v", "chi1v", "chi2v", "chi3v", "chi4v", "chi0n", "chi1n", "chi2n",
            "chi3n", "chi4n", "hall_kier_alpha", "kappa1", "kappa2", "kappa3", "phi", "slogp_vsa1", "slogp_vsa2",
            "slogp_vsa3", "slogp_vsa4", "slogp_vsa5", "slogp_vsa6", "slogp_vsa7", "slogp_vsa8", "slogp_vsa9",
            "slogp_vsa10", "slogp_vsa11", "slogp_vsa12", "smr_vsa1", "smr_vsa2", "smr_vsa3", "smr_vsa4", "smr_vsa5",
            "smr_vsa6", "smr_vsa7", "smr_vsa8", "smr_vsa9", "smr_vsa10",
            "heavy_atom_weight", "valence_electrons", "radical_electrons", "balaban_j", "bertz_ct",
            "max_estate", "min_estate", "max_abs_estate", "min_abs_estate", "estate_vsa1", "estate_vsa2",
            "estate_vsa3", "estate_vsa4", "estate_vsa5", "estate_vsa6", "estate_vsa7", "estate_vsa8",
            "estate_vsa9", "estate_vsa10", "estate_vsa11", "vsa_estate1", "vsa_estate2", "vsa_estate3",
            "vsa_estate4", "vsa_estate5", "vsa_estate6", "vsa_estate7", "vsa_estate8", "vsa_estate9",
            "vsa_estate10", "mqn1", "mqn2", "mqn3", "mqn4", "mqn5", "mqn6", "mqn7", "mqn8", "mqn9", "mqn10",
            "mqn11", "mqn12", "mqn13", "mqn14", "mqn15", "mqn16", "mqn17", "mqn18", "mqn19", "mqn20",
            "mqn21", "mqn22", "mqn23", "mqn24", "mqn25", "mqn26", "mqn27", "mqn28", "mqn29", "mqn30",
            "mqn31", "mqn32", "mqn33", "mqn34", "mqn35", "mqn36", "mqn37", "mqn38", "mqn39", "mqn40",
            "mqn41", "mqn42",
            "max_partial_charge", "min_partial_charge", "max_abs_partial_charge", "min_abs_partial_charge",
            "peoe_vsa1", "peoe_vsa2", "peoe_vsa3", "peoe_vsa4", "peoe_vsa5", "peoe_vsa6", "peoe_vsa7",
            "peoe_vsa8", "peoe_vsa9", "peoe_vsa10", "peoe_vsa11", "peoe_vsa12", "peoe_vsa13", "peoe_vsa14",
            "fp_density_morgan1", "fp_density_morgan2", "fp_density_morgan3", "ipc",
            "avg_ipc", "fr_c_o", "fr_c_o_nocoo", "fr_al_oh", "fr_ar_oh", "fr_methoxy", "fr_oxime", "fr_ester",
            "fr_al_coo", "fr_ar_coo", "fr_coo", "fr_coo2", "fr_ketone", "fr_ether", "fr_phenol",
            "fr_aldehyde", "fr_quatn", "fr_nh2", "fr_nh1", "fr_nh0", "fr_ar_n", "fr_ar_nh", "fr_aniline",
            "fr_imine", "fr_nitrile", "fr_hdrzine", "fr_hdrzone", "fr_nitroso", "fr_n_o", "fr_nitro",
            "fr_azo", "fr_diazo", "fr_azide", "fr_amide", "fr_priamide", "fr_amidine", "fr_guanido",
            "fr_nhpyrrole", "fr_imide", "fr_isocyan", "fr_isothiocyan", "fr_thiocyan", "fr_halogen",
            "fr_alkyl_halide", "fr_sulfide", "fr_sh", "fr_c_s", "fr_sulfone", "fr_sulfonamd",
            "fr_prisulfonamd", "fr_barbitur", "fr_urea", "fr_term_acetylene", "fr_imidazole", "fr_furan",
            "fr_thiophene", "fr_thiazole", "fr_oxazole", "fr_pyridine", "fr_piperdine", "fr_piperzine",
            "fr_morpholine", "fr_lactam", "fr_lactone", "fr_tetrazole", "fr_epoxide", "fr_unbrch_alkane",
            "fr_bicyclic", "fr_benzene", "fr_phos_acid", "fr_phos_ester", "fr_nitro_arom",
            "fr_nitro_arom_nonortho", "fr_dihydropyridine", "fr_phenol_noorthohbond", "fr_al_oh_notert",
            "fr_benzodiazepine", "fr_para_hydroxylation", "fr_allylic_oxid", "fr_aryl_methyl",
            "fr_ndealkylation1", "fr_ndealkylation2", "fr_alkyl_carbamate", "fr_ketone_topliss", "fr_arn",
            "fr_hoccn",
        ],
    )]
    properties: Vec<String>,
) -> Result<RowWork<Molecules>, StepError> {
    let mut chosen: Vec<&'static Property> = Vec::new();
    for name in &properties {
        let known = Property::named(name);
        let property = known.ok_or_else(|| StepError::new(format!("there is no property `{name}` of molecules")))?;
        // A property that is named twice is computed once.
        if chosen.iter().all(|other| other.name != property.name) {
            chosen.push(property);
        }
    }
    let columns: Vec<Column> = chosen.iter().map(|property| property.column()).collect();
    let work = molecules.each(move |batch, tally| {
        let described: Vec<Vec<Value>> = batch.texts("smiles")?.map(|smiles| describe(smiles, &chosen)).collect();
        let mut answer = BatchOutput::all();
        for (index, property) in chosen.iter().enumerate() {
            let values = described.iter().map(|row| &row[index]);
            for (row, _) in values.clone().enumerate().filter(|(_, value)| value.is_null()) {
                tally.add_under(row, "missing", property.name);
            }
            answer = answer.with(column_data(property.ty, values));
        }
        Ok(answer)
    });
    Ok(work
        .replacing(columns)?
        .signal("described", |tally, rows| json!({ "molecules": rows.input, "missing": tally.counts("missing") })))
}

fn has_properties(step: &DescribeMolecules, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let none = || Misfit::new("properties", "`properties` is empty; expected at least one property");
    step.properties.is_empty().then(none).into_iter().collect()
}

fn with_properties(step: &DescribeMolecules, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(step.properties.iter().map(String::as_str))
}

/// Returns the value of each property, null if it cannot be computed.
fn describe(smiles: Option<&str>, properties: &[&Property]) -> Vec<Value> {
    let needs_stereo = properties.iter().any(|property| property.needs_stereo);
    let parse = if needs_stereo { Structure::from_smiles } else { Structure::from_canonical };
    match smiles.map(parse) {
        Some(Ok(structure)) => properties.iter().map(|property| property.of(&structure)).collect(),
        _ => vec![Value::Null; properties.len()],
    }
}

fn column_data<'a>(ty: ColumnType, values: impl Iterator<Item = &'a Value>) -> Values {
    match ty {
        ColumnType::Text => Values::texts(values.map(Value::as_str)),
        ColumnType::Integer => Values::integers(values.map(Value::as_i64)),
        ColumnType::Float => Values::floats(values.map(Value::as_f64)),
        ColumnType::Boolean => Values::booleans(values.map(Value::as_bool)),
    }
}
