//! Finds the code of a step under `#[derive(Step)]`. The derive receives only the struct, so its methods are read from
//! the file.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Item, ItemImpl, ItemStruct, Path, Type};

/// Returns the struct without `#[step]`, and each `impl RunStep` for it in the same file. An implementation in another
/// file, in a function or in the expansion of a macro is not found.
pub(super) fn code(structure: &ItemStruct) -> TokenStream {
    let mut written = structure.clone();
    written.attrs.retain(|attribute| !attribute.path().is_ident("step"));
    let work = beside(&structure.ident);
    quote!(#written #work)
}

fn beside(structure: &Ident) -> TokenStream {
    let file = structure.span().unwrap().local_file();
    let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    of(&text, structure)
}

fn of(text: &str, structure: &Ident) -> TokenStream {
    let mut found = TokenStream::new();
    if let Ok(file) = syn::parse_file(text) {
        collect(&file.items, structure, &mut found);
    }
    found
}

fn collect(items: &[Item], structure: &Ident, found: &mut TokenStream) {
    for item in items {
        match item {
            Item::Mod(module) => {
                let items = module.content.as_ref().map(|(_, items)| items.as_slice());
                collect(items.unwrap_or_default(), structure, found);
            }
            Item::Impl(block) if is_work_of(block, structure) => block.to_tokens(found),
            _ => {}
        }
    }
}

fn is_work_of(block: &ItemImpl, structure: &Ident) -> bool {
    let ends_in = |path: &Path, name: &str| path.segments.last().is_some_and(|last| last.ident == name);
    let is_run_step = block.trait_.as_ref().is_some_and(|(_, path, _)| ends_in(path, "RunStep"));
    is_run_step && matches!(&*block.self_ty, Type::Path(ty) if ends_in(&ty.path, &structure.to_string()))
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn work(text: &str) -> String {
        of(text, &Ident::new("Rows", Span::call_site())).to_string()
    }

    #[test]
    fn the_work_is_the_implementation_of_the_trait_for_the_struct() {
        let text = "struct Rows; impl RunStep for Rows { const A: u32 = 1; } impl RunStep for Others {} impl Rows { fn f() {} }";
        assert_eq!(work(text), "impl RunStep for Rows { const A : u32 = 1 ; }");
        assert_eq!(
            work("mod a { impl super::RunStep for crate::Rows {} }"),
            "impl super :: RunStep for crate :: Rows { }"
        );
        assert_eq!(work("struct Rows; impl Step for Rows {}"), "");
        assert_eq!(work("this is no Rust"), "");
    }
}
