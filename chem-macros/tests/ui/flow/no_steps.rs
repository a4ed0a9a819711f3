fn main() {
    let _ = chem_runtime::include_flow!("flows/no_steps.yaml");
}
