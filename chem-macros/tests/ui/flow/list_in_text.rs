fn main() {
    let _ = chem_runtime::include_flow!("flows/list_in_text.yaml");
}
