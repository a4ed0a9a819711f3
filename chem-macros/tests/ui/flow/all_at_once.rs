fn main() {
    let _ = chem_runtime::include_flow!("flows/all_at_once.yaml");
}
