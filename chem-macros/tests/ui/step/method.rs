use chem_runtime::prelude::*;

struct Shelf(Table);

impl Shelf {
    /// Gives the table on the shelf.
    #[step("demo.shelf", version = 1)]
    fn shelved(&self) -> Result<Table, StepError> {
        Ok(self.0.clone())
    }
}

fn main() {}
