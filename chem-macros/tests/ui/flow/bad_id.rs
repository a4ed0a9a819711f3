fn main() {
    let _ = chem_runtime::include_flow!("flows/bad_id.yaml");
}
