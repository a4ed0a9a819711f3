const PATH: &str = "flows/syntax.yaml";

fn main() {
    let _ = chem_runtime::include_flow!(PATH);
}
