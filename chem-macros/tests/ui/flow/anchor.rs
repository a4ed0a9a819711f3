fn main() {
    let _ = chem_runtime::include_flow!("flows/anchor.yaml");
}
