fn main() {
    let _ = chem_runtime::include_flow!("flows/not_there.yaml");
}
